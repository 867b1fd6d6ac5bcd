"""Weight: how much of the exchange's allowance is spent in the running minute, and when the next request fits.

Pure: the time is handed in. The exchange counts by the minutes of its own clock.
"""

from collections import deque
from itertools import chain, takewhile

from etl.core.egress import EDGE
from etl.core.timeline import MINUTE
from etl.exchange.other_traffic import HEAVIEST, OtherTraffic, Sample

ALLOWANCE = 2_400
"""Weight a minute and address on USDⓈ-M futures (exchangeInfo.rateLimits)."""


class Budget:
    """What this program may use a minute, in however many processes, and what the address as a whole must not exceed.

    Others come first: what they are expected to use until the minute ends is left to them, so that a bot that burns
    evenly is not refused at its end because we took everything at its beginning. While nothing is known of others, half
    of the allowance is left to them.
    """

    def __init__(self, per_minute: int, allowance: int = ALLOWANCE) -> None:
        self.per_minute = per_minute
        self._allowance = max(allowance, per_minute)
        self._sent: deque[tuple[int, int]] = deque()
        self._ours = 0
        self._other_processes = 0
        self._others = OtherTraffic(0)

    def delay(self, weight: int, now: int) -> int:
        """Milliseconds until a request of `weight` may be sent, or is worth another look; 0: now."""
        self._roll(now)
        others, ours = self._others, self._ours + self._other_processes
        next_minute = now + self.until_next_minute(now)
        if self.is_spent(weight, now) or ours + weight + others.others > self._allowance:
            return next_minute - now
        if ours + weight + others.reserved(now, unknown=self._allowance // 2) <= self._allowance:
            return 0
        if weight > HEAVIEST:
            return next_minute - now
        asked_at = self._sent[-1][0] if self._sent else 0
        if others.probes(now) > others.probes(asked_at):
            return 0
        return min(next_minute, others.next_probe(now)) - now

    def is_spent(self, weight: int, now: int) -> bool:
        """Whether our own budget has no room for a request of `weight` in this minute."""
        self._roll(now)
        return self._ours + self._other_processes + weight > self.per_minute

    def until_next_minute(self, now: int) -> int:
        """Milliseconds until the next minute has begun for sure."""
        self._roll(now)
        return self._others.start + MINUTE + EDGE - now

    def room(self, now: int) -> int:
        """What all of ours may have spent of this minute, at most."""
        self._roll(now)
        return min(self.per_minute, self._allowance - self._others.others)

    def spend(self, weight: int, now: int) -> None:
        self._roll(now)
        self._sent.append((now, weight))
        self._ours += weight

    def note_shared_total(self, spent: int, now: int) -> None:
        """Take note of what this process and its kin, those that share its egress, have spent of this minute."""
        self._roll(now)
        self._other_processes = max(0, spent - self._ours)

    def note_used_weight(self, used: int, sent: int, now: int) -> None:
        """Take note of the used-weight header that came now: what it holds beyond our own was somebody else's.

        Our own is what this process sent in this minute up to that request, since later ones had not arrived, and what
        its kin are known to have sent.
        """
        self._roll(now)
        before = takewhile(lambda one: one[0] < self._others.start, self._sent)
        later = takewhile(lambda one: one[0] > sent, reversed(self._sent))
        ours = self._ours + self._other_processes - sum(weight for _, weight in chain(before, later))
        self._others = self._others.with_sample(Sample(max(0, used - ours), sent, now))

    def forget_other_traffic(self) -> None:
        """What was heard of others was heard by a clock that was wrong."""
        self._others = OtherTraffic(self._others.start)

    def _roll(self, now: int) -> None:
        start = now // MINUTE * MINUTE
        if start != self._others.start:
            self._others = self._others.next_minute(start)
            self._other_processes = 0
        while self._sent and self._sent[0][0] < start - EDGE:
            self._ours -= self._sent.popleft()[1]
        if self._sent and self._sent[-1][0] > now:  # the clock was set back: it counts as sent now
            self._sent = deque((min(at, now), w) for at, w in self._sent)
