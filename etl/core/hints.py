"""Where to cut a busy window, told beforehand by the list of all orders.

That list costs a tenth of a request for force orders and shows ten times the rows. Its times tell how dense a window
is, so that nearly every request is short at once, where else a full page would have to tell it. A hint only chooses
what is requested. Every window is still proven by its own page, and what is requested makes up the same window, so a
wrong hint costs requests, never rows.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

from etl.core.timeline import Window

GRANTED = 16
"""How much a hint may fail at first, in eighths of a failure."""


class Hint(NamedTuple):
    """The times of the forced orders of a window from `since` on, epoch milliseconds; what lies before is not told."""

    since: int
    times: Sequence[int]


@dataclass(frozen=True, slots=True)
class HintRequest:
    """The walk needs the hint of a window; send it, or None where there is none."""

    window: Window


class Foretold(NamedTuple):
    """A window, and how many orders the hint shows in it; 0: nothing is told of it."""

    window: Window
    orders: int


class HintTrust:
    """Whether hints are worth asking for: one that is wrong more often than one time in eight is not.

    It only chooses the next request.
    """

    def __init__(self) -> None:
        self._standing = GRANTED

    @property
    def is_trusted(self) -> bool:
        return self._standing > 0

    def confirmed(self) -> None:
        """A page was as short as foretold."""
        self._standing += 1

    def failed(self) -> None:
        """It was full, or much shorter; or a hint told nothing of use."""
        self._standing -= 8

    def refused(self) -> None:
        """There is no hint, and there will be none."""
        self._standing = 0


def rows_foretold(limit: int) -> int:
    """Orders that a piece is to have. The list lacks a few: an order without a fill is forgotten after three days."""
    return limit - limit // 6


def foretold(window: Window, hint: Hint, rows: int) -> list[Foretold]:
    """Windows with about `rows` orders each that together make up `window`, oldest first.

    Empty where the hint shows too few orders to save a request. An instant with its neighbours is never divided,
    because a request reaches a millisecond beyond its window on either side. So a window may hold more than `rows`.
    """
    since = max(window.start, hint.since)
    times = sorted(t for t in hint.times if since <= t < window.end)
    if len(times) < 2 * rows:
        return []
    at, cuts = 0, [(window.start, 0)]
    if window.start < since - 1:
        cuts.append((since - 1, 0))
    while (following := _cut(times, at, rows)) is not None:
        cuts[-1] = cuts[-1][0], following - at
        cuts.append((times[following] - 1, 0))
        at = following
    cuts[-1] = cuts[-1][0], len(times) - at
    ends = [*(start for start, _ in cuts[1:]), window.end]
    return [Foretold(Window(start, end), orders) for (start, orders), end in zip(cuts, ends, strict=True)]


def _cut(times: Sequence[int], at: int, rows: int) -> int | None:
    """The place of the last time that may begin a new window so that the old one has `rows`, or else of the next."""
    if len(times) - at <= rows:
        return None
    begins = [n for n, (before, after) in enumerate(pairwise(times[at:]), at + 1) if after - before > 2]
    fitting = [n for n in begins if n <= at + rows]
    return max(fitting) if fitting else min(begins, default=None)
