"""Decides the next request of a window from the last response.

A walk is a generator. It yields a `Step`, the next request together with what the last response proved, and is sent
the response. It does no I/O, and it assumes nothing about the order of rows, about which rows a truncated page keeps,
or about whether the ends of a window are inclusive. Only a page that answers the question and cannot be truncated
proves an interval, and only exactly the interval that was requested. A full page proves nothing; its times only show
where to cut next.

Bound: every page that proves nothing is either cut into two smaller pieces or ends in a split by symbol. Pieces on one
level are disjoint, so an order lies in at most three of them (a request reaches a millisecond beyond its window on
either side). Hence there are at most 3·N/n such pages a level for N orders and pages of at least n rows, on at most
LEVELS levels. A walk that sees more of them, N being the orders seen so far, receives the same rows repeatedly, and
gives up.
"""

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum

from etl.core.observations import Observations
from etl.core.orders import REQUESTABLE_CLOSE_TYPES, CloseType, Key, Order
from etl.core.page_limits import Doubt
from etl.core.paging import Answer, Page, PageRequest, Refusal
from etl.core.retention import MARGIN
from etl.core.timeline import Window, clip, merge, subtract
from etl.core.window_splitting import NARROWEST, Piece, cut, halve

LEVELS = 64
"""More than the cuts from a whole window down to a millisecond: 32 that follow the rows, and 7 days are 2^29.2 ms."""

ASKED_AGAIN = 2
"""How often a request is repeated whose page answers another question."""


class Verdict(StrEnum):
    """What is known about an interval. All but the first are the reasons of a gap."""

    PROVEN = "proven"
    SATURATED = "saturated"
    BEYOND_RETENTION = "beyond_retention"
    FAILED = "failed"
    DISPUTED = "disputed"
    """The answer contradicts the question or the stored orders."""


@dataclass(frozen=True, slots=True)
class Finding:
    """A verdict on an interval, for the whole scope of the walk or, with `symbol`, for that symbol alone."""

    window: Window
    verdict: Verdict
    symbol: str | None = None
    shown: Sequence[Order] = field(default=(), compare=False, repr=False)
    """The orders on the pages that prove the interval; perhaps others, too."""


class SymbolsRequest:
    """The walk needs the names of all symbols; send them, or None where they are not available."""


@dataclass(frozen=True, slots=True)
class Step:
    """What the last response proved, and the next request.

    `request` is None in two cases. Either the walk has ended, or it waits, because a later page may settle a doubt;
    then `is_settled` tells whether one has. Send None to a waiting walk once it is settled, or once no other walk can
    settle it: it then requests what is needed.
    """

    findings: tuple[Finding, ...]
    request: PageRequest | SymbolsRequest | None
    is_settled: Callable[[], bool] | None = None
    unseen: tuple[Order, ...] = ()
    """Orders of the last response that the walk had not seen before."""


Reply = Answer | frozenset[str] | None
Steps = Generator[Step, Reply, None]


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
class _Received:
    """An answer, and the doubt whether it is whole."""

    answer: Answer
    doubt: Doubt | None = None

    @property
    def page(self) -> Page | None:
        return self.answer if isinstance(self.answer, Page) else None


@dataclass(frozen=True, slots=True)
class _Held:
    """A piece whose page proves it as soon as the doubt is over."""

    piece: Piece
    page: Page
    doubt: Doubt


def walk(target: Target, observations: Observations) -> Steps:
    """All requests needed to prove `target.need`, or to find the reason why it cannot be proven."""
    yield from _Walk(target, observations).steps()


