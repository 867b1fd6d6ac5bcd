"""Other traffic on our address, for instance a trading bot, estimated from the used-weight headers of one minute.

Pure: the caller passes the time.
"""

from dataclasses import dataclass

from etl.core.egress import EDGE
from etl.core.markets.market import FUTURES
from etl.core.timeline import MINUTE, SECOND

SHORTEST_OBSERVATION = SECOND
"""Milliseconds to observe other traffic before its growth gives a rate."""

HEAVIEST = FUTURES.of_all
"""The greatest weight of one request of a walk."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One header: what others had used of the minute when the exchange read our request, between sent and answered."""

    used: int
    sent: int
    answered: int


@dataclass(frozen=True, slots=True)
class OtherTraffic:
    """The traffic of others in the minute that begins at `start`, epoch milliseconds.

    `before`: their expected weight of the minute before, None where too little was observed. It counts only until this
    minute has been observed long enough, so that one used-up minute does not limit all later ones.

    Others are assumed to continue evenly until the minute ends, at the lower of two rates: their rate since the minute
    began and, once observed long enough, their rate since the first sample. For even traffic both rates are right. The
    second keeps a past burst, for instance a run of ours that just ended, from being projected. Probes check an
    estimate that blocks us: one request may pass a second after the first header, and one more each time the observed
    time has doubled. Weight for these probes is reserved.
    """

    start: int
    before: int | None = None
    first: Sample | None = None
    last: Sample | None = None

    @property
    def used(self) -> int:
        """The weight that others have used in this minute, as far as the headers show."""
        return self.last.used if self.last else 0

    def with_sample(self, sample: Sample) -> "OtherTraffic":
        """The same after one more header. One that is out of order, or not certainly of this minute, is ignored."""
        if not self.start + EDGE <= sample.sent <= sample.answered < self.start + MINUTE - EDGE:
            return self
        if self.last and (sample.sent, sample.used) < (self.last.sent, self.last.used):
            return self
        return OtherTraffic(self.start, self.before, self.first or sample, sample)

    def expected(self) -> int | None:
        """The weight that others will have used when the minute ends; None where it is unknown."""
        if self.first is None or self.last is None:
            return self.before
        remaining = self._projected(self.last, self.last.used, self.last.sent - self.start)
        observed = self.last.sent - self.first.answered
        if observed < SHORTEST_OBSERVATION:
            return max(self.before or 0, self.last.used + remaining)
        return self.last.used + min(remaining, self._projected(self.last, self.last.used - self.first.used, observed))

    def _projected(self, last: Sample, growth: int, within: int) -> int:
        """The weight that others will still use at the rate of `growth` per `within` milliseconds.

        One is added to the growth, because the header counts whole weights.
        """
        return -(-(growth + 1) * (self.start + MINUTE - last.sent) // within) if growth > 0 else 0

    def probes(self, now: int) -> int:
        """How many probes, requests sent for the sake of their header, are allowed up to now."""
        return max(0, (now - self._observed_since) // SHORTEST_OBSERVATION).bit_length()

    def next_probe(self, now: int) -> int:
        """When the next probe is allowed."""
        return self._observed_since + (SHORTEST_OBSERVATION << self.probes(now))

    def reserved(self, now: int, unknown: int) -> int:
        """The weight of this minute that we leave free; `unknown` stands in for an unknown estimate."""
        expected = self.expected()
        expected = unknown if expected is None else expected
        return expected + (HEAVIEST * self._probes_left(now) if expected > self.used else 0)

    def _probes_left(self, now: int) -> int:
        without_sample = 0 if self.first else 1  # the first header restarts the count
        return self.probes(self.start + MINUTE - 1) - self.probes(now) + without_sample

    @property
    def _observed_since(self) -> int:
        return self.first.answered if self.first else self.start

    def next_minute(self, start: int) -> "OtherTraffic":
        """The estimate for the minute that begins at `start`, based on samples from the second half of this one."""
        is_known = self.last is not None and self.last.sent >= self.start + MINUTE // 2
        return OtherTraffic(start, self.expected() if is_known and start == self.start + MINUTE else None)
