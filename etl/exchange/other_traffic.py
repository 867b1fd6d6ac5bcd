"""Others on our address, a trading bot for instance: what the used-weight headers of one minute tell of them.

Pure: the time is handed in.
"""

from dataclasses import dataclass

from etl.core.egress import EDGE
from etl.core.paging import WEIGHT_WITHOUT_SYMBOL
from etl.core.timeline import MINUTE, SECOND

SHORTEST_OBSERVATION = SECOND
"""How long others are watched, at least, before what they did meanwhile says how fast they go."""

HEAVIEST = WEIGHT_WITHOUT_SYMBOL
"""The most that one request costs."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One header: what others had used of the minute when the exchange read our request, between sent and answered."""

    others: int
    sent: int
    answered: int


@dataclass(frozen=True, slots=True)
class OtherTraffic:
    """Others in the minute that begins at `start`, epoch milliseconds.

    `before`: what they were expected to use of the minute before, None where too little was heard of it. It counts only
    until this minute has been watched for a while, so that one that was used up is not held against all that follow.

    They are taken to go on evenly until the minute ends. How fast is the lesser of two rates: theirs since the minute
    began, and, once it has been watched for a while, theirs since we are listening. For whoever burns evenly both are
    right; the second keeps a burst of the past, a run of ours that just ended for instance, from being taken for a
    habit. An estimate that holds us back is looked into: one request may pass a second after the first header, and
    then each time that the time listened to has doubled. Room is kept for these questions.
    """

    start: int
    before: int | None = None
    first: Sample | None = None
    last: Sample | None = None

    @property
    def others(self) -> int:
        """What others have used of the minute, as far as we sample."""
        return self.last.others if self.last else 0

    def with_sample(self, sample: Sample) -> "OtherTraffic":
        """The same after one more header. One that comes out of turn, or belongs to no minute for sure, is ignored."""
        if not self.start + EDGE <= sample.sent <= sample.answered < self.start + MINUTE - EDGE:
            return self
        if self.last and (sample.sent, sample.others) < (self.last.sent, self.last.others):
            return self
        return OtherTraffic(self.start, self.before, self.first or sample, sample)

    def expected(self) -> int | None:
        """What others will have used when the minute ends; None where nobody knows."""
        if self.first is None or self.last is None:
            return self.before
        ahead = self._ahead(self.last, self.last.others, self.last.sent - self.start)
        watched = self.last.sent - self.first.answered
        if watched < SHORTEST_OBSERVATION:
            return max(self.before or 0, self.last.others + ahead)
        return self.last.others + min(ahead, self._ahead(self.last, self.last.others - self.first.others, watched))

    def _ahead(self, last: Sample, grown: int, within: int) -> int:
        """What they will still use at the rate of `grown` within so many milliseconds.

        One more than was seen, because the header counts whole weights.
        """
        return -(-(grown + 1) * (self.start + MINUTE - last.sent) // within) if grown > 0 else 0

    def probes(self, now: int) -> int:
        """How many requests could have passed by now for the sake of their header."""
        return max(0, (now - self._observed_since) // SHORTEST_OBSERVATION).bit_length()

    def next_probe(self, now: int) -> int:
        """When the next of them may pass."""
        return self._observed_since + (SHORTEST_OBSERVATION << self.probes(now))

    def reserved(self, now: int, unknown: int) -> int:
        """What of this minute's allowance is not for us; `unknown` where nobody knows what others will use."""
        expected = self.expected()
        expected = unknown if expected is None else expected
        return expected + (HEAVIEST * self._probes_left(now) if expected > self.others else 0)

    def _probes_left(self, now: int) -> int:
        unheard = 0 if self.first else 1  # the first header begins the count anew
        return self.probes(self.start + MINUTE - 1) - self.probes(now) + unheard

    @property
    def _observed_since(self) -> int:
        return self.first.answered if self.first else self.start

    def next_minute(self, start: int) -> "OtherTraffic":
        """Who to expect in the minute that begins at `start`, from what was heard in the second half of this one."""
        is_known = self.last is not None and self.last.sent >= self.start + MINUTE // 2
        return OtherTraffic(start, self.expected() if is_known and start == self.start + MINUTE else None)
