"""Where to cut a window whose page was full: its own rows tell.

Whichever rows the exchange lets through, a full page begins or ends where it began to count. If it keeps the oldest
rows, then everything before the latest of them was on the page, and that part asked for again is short: one request
that shows where to cut, one that proves. If neither end gives a hint, the median row halves the rows, not the time.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from statistics import median_low

from etl.core.observations import Truncation
from etl.core.timeline import Window

NARROWEST = 3
"""Milliseconds below which cutting is pointless: a request reaches one millisecond beyond its window on either side, so
that the three windows of one millisecond around a crowded instant would all find the same crowd."""

MEDIAN_CUTS = 32
"""Cuts in a row that may follow the rows before the time itself is halved, so that the depth has a bound."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A window still to be asked for."""

    window: Window
    expects: Truncation | None = None
    """The belief under which its page will be short."""
    depth: int = 0
    """Cuts since the last one that followed a belief."""


def cut(piece: Piece, times: Iterable[int], observed: Truncation | None) -> list[Piece]:
    """At least two smaller pieces that together make up `piece`, in the order in which to ask for them.

    `times` are the order times of its full page; those outside the window are left out of account. The window must be
    wider than NARROWEST.
    """
    window = piece.window
    inside = sorted(t for t in times if window.contains(t))
    if not inside:
        return _halves(piece, (window.start + window.end) // 2)
    kept = None if piece.expects else observed or _guess(window, inside[0], inside[-1])
    if kept is Truncation.KEEPS_OLDEST:
        # The first part must end so early that its request no longer reaches the latest row.
        at = inside[-1] - 1
        if at <= window.start:
            return _halves(piece, window.start + NARROWEST)
        certain, rest = window.split(at)
        return [Piece(certain, kept), Piece(rest)]
    if kept is Truncation.KEEPS_NEWEST:
        at = inside[0] + 2
        if at >= window.end:
            return list(reversed(_halves(piece, window.end - NARROWEST)))
        rest, certain = window.split(at)
        return [Piece(certain, kept), Piece(rest)]
    if piece.depth >= MEDIAN_CUTS:
        return _halves(piece, (window.start + window.end) // 2)
    median = median_low(inside)
    return _halves(piece, median if median > window.start else window.start + NARROWEST)


def _guess(window: Window, first: int, last: int) -> Truncation | None:
    """The end that the rows crowd towards, where they leave a good part of the other side empty."""
    before, after = first - window.start, window.end - last
    if 8 * max(before, after) < window.width:
        return None
    return Truncation.KEEPS_OLDEST if after >= before else Truncation.KEEPS_NEWEST


def _halves(piece: Piece, at: int) -> list[Piece]:
    return [Piece(part, depth=piece.depth + 1) for part in piece.window.split(at)]
