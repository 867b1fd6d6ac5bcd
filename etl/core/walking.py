"""Decides the next request of a window from the last response.

A walk does no I/O, and it assumes nothing about the order of rows, about which rows a truncated page keeps, or about
whether the ends of a window are inclusive. Only a page that answers the question and cannot be truncated proves an
interval, and only exactly the interval that was requested. A full page proves nothing; its times only show where to cut
next. Of a busy window a hint may tell that beforehand (see `hints`), for many cuts at once.

Bound: every page that proves nothing is either cut into two smaller pieces or ends in a split by symbol. Pieces on one
level are disjoint, so an order lies in at most three of them (a request reaches a millisecond beyond its window on
either side). Hence there are at most 3·N/n such pages a level for N orders and pages of at least n rows, on at most
LEVELS levels. A walk that sees more of them, N being the orders seen so far, receives the same rows repeatedly, and
gives up.
"""

from collections.abc import Generator
from dataclasses import dataclass, replace

from etl.core.crowds import prove_crowd
from etl.core.dialogue import Dialogue, Received, Reply, Step, Steps
from etl.core.findings import Verdict
from etl.core.hints import foretold, rows_foretold
from etl.core.observations import Observations
from etl.core.page_limits import Doubt
from etl.core.paging import Answer, Page, Refusal
from etl.core.retention import MARGIN
from etl.core.timeline import Window, clip, merge, subtract
from etl.core.window_splitting import NARROWEST, Piece, cut, halve, joined

LEVELS = 64
"""More than the cuts from a whole window down to a millisecond: 32 that follow the rows, and 7 days are 2^29.2 ms."""

FULL_PAGES = 2
"""So many full pages make a window busy: from then on a hint is worth its request."""

Pieces = Generator[Step, Reply, list[Piece]]
"""Requests, and then the pieces that are to be requested next."""


@dataclass(frozen=True, slots=True)
class Target:
    """The goal of one walk.

    `need` is the window to prove. `requested` contains it and is the window of the first request, since a wider window
    costs no more.
    """

    need: Window
    requested: Window
    symbol: str | None = None
    proven: tuple[Window, ...] = ()
    """What is proven already, and is only read again for orders that appeared late."""


@dataclass(frozen=True, slots=True)
class _Held:
    """A piece whose page proves it as soon as the doubt is over."""

    piece: Piece
    page: Page
    doubt: Doubt


def walk(target: Target, observations: Observations, *, by_symbol: bool = True) -> Steps:
    """All requests needed to prove `target.need`, or to find the reason why it cannot be proven.

    `by_symbol`: whether a crowded millisecond can be divided by symbol. If not, it is saturated.
    """
    yield from _Walk(target, observations, by_symbol=by_symbol).steps()


