"""Where to cut a window whose page was full, decided from the page's own rows.

If the exchange keeps the oldest rows of a full page, then the page holds everything before its latest row. Requested
again, that part is a short page: one request shows where to cut, the next one proves. The same holds from the other
end if it keeps the newest rows. If neither end gives a hint, the median row halves the rows, not the time.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import takewhile
from statistics import median_low

from etl.core.observations import Truncation
from etl.core.timeline import Window

NARROWEST = 3
"""Windows of at most this width in milliseconds are not cut: a request reaches one millisecond beyond its window on
either side, so all three windows of one millisecond around a crowded instant would return the same full page."""

MEDIAN_CUTS = 32
"""The most consecutive cuts at a median row; after them the time is halved, so that the depth is bounded."""


SPARE = 25
"""One of so many rows of a full page stays out of the part that is expected to be short. That part's page is then
shorter by several rows, so that pages which are cut by bytes and not by rows are told apart."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A window still to be requested."""

    window: Window
    expects: Truncation | None = None
    """If the exchange truncates this way, the page of this piece is short."""
    depth: int = 0
    """Cuts since the last one that followed a truncation side."""
    was_refused: bool = False
    """Whether the exchange refused it once, although it promises to keep that time."""
    foretold: int = 0
    """Orders that a hint shows in it; 0: there is no hint, or it shows none."""


def cut(piece: Piece, times: Iterable[int], observed: Truncation | None) -> list[Piece]:
    """At least two smaller pieces that together make up `piece`, in the order in which to request them.

    `times` are the order times of its full page; times outside the window are ignored. The window must be wider than
    NARROWEST.
    """
    window = piece.window
    inside = sorted(t for t in times if window.contains(t))
    if not inside:
        return _halves(piece, (window.start + window.end) // 2)
    kept = None if piece.expects else observed or _guess(window, inside[0], inside[-1])
    spare = max(1, len(inside) // SPARE)
    if kept is Truncation.KEEPS_OLDEST:
        # The first part must end early enough that its request does not reach the latest rows.
        at = inside[-spare] - 1
        if at <= window.start:
            return _halves(piece, window.start + NARROWEST)
        certain, rest = window.split(at)
        return [Piece(certain, kept), Piece(rest)]
    if kept is Truncation.KEEPS_NEWEST:
        at = inside[spare - 1] + 2
        if at >= window.end:
            return list(reversed(_halves(piece, window.end - NARROWEST)))
        rest, certain = window.split(at)
        return [Piece(certain, kept), Piece(rest)]
    return _halves_by_rows(piece, inside)


def halve(piece: Piece, times: Iterable[int]) -> list[Piece]:
    """Two pieces with half of the rows each, or half of the time if there are no rows; as `cut` otherwise."""
    window = piece.window
    inside = sorted(t for t in times if window.contains(t))
    return _halves_by_rows(piece, inside) if inside else _halves(piece, (window.start + window.end) // 2)


def joined(pieces: Sequence[Piece]) -> list[Piece]:
    """The same with the foretold pieces at the beginning, which are neighbours, as one of which nothing is foretold."""
    told = list(takewhile(lambda piece: piece.foretold, pieces))
    whole = [Piece(Window(told[0].window.start, told[-1].window.end))] if told else []
    return [*whole, *pieces[len(told) :]]


def _halves_by_rows(piece: Piece, inside: Sequence[int]) -> list[Piece]:
    window = piece.window
    if piece.depth >= MEDIAN_CUTS:
        return _halves(piece, (window.start + window.end) // 2)
    median = median_low(inside)
    return _halves(piece, median if median > window.start else window.start + NARROWEST)


def _guess(window: Window, first: int, last: int) -> Truncation | None:
    """A guess from where the rows lie, if they leave an eighth of the window or more empty at one end."""
    before, after = first - window.start, window.end - last
    if 8 * max(before, after) < window.width:
        return None
    return Truncation.KEEPS_OLDEST if after >= before else Truncation.KEEPS_NEWEST


def _halves(piece: Piece, at: int) -> list[Piece]:
    return [Piece(part, depth=piece.depth + 1) for part in piece.window.split(at)]
