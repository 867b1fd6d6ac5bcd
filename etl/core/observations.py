"""What a run has observed about undocumented behaviour of the exchange.

Observations only choose the next request. A wrong one costs requests, never rows: proof rests on the responses alone.
"""

from collections import Counter
from dataclasses import dataclass
from enum import Enum

from etl.core.retention import Retention


class Truncation(Enum):
    """Which rows a page keeps when more rows match than the limit allows."""

    KEEPS_OLDEST = "oldest"
    KEEPS_NEWEST = "newest"


class TruncationSide:
    """Which end of a window the exchange truncates, as full pages have shown."""

    def __init__(self) -> None:
        self.observed: Truncation | None = None
        self._failures = 0

    def confirmed(self, kept: Truncation) -> None:
        """A page that was expected to be short was short."""
        self.observed, self._failures = kept, 0

    def failed(self) -> None:
        """It was full instead. The second failure in a row drops the observation."""
        self._failures += 1
        if self._failures >= 2:
            self.observed = None


class PageSize:
    """How many rows the exchange really puts on a page, which may be fewer than the requested limit.

    A page shorter than one seen before is certainly not truncated. A page as long as the largest ever seen, but below
    the limit, may be truncated: it is doubtful if it is large, or if its exact length recurs. That a small page whose
    length does not recur is complete is the one assumption here; the exchange documents 50 rows as its default, and
    doubting every such page would cost each quiet history two more requests.

    Lengths count every row of a page. `largest` counts distinct orders that were requested, because duplicate and
    unrequested rows say nothing about how many rows the exchange returns.
    """

    def __init__(self, limit: int, largest_known: int = 0) -> None:
        self.limit = limit
        self.seen = 0
        self._known = largest_known
        self._recurring: Counter[int] = Counter()

    @property
    def largest(self) -> int:
        """The most orders on one page, in this run (`seen`) or in earlier runs."""
        return max(self.seen, self._known)

    def note(self, length: int, requested: int, *, whole: bool) -> None:
        """Record a page and how many distinct requested orders it holds.

        `whole`: it is the first page of a walk, so that no two such pages hold the same rows.
        """
        self.seen = max(self.seen, requested)
        self._recurring[length] += whole

    def is_doubtful(self, length: int) -> bool:
        """Whether a longer page, still to come, could show that one of this length is not truncated."""
        return max(self._shortest_recurring, self.largest) <= length < self.limit

    def may_be_truncated(self, length: int, *, narrow: bool = False) -> bool:
        """Whether a page of this length, already recorded, may be truncated.

        If the window is too `narrow` to be cut, verifying takes a request for every symbol; then a page with fewer rows
        than the documented default counts as complete.
        """
        if length >= self.limit:
            return True
        if length < self.largest:
            return False
        large = length >= max(1, self.limit // 2 if narrow else self.limit // 5)
        return large or (length >= self._shortest_recurring and self._recurring[length] >= 3)

    @property
    def _shortest_recurring(self) -> int:
        return max(1, self.limit // 20)


@dataclass
class Observations:
    """All that one walk passes on to the next within a scope."""

    truncation_side: TruncationSide
    page_size: PageSize
    retention: Retention
