"""The weight budget of the running minute: how much is spent, and when the next request fits.

Pure: the caller passes the time. The exchange counts by the minutes of its own clock.
"""

from collections import deque
from itertools import chain, takewhile

from etl.core.egress import EDGE
from etl.core.markets.apis import FUTURES_POOL
from etl.core.timeline import MINUTE
from etl.exchange.other_traffic import HEAVIEST, OtherTraffic, Sample

ALLOWANCE = FUTURES_POOL.allowance
"""Of the pool in which most requests are."""


def default_budget(allowance: int) -> int:
    """Half of what the exchange allows, so that other traffic keeps the other half; at least one request."""
    return max(allowance // 2, HEAVIEST)


class Budget:
    """How much weight all our processes may use per minute, within the allowance of the address as a whole.

    Other traffic on the address has priority. What it is expected to use until the minute ends stays reserved for it,
    so that a steady bot is not refused late in the minute because we used the allowance early. While nothing is known
    of other traffic, half of the allowance is reserved.
    """

    def __init__(self, chosen: int | None = None, allowance: int = ALLOWANCE) -> None:
        """`chosen`: what the operator allows all our processes per minute; None: half of the allowance of the pool.

        Until `allow` is called, the allowance is at least what the operator chose: he may know of a greater one.
        """
        self._chosen = chosen
        self.allow(max(allowance, chosen or 0))
        self._sent: deque[tuple[int, int]] = deque()
        self._ours = 0  # the sum of `_sent`, kept so that a fast run does not add it up for each request
        self._other_processes = 0
        self._others = OtherTraffic(0)

    @property
    def is_chosen(self) -> bool:
        """Whether the operator chose the budget."""
        return self._chosen is not None

    def allow(self, allowance: int) -> None:
        """The exchange allows the address so much a minute: a chosen budget stays, but is never greater."""
        self._allowance = allowance
        self.per_minute = default_budget(allowance) if self._chosen is None else min(self._chosen, allowance)

    def delay(self, weight: int, now: int) -> int:
        """Milliseconds until a request of `weight` may be sent or `delay` should be called again; 0: send now."""
        self._roll(now)
        others, spent = self._others, self._ours + self._other_processes
        next_minute = now + self.until_next_minute(now)
        if self.is_spent(weight, now) or spent + weight + others.used > self._allowance:
            return next_minute - now
        if spent + weight + others.reserved(now, unknown=self._allowance // 2) <= self._allowance:
            return 0
        if weight > HEAVIEST:
            return next_minute - now
        last_sent = self._sent[-1][0] if self._sent else 0
        if others.probes(now) > others.probes(last_sent):
            return 0
        return min(next_minute, others.next_probe(now)) - now

    def is_spent(self, weight: int, now: int) -> bool:
        """Whether our own budget has no room for a request of `weight` in this minute."""
        self._roll(now)
        return self._ours + self._other_processes + weight > self.per_minute

    def until_next_minute(self, now: int) -> int:
        """Milliseconds until the next minute has certainly begun."""
        self._roll(now)
        return self._others.start + MINUTE + EDGE - now

    def room(self, now: int) -> int:
        """The most weight that all our processes together may use in this minute."""
        self._roll(now)
        return min(self.per_minute, self._allowance - self._others.used)

    def spend(self, weight: int, now: int) -> None:
        self._roll(now)
        self._sent.append((now, weight))
        self._ours += weight

    def note_shared_total(self, spent: int, now: int) -> None:
        """Record the weight that this process and the others on the same egress have used in this minute."""
        self._roll(now)
        self._other_processes = max(0, spent - self._ours)

    def note_used_weight(self, used: int, sent: int, now: int) -> None:
        """Record a used-weight header received at `now`: what exceeds our own weight is other traffic.

        Our own weight is what this process sent in this minute up to that request, since later requests had not arrived
        yet, plus the known weight of our other processes.
        """
        self._roll(now)
        before = takewhile(lambda one: one[0] < self._others.start, self._sent)
        later = takewhile(lambda one: one[0] > sent, reversed(self._sent))
        ours = self._ours + self._other_processes - sum(weight for _, weight in chain(before, later))
        self._others = self._others.with_sample(Sample(max(0, used - ours), sent, now))

    def forget_other_traffic(self) -> None:
        """Drop all samples of other traffic, because the clock that dated them was wrong."""
        self._others = OtherTraffic(self._others.start)

    def _roll(self, now: int) -> None:
        start = now // MINUTE * MINUTE
        if start != self._others.start:
            self._others = self._others.next_minute(start)
            self._other_processes = 0
        while self._sent and self._sent[0][0] < start - EDGE:
            self._ours -= self._sent.popleft()[1]
        if self._sent and self._sent[-1][0] > now:  # the clock was set back: these count as sent now
            self._sent = deque((min(at, now), w) for at, w in self._sent)