class _Walk:
    def __init__(self, target: Target, observations: Observations, *, by_symbol: bool) -> None:
        self._target = target
        self._by_symbol = by_symbol
        self._truncation_side = observations.truncation_side
        self._hints = observations.hints
        self._full_pages = 0
        claim = Window(target.requested.start, target.need.end)
        self._dialogue = Dialogue(target.symbol, target.requested, claim, observations)
        self._held: list[_Held] = []
        self._refused: list[Piece] = []
        self._has_waited = False

    def steps(self) -> Steps:
        pending = [Piece(self._target.requested)]
        while pending:
            while pending and not self._receives_the_same_rows:
                piece, *later = pending
                received = yield from self._dialogue.request(piece.window, self._target.symbol)
                smaller = yield from self._consider(piece, received)
                pending = smaller + (joined(later) if self._is_misled(piece, received.page) else later)
                self._release()
            if pending:
                break
            pending = yield from self._settle()
        for window in merge(piece.window for piece in pending):
            self._dialogue.find(window, Verdict.FAILED)
        yield self._dialogue.step(None)

    @property
    def _receives_the_same_rows(self) -> bool:
        """Whether more answers proved nothing than the orders seen so far explain."""
        smallest = self._dialogue.limits.smallest_doubtful
        return self._dialogue.proved_nothing > LEVELS * (1 + 3 * len(self._dialogue.seen) // smallest)

    def _consider(self, piece: Piece, received: Received) -> Pieces:
        """Find what an answer proves; returns the smaller pieces to request instead if it proves nothing."""
        page, doubt = received.page, received.doubt
        if page is None:
            if received.answer is Refusal.BEYOND_RETENTION and self._dialogue.retention.is_doubtful(piece.window):
                return (yield from self._doubt_refusal(piece))
            return self._consider_refusal(piece, received.answer)
        is_full = self._is_full(page)
        self._full_pages += is_full
        if piece.expects and is_full:
            self._truncation_side.failed()
        elif piece.expects:
            self._truncation_side.confirmed(piece.expects)
        is_proven_already = not subtract([piece.window], self._target.proven)
        if doubt is None or doubt.is_over or (is_proven_already and self._may_be_believed(page)):
            self._dialogue.prove(piece.window, [page])
            return []
        if doubt.has_earlier or self._dialogue.limits.may_be_lone(doubt):
            self._held.append(_Held(piece, page, doubt))
            return []
        return (yield from self._divide(piece, page))

    def _consider_refusal(self, piece: Piece, refusal: Answer) -> list[Piece]:
        window = piece.window
        if refusal is Refusal.TOO_WIDE and window.width > 1:
            return [Piece(half, depth=piece.depth) for half in window.split((window.start + window.end) // 2)]
        if refusal is Refusal.BEYOND_RETENTION:
            given_up, still_to_request = self._dialogue.retention.narrow_down(window)
            for lost in given_up:
                self._dialogue.find(lost, Verdict.BEYOND_RETENTION)
            return [Piece(part) for part in still_to_request]
        is_disputed = refusal is Refusal.ANOTHER_QUESTION
        self._dialogue.find(window, Verdict.DISPUTED if is_disputed else Verdict.FAILED)
        return []

    def _doubt_refusal(self, piece: Piece) -> Pieces:
        """The exchange refused a window that it promises to keep: ask again when all else is done.

        If it refuses again, the edge may have moved into the window while the run lasted: it is searched, near the
        beginning first, to the minute. What lies before it failed, and the next run asks for it again.
        """
        window = piece.window
        if not piece.was_refused:
            self._refused.append(replace(piece, was_refused=True))
            return []
        refused, kept = window.start, max(window.start, window.end - MARGIN)
        if kept == refused or not (yield from self._is_kept(Window(kept, window.end))):
            self._dialogue.find(window, Verdict.FAILED)
            return []
        step = MARGIN
        while kept - refused > MARGIN:
            start = min(refused + step, (refused + kept) // 2)
            if (yield from self._is_kept(Window(start, window.end))):
                kept, step = start, window.width
            else:
                refused, step = start, 2 * step
        self._dialogue.find(Window(window.start, kept), Verdict.FAILED)
        return [Piece(Window(kept, window.end))]

    def _is_kept(self, window: Window) -> Generator[Step, Reply, bool]:
        received = yield from self._dialogue.request(window, self._target.symbol)
        return received.answer is not Refusal.BEYOND_RETENTION

    def _divide(self, piece: Piece, page: Page) -> Pieces:
        """The pieces to request instead of one whose page may be truncated."""
        window = piece.window
        times = (order.order_time for order in page.orders)
        if self._is_full(page) and window.width > NARROWEST:
            if told := (yield from self._foretold(piece)):
                return told
            return cut(piece, times, self._truncation_side.observed)
        known = clip(self._target.proven, window) if self._may_be_believed(page) else []
        if known:
            for part in known:
                self._dialogue.prove(part, [page])
            return [Piece(part) for part in subtract([window], known)]
        if window.width > NARROWEST:
            return halve(piece, times)
        if self._by_symbol:
            yield from prove_crowd(self._dialogue, window)
        else:
            self._dialogue.find(window, Verdict.SATURATED)
        return []

    def _foretold(self, piece: Piece) -> Pieces:
        """The pieces that a hint makes of a busy one; none where there is no hint, or it would not save a request."""
        hints, rows = self._hints, rows_foretold(self._dialogue.limits.limit)
        if hints is None or not hints.is_trusted or piece.expects or piece.foretold or self._full_pages < FULL_PAGES:
            return []
        hint = yield from self._dialogue.hint(piece.window)
        if hint is None:
            hints.refused()
            return []
        told = foretold(piece.window, hint, rows)
        if not told and (hint.since > piece.window.start or 2 * len(hint.times) < rows):
            hints.failed()
        # What nothing is told of comes last: its full page, if it has one, settles the doubts about the others.
        return [Piece(one.window, foretold=one.orders) for one in sorted(told, key=lambda one: not one.orders)]

    def _is_misled(self, piece: Piece, page: Page | None) -> bool:
        """Whether a hint was wrong, so that its other pieces are not requested as they are."""
        rows = rows_foretold(self._dialogue.limits.limit)
        if self._hints is None or page is None or not 0 < piece.foretold <= rows:
            return False
        is_wrong = self._is_full(page) or 2 * page.length < piece.foretold
        (self._hints.failed if is_wrong else self._hints.confirmed)()
        return is_wrong

    def _is_full(self, page: Page) -> bool:
        return page.length >= self._dialogue.limits.limit

    def _may_be_believed(self, page: Page) -> bool:
        """Whether a page in doubt is enough where all is proven already: only below the documented default.

        Settling the doubt would cost every night of an account with 20 orders a week two more requests.
        """
        return 2 * page.length < self._dialogue.limits.limit

    def _release(self) -> None:
        """Prove the held pieces whose doubt is over."""
        held, self._held = self._held, []
        for one in held:
            if one.doubt.is_over:
                self._dialogue.prove(one.piece.window, [one.page])
            else:
                self._held.append(one)

    def _settle(self) -> Pieces:
        """Wait once for the pages of other walks; then request what settles the doubts that are left."""
        if (self._held or self._refused) and not self._has_waited:
            self._has_waited = True
            yield self._dialogue.step(None, is_settled=self._is_settled)
        self._release()
        pending, self._refused = self._refused, []
        while self._held:
            one = self._held.pop(0)
            if (yield from self._dialogue.is_over(one.doubt)):
                self._dialogue.prove(one.piece.window, [one.page])
            else:
                pending += yield from self._divide(one.piece, one.page)
            self._release()
        return pending

    def _is_settled(self) -> bool:
        return not self._refused and all(one.doubt.is_over for one in self._held)
