"""Weight: how much of the exchange's allowance is spent in the running minute, and when the next request fits.

Pure: the time is handed in. The exchange counts by the minutes of its own clock.
"""

from collections import deque

from etl.core.timeline import MINUTE, SECOND

ALLOWANCE = 2_400
"""Weight a minute and address on USDⓈ-M futures (exchangeInfo.rateLimits)."""

EDGE = SECOND
"""How exactly we know when the exchange's minute begins: what was sent so shortly before counts in both minutes."""


class Budget:
    """What this program may use a minute, and what the address as a whole must not exceed."""

    def __init__(self, per_minute: int, allowance: int = ALLOWANCE) -> None:
        self.per_minute = per_minute
        self._allowance = max(allowance, per_minute)
        self._sent: deque[tuple[int, int]] = deque()
        self._others = 0
        self._minute = 0

    def delay(self, weight: int, now: int) -> int:
        """Milliseconds until a request of `weight` may be sent; 0: now."""
        self._roll(now)
        ours = sum(w for _, w in self._sent)
        if ours + weight <= self.per_minute and ours + self._others + weight <= self._allowance:
            return 0
        return (self._minute + 1) * MINUTE - now + EDGE

    def spend(self, weight: int, now: int) -> None:
        self._roll(now)
        self._sent.append((now, weight))

    def learn(self, used: int, now: int) -> None:
        """Take note of the used-weight header: what it holds beyond our own was somebody else's."""
        self._roll(now)
        self._others = max(self._others, used - sum(w for _, w in self._sent))

    def _roll(self, now: int) -> None:
        minute = now // MINUTE
        if minute != self._minute:
            self._minute, self._others = minute, 0
        while self._sent and self._sent[0][0] < minute * MINUTE - EDGE:
            self._sent.popleft()
