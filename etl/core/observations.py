"""What a run has learned about the exchange where its documentation is silent.

A belief only chooses the next request. When it is wrong it costs requests, never rows: what is proven rests on the
answers alone.
"""

from collections import Counter
from dataclasses import dataclass
from enum import Enum

from etl.core.retention import Retention


class Truncation(Enum):
    """Which rows survive when more match than the limit lets through."""

    KEEPS_OLDEST = "oldest"
    KEEPS_NEWEST = "newest"


class TruncationSide:
    """Which end of a window the exchange counts from, as full pages have shown it."""

    def __init__(self) -> None:
        self.observed: Truncation | None = None
        self._failures = 0

    def confirmed(self, kept: Truncation) -> None:
        """The part that should have been short was."""
        self.observed, self._failures = kept, 0

    def failed(self) -> None:
        """It was full instead. Twice in a row, and the belief is dropped."""
        self._failures += 1
        if self._failures >= 2:
            self.observed = None


class PageSize:
    """How many rows the exchange really puts on a page, which may be fewer than asked for.

    A page shorter than one seen before was certainly not cut. One that is as long as the largest ever seen, yet stays
    below the limit, may have been: it is doubted if it is large, or if its very length comes up again and again. That a
    small, single one is taken at its word is the one assumption here; the exchange documents 50 rows as its default,
    and to doubt every one would cost each quiet history two more requests.

    Lengths count every row of a page; `largest` counts distinct orders that were asked for, because rows that came
    twice or unasked say nothing about how many the exchange is willing to give.
    """

    def __init__(self, limit: int, largest_known: int = 0) -> None:
        self.limit = limit
        self.seen = 0
        self._known = largest_known
        self._whole: Counter[int] = Counter()

    @property
    def largest(self) -> int:
        """The most orders on one page, in this run (`seen`) or known from before."""
        return max(self.seen, self._known)

    def note(self, length: int, requested: int, *, whole: bool) -> None:
        """Take note of a page and of how many distinct orders on it were asked for.

        `whole`: it was a walk's first, so that no two of these speak of the same rows.
        """
        self.seen = max(self.seen, requested)
        self._whole[length] += whole

    def is_doubtful(self, length: int) -> bool:
        """Whether longer pages, yet to come, could still show that one of this length was not cut."""
        return max(self._smallest_recurring, self.largest) <= length < self.limit

    def may_be_cut(self, length: int, *, narrow: bool = False) -> bool:
        """Whether a page of this length, already noted, may hide rows.

        Where the window is too `narrow` to be cut, verifying takes a request for every symbol there is; then fewer
        rows than the documented default are taken at their word.
        """
        if length >= self.limit:
            return True
        if length < self.largest:
            return False
        large = length >= max(1, self.limit // 2 if narrow else self.limit // 5)
        return large or (length >= self._smallest_recurring and self._whole[length] >= 3)

    @property
    def _smallest_recurring(self) -> int:
        return max(1, self.limit // 20)


@dataclass
class Observations:
    """All that one walk tells the next within a scope."""

    truncation_side: TruncationSide
    page_size: PageSize
    retention: Retention
