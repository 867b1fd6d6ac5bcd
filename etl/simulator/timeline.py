"""Rows in the order of their time, so that a bisection finds a window."""

from bisect import bisect_left
from collections.abc import Iterable
from typing import Generic, Protocol, TypeVar


class Timed(Protocol):
    """Anything with an instant, epoch milliseconds."""

    @property
    def time(self) -> int:
        """When it happened."""


Row = TypeVar("Row", bound=Timed)


class Timeline(Generic[Row]):
    """Rows sorted by time; ties stay as they come."""

    def __init__(self, rows: Iterable[Row]) -> None:
        self.rows = sorted(rows, key=lambda row: row.time)
        self._times = [row.time for row in self.rows]

    def between(self, low_ms: int, high_ms: int) -> list[Row]:
        """The rows with low ≤ time < high."""
        return self.rows[bisect_left(self._times, low_ms) : bisect_left(self._times, high_ms)]