class _Walk:
    def __init__(self, target: Target, observations: Observations) -> None:
        self._target = target
        self._claim = Window(target.requested.start, target.need.end)
        self._truncation_side = observations.truncation_side
        self._limits = observations.page_limits
        self._retention = observations.retention
        self._symbols = observations.symbols
        self._findings: list[Finding] = []
        self._held: list[_Held] = []
        self._refused: list[Piece] = []
        self._seen: set[int] = set()
        self._unseen: tuple[Order, ...] = ()
        self._proved_nothing = 0
        self._has_waited = False

    def steps(self) -> Steps:
        pending = [Piece(self._target.requested)]
        while pending:
            while pending and self._proved_nothing <= self.bound:
                piece, *later = pending
                received = yield from self._request(piece.window, self._target.symbol)
                pending = (yield from self._consider(piece, received)) + later
                self._release()
            if pending:
                break
            pending = yield from self._settle()
        for window in merge(piece.window for piece in pending):
            self._find(window, Verdict.FAILED)
        yield self._step(None)

    @property
    def bound(self) -> int:
        """The most answers that prove nothing before the walk gives up, by the orders it has seen."""
        return LEVELS * (1 + 3 * len(self._seen) // self._limits.smallest_doubtful)

    def _request(
        self, window: Window, symbol: str | None, close_type: CloseType | None = None
    ) -> Generator[Step, Reply, _Received]:
        if self._retention.is_refused(window):
            return _Received(Refusal.BEYOND_RETENTION)
        return (yield from self._ask(PageRequest(window, self._limits.limit, symbol, close_type)))

    def _ask(self, request: PageRequest) -> Generator[Step, Reply, _Received]:
        """Send a request, and send it again if its page answers another question."""
        for _ in range(1 + ASKED_AGAIN):
            answer = yield from self._send(request)
            if isinstance(answer, Refusal) or (yield from self._is_an_answer(request, answer)):
                break
            answer = Refusal.ANOTHER_QUESTION
        doubt = self._limits.note(request, answer) if isinstance(answer, Page) else None
        self._proved_nothing += isinstance(answer, Refusal) or not (doubt is None or doubt.has_earlier)
        return _Received(answer, doubt)

    def _send(self, request: PageRequest) -> Generator[Step, Reply, Answer]:
        answer = yield self._step(request)
        if not isinstance(answer, Page | Refusal):
            raise TypeError(f"a page was requested, not {answer!r}")
        if isinstance(answer, Page):
            self._retention.passed(answer.received_at)
            self._unseen = tuple(order for order in answer.orders if hash(order.key) not in self._seen)
            self._seen.update(hash(order.key) for order in self._unseen)
            self._symbols.update(order.symbol for order in self._unseen)
        return answer

    def _is_an_answer(self, request: PageRequest, page: Page) -> Generator[Step, Reply, bool]:
        """Whether the page answers this request, as far as its rows show.

        Rows that were not requested are stored like all others. If nothing else is on the page, it answers another
        question. If some rows were requested, the server may have added the others, or it may have answered for
        another window that shares these rows. One request tells: for the instant of one of these rows it must show that
        row, and not all the others.
        """
        inside = [order for order in page.orders if request.asks_for(order)]
        if len(inside) == len(page.orders):
            return True
        if not inside or request.window.width <= NARROWEST:
            return bool(inside)
        middle = sorted(inside, key=lambda order: order.order_time)[len(inside) // 2]
        first, last = sorted((middle.order_time, middle.update_time))
        instant = Window(first, last + 1)
        if instant.width >= request.window.width:
            return True
        probe = replace(request, window=instant)
        shown = yield from self._send(probe)
        if not isinstance(shown, Page):
            return False
        keys = {order.key for order in shown.orders}
        others = {order.key for order in inside if not probe.asks_for(order)}
        return middle.key in keys and not (others and others <= keys)

    def _consider(self, piece: Piece, received: _Received) -> Generator[Step, Reply, list[Piece]]:
        """Record what an answer proves; returns the smaller pieces to request instead if it proves nothing."""
        page, doubt = received.page, received.doubt
        if page is None:
            if received.answer is Refusal.BEYOND_RETENTION and self._retention.is_doubtful(piece.window):
                return (yield from self._doubt_refusal(piece))
            return self._consider_refusal(piece, received.answer)
        is_full = page.length >= self._limits.limit
        if piece.expects and is_full:
            self._truncation_side.failed()
        elif piece.expects:
            self._truncation_side.confirmed(piece.expects)
        if doubt is None or doubt.is_over:
            self._prove(piece.window, page.orders)
            return []
        if not is_full and not subtract([piece.window], self._target.proven):
            # It is proven already: only rows that are certainly cut off, or stored and missing, call for more requests.
            self._prove(piece.window, page.orders)
            return []
        if doubt.has_earlier or self._limits.may_be_lone(doubt):
            self._held.append(_Held(piece, page, doubt))
            return []
        return (yield from self._divide(piece, page))

    def _consider_refusal(self, piece: Piece, refusal: Answer) -> list[Piece]:
        window = piece.window
        if refusal is Refusal.TOO_WIDE and window.width > 1:
            return [Piece(half, depth=piece.depth) for half in window.split((window.start + window.end) // 2)]
        if refusal is Refusal.BEYOND_RETENTION:
            given_up, still_to_request = self._retention.narrow_down(window)
            for lost in given_up:
                self._find(lost, Verdict.BEYOND_RETENTION)
            return [Piece(part) for part in still_to_request]
        self._find(window, Verdict.DISPUTED if refusal is Refusal.ANOTHER_QUESTION else Verdict.FAILED)
        return []

    def _doubt_refusal(self, piece: Piece) -> Generator[Step, Reply, list[Piece]]:
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
            self._find(window, Verdict.FAILED)
            return []
        step = MARGIN
        while kept - refused > MARGIN:
            start = min(refused + step, (refused + kept) // 2)
            if (yield from self._is_kept(Window(start, window.end))):
                kept, step = start, window.width
            else:
                refused, step = start, 2 * step
        self._find(Window(window.start, kept), Verdict.FAILED)
        return [Piece(Window(kept, window.end))]

    def _is_kept(self, window: Window) -> Generator[Step, Reply, bool]:
        received = yield from self._request(window, self._target.symbol)
        return received.answer is not Refusal.BEYOND_RETENTION

    def _divide(self, piece: Piece, page: Page) -> Generator[Step, Reply, list[Piece]]:
        """The pieces to request instead of one whose page may be truncated."""
        window = piece.window
        times = (order.order_time for order in page.orders)
        is_full = page.length >= self._limits.limit
        known = [] if is_full else clip(self._target.proven, window)
        if known:
            for proven in known:
                self._prove(proven, page.orders)
            return [Piece(part) for part in subtract([window], known)]
        if window.width > NARROWEST:
            return cut(piece, times, self._truncation_side.observed) if is_full else halve(piece, times)
        shown: list[Order] = []
        unproven = yield from self._narrow(window, self._target.symbol, shown)
        for finding in unproven:
            self._find(finding.window, finding.verdict)
        for proven in subtract([window], [finding.window for finding in unproven]):
            self._prove(proven, shown)
        return []

    def _release(self) -> None:
        """Prove the held pieces whose doubt is over."""
        held, self._held = self._held, []
        for one in held:
            if one.doubt.is_over:
                self._prove(one.piece.window, one.page.orders)
            else:
                self._held.append(one)

    def _settle(self) -> Generator[Step, Reply, list[Piece]]:
        """Wait once for the pages of other walks; then request what settles the doubts that are left."""
        if (self._held or self._refused) and not self._has_waited:
            self._has_waited = True
            yield self._step(None, is_settled=self._is_settled)
        self._release()
        pending, self._refused = self._refused, []
        while self._held:
            one = self._held.pop(0)
            if (yield from self._is_over(one.doubt)):
                self._prove(one.piece.window, one.page.orders)
            else:
                pending += yield from self._divide(one.piece, one.page)
            self._release()
        return pending

    def _is_settled(self) -> bool:
        return not self._refused and all(one.doubt.is_over for one in self._held)

    def _is_over(self, doubt: Doubt) -> Generator[Step, Reply, bool]:
        """Whether a page is whole after all. If a longer one came before it, that one is requested again."""
        if doubt.has_earlier and not doubt.is_over and (again := self._limits.request_to_settle(doubt)) is not None:
            yield from self._ask(again)
        return doubt.is_over or self._limits.is_lone(doubt)

    def _narrow(self, window: Window, symbol: str | None, shown: list[Order]) -> Generator[Step, Reply, list[Finding]]:
        """Prove a window too narrow to be cut: by symbol, then millisecond by millisecond.

        Returns what stays unproven; adds the orders on the pages that prove the rest to `shown`. The close types are no
        partition, as settlements have none that can be requested. So what they show of a full millisecond is stored and
        proves nothing.
        """
        if symbol is None:
            return (yield from self._by_symbol(window, shown))
        if window.width == 1:
            for close_type in REQUESTABLE_CLOSE_TYPES:
                yield from self._request(window, symbol, close_type)
            return [Finding(window, Verdict.SATURATED, symbol)]
        unproven: list[Finding] = []
        for start in range(window.start, window.end):
            millisecond = Window(start, start + 1)
            unproven += yield from self._narrow_request(millisecond, symbol, shown)
        return unproven

    def _narrow_request(
        self, window: Window, symbol: str, shown: list[Order], *, may_be_unknown: bool = False
    ) -> Generator[Step, Reply, list[Finding]]:
        received = yield from self._request(window, symbol)
        if received.answer is Refusal.UNKNOWN_SYMBOL and may_be_unknown:
            return []
        if received.answer is Refusal.ANOTHER_QUESTION:
            return [Finding(window, Verdict.DISPUTED, symbol)]
        if received.page is None:
            return [Finding(window, Verdict.FAILED, symbol)]
        whole = yield from self._whole_page(window, symbol, received)
        if whole is None:
            return (yield from self._narrow(window, symbol, shown))
        shown += whole.orders
        return []

    def _whole_page(self, window: Window, symbol: str, received: _Received) -> Generator[Step, Reply, Page | None]:
        """The page of a window that cannot be cut, if it is certain to be whole."""
        doubt, page = received.doubt, received.page
        if doubt is None or page is None:
            return page
        is_over = yield from self._is_over(doubt)
        if is_over and (yield from self._is_limit_honoured(window, symbol, page)):
            return page
        return page if (yield from self._agree_its_close_types(window, symbol, page)) else None

    def _is_limit_honoured(self, window: Window, symbol: str, page: Page) -> Generator[Step, Reply, bool]:
        """Whether the server honours the limit where a symbol is named: half of a page's rows are half of its rows."""
        request = PageRequest(window, page.length // 2, symbol)
        if request.limit and not self._limits.is_honoured(request.kind):
            half = yield from self._send(request)
            if isinstance(half, Page):
                self._limits.note(request, half)
        return self._limits.is_honoured(request.kind)

    def _agree_its_close_types(self, window: Window, symbol: str, page: Page) -> Generator[Step, Reply, bool]:
        """Whether a page below the limit shows the same liquidations and ADLs as the shorter pages of these types.

        A server that truncated it would show more of them there. Settlements, which no request can name, it would have
        to hide at exactly this length.
        """
        if page.length >= self._limits.limit:
            return False
        of_types: set[Key] = set()
        for close_type in REQUESTABLE_CLOSE_TYPES:
            received = yield from self._request(window, symbol, close_type)
            if received.page is None or received.page.length >= page.length:
                return False
            if received.doubt is not None and not (yield from self._is_over(received.doubt)):
                return False
            of_types |= {order.key for order in received.page.orders}
        return of_types == {order.key for order in page.orders if order.close_type in REQUESTABLE_CLOSE_TYPES}

    def _by_symbol(self, window: Window, shown: list[Order]) -> Generator[Step, Reply, list[Finding]]:
        """Request every symbol that the exchange lists, that is stored or that a page has shown.

        Without the exchange's list the whole stays unproven.
        """
        listed = yield self._step(SymbolsRequest())
        if not isinstance(listed, frozenset | None):
            raise TypeError("symbols were requested, not a page")
        unproven: list[Finding] = [] if listed else [Finding(window, Verdict.SATURATED)]
        proven: list[Finding] = []
        for symbol in sorted(self._symbols | (listed or frozenset())):
            left = yield from self._narrow_request(window, symbol, shown, may_be_unknown=symbol not in self._symbols)
            unproven += left
            known = subtract([window], [finding.window for finding in left])
            proven += [Finding(part, Verdict.PROVEN, symbol, shown) for part in known]
        if unproven:
            self._findings += [*proven, *(finding for finding in unproven if finding.symbol)]
        return unproven

    def _prove(self, window: Window, shown: Sequence[Order]) -> None:
        claimed = window.intersect(self._claim)
        if claimed is None:
            return
        proven, beyond = self._retention.judge(claimed)
        self._findings += [Finding(part, Verdict.PROVEN, self._target.symbol, shown) for part in proven]
        self._findings += [Finding(part, Verdict.BEYOND_RETENTION, self._target.symbol) for part in beyond]

    def _find(self, window: Window, verdict: Verdict) -> None:
        claimed = window.intersect(self._claim)
        if claimed is not None:
            self._findings.append(Finding(claimed, verdict, self._target.symbol))

    def _step(self, request: PageRequest | SymbolsRequest | None, is_settled: Callable[[], bool] | None = None) -> Step:
        findings, unseen = tuple(self._findings), self._unseen
        self._findings, self._unseen = [], ()
        return Step(findings, request, is_settled, unseen)
