"""Decides the next request of a window from the last response.

A walk is a generator. It yields a `Step`, the next request together with what the last response proved, and is sent
the response. It does no I/O, and it assumes nothing about the order of rows, about which rows a truncated page keeps,
or about whether the ends of a window are inclusive. Only a page that cannot be truncated proves an interval, and only
exactly the interval that was requested. A full page proves nothing; its times only show where to cut next.

Bound: every full page is either cut into two smaller pieces or ends in a split by close type and symbol. Pieces on one
level are disjoint, so an order lies in at most three of them (a request reaches a millisecond beyond its window on
either side). Hence there are at most 3·N/limit full pages a level for N orders, on at most LEVELS levels. A walk that
sees more full pages than that, N being the orders seen so far, receives the same rows repeatedly, and gives up.
"""

from collections.abc import Generator
from dataclasses import dataclass
from enum import Enum, StrEnum
from typing import Final, Literal, TypeGuard

from etl.core.observations import Observations
from etl.core.orders import REQUESTABLE_CLOSE_TYPES, CloseType, Order
from etl.core.paging import Answer, Page, PageRequest, Refusal
from etl.core.timeline import Window, merge, subtract
from etl.core.window_splitting import NARROWEST, Piece, cut

LEVELS = 64
"""More than the cuts from a whole window down to a millisecond: 32 that follow the rows, and 7 days are 2^29.2 ms."""


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


class SymbolsRequest:
    """The walk needs the names of all symbols; send them, or None where they are not available."""


class _Verify(Enum):
    VERIFY = "verify"


Verify = Literal[_Verify.VERIFY]
VERIFY: Final = _Verify.VERIFY
"""Sent to a walk whose first page is doubtful: verify the page now, by requesting the window in pieces."""


@dataclass(frozen=True, slots=True)
class Step:
    """What the last response proved, and the next request.

    `request` is None in two cases. Either the walk has ended, or its first page may be truncated; then `doubtful` is
    that page's length in rows. In the second case send None once a longer page was seen, or once no other walk can
    still return one; send VERIFY to check the page with more requests.
    """

    findings: tuple[Finding, ...]
    request: PageRequest | SymbolsRequest | None
    doubtful: int | None = None
    unseen: tuple[Order, ...] = ()
    """Orders of the last response that the walk had not seen before."""


Reply = Answer | frozenset[str] | Verify | None
Steps = Generator[Step, Reply, None]


@dataclass(frozen=True, slots=True)
class Target:
    """The goal of one walk.

    `need` is the window to prove. `requested` contains it and is the window of the first request, since a wider window
    costs no more. If that page is full, what lies before `need` is not requested again.
    """

    need: Window
    requested: Window
    symbol: str | None = None


def walk(target: Target, observations: Observations) -> Steps:
    """All requests needed to prove `target.need`, or to find the reason why it cannot be proven."""
    yield from _Walk(target, observations).steps()


class _Walk:
    def __init__(self, target: Target, observations: Observations) -> None:
        self._target = target
        self._claim = Window(target.requested.start, target.need.end)
        self._limit = observations.page_size.limit
        self._truncation_side = observations.truncation_side
        self._page_size = observations.page_size
        self._retention = observations.retention
        self._findings: list[Finding] = []
        self._seen: set[int] = set()
        self._unseen: tuple[Order, ...] = ()
        self._seen_any = False
        self._proved_nothing = 0
        self._verifies = False

    def steps(self) -> Steps:
        whole = Piece(self._target.requested)
        answer = yield from self._request(whole.window, self._target.symbol)
        if isinstance(answer, Page) and self._page_size.is_doubtful(answer.length):
            reply = yield self._step(None, doubtful=answer.length)
            self._verifies = reply is VERIFY
        if self._target.requested.start < self._target.need.start and not self._is_short(answer, whole.window):
            pending = [Piece(Window(self._target.need.start, self._target.requested.end))]
        else:
            pending = yield from self._consider(whole, answer)
        while pending:
            if self._proved_nothing > self.bound:
                for window in merge(piece.window for piece in pending):
                    self._find(window, Verdict.FAILED)
                break
            piece, *later = pending
            answer = yield from self._request(piece.window, self._target.symbol)
            pending = (yield from self._consider(piece, answer)) + later
        yield self._step(None)

    @property
    def bound(self) -> int:
        """The most answers that prove nothing before the walk gives up, by the orders it has seen."""
        return LEVELS * (1 + 3 * len(self._seen) // self._limit)

    def _request(
        self, window: Window, symbol: str | None, close_type: CloseType | None = None
    ) -> Generator[Step, Reply, Answer]:
        if self._retention.is_refused(window):
            return Refusal.BEYOND_RETENTION
        request = PageRequest(window, self._limit, symbol, close_type)
        answer = yield self._step(request)
        if not isinstance(answer, Page | Refusal):
            raise TypeError(f"a page was requested, not {answer!r}")
        if isinstance(answer, Page):
            self._page_size.note(answer.length, answer.count_requested(request), whole=not self._seen_any)
            self._seen_any = True
            self._unseen = tuple(order for order in answer.orders if hash(order.key) not in self._seen)
            self._seen.update(hash(order.key) for order in self._unseen)
        self._proved_nothing += not self._is_short(answer, window)
        return answer

    def _consider(self, piece: Piece, answer: Answer) -> Generator[Step, Reply, list[Piece]]:
        """Record what an answer proves; returns the smaller pieces to request instead if it proves nothing."""
        window = piece.window
        if answer is Refusal.UNKNOWN_SYMBOL:
            self._find(window, Verdict.FAILED)
            return []
        if answer is Refusal.TOO_WIDE:
            if window.width == 1:
                self._find(window, Verdict.FAILED)
                return []
            return [Piece(half, depth=piece.depth) for half in window.split((window.start + window.end) // 2)]
        if answer is Refusal.BEYOND_RETENTION:
            self._retention.refuse(window)
            given_up, still_to_request = self._retention.narrow_down(window)
            for lost in given_up:
                self._find(lost, Verdict.BEYOND_RETENTION)
            return [Piece(part) for part in still_to_request]
        if self._is_short(answer, window):
            if piece.expects:
                self._truncation_side.confirmed(piece.expects)
            self._prove(window, answer)
            return []
        if piece.expects:
            self._truncation_side.failed()
        if window.width > NARROWEST:
            return cut(piece, (order.order_time for order in answer.orders), self._truncation_side.observed)
        unproven = yield from self._narrow(window, self._target.symbol, answer)
        for finding in unproven:
            self._find(finding.window, finding.verdict)
        for proven in subtract([window], [finding.window for finding in unproven]):
            self._prove(proven, answer)
        return []

    def _narrow(self, window: Window, symbol: str | None, full: Page) -> Generator[Step, Reply, list[Finding]]:
        """Prove a window too narrow to be cut: by close type, then by symbol, then millisecond by millisecond.

        Returns what stays unproven. By the documentation the two close types make up the whole. Settlements have
        neither, so if a row of the full page is missing from both, the walk continues with the symbols.
        """
        if (yield from self._by_close_type(window, symbol, full)):
            return []
        if symbol is None:
            return (yield from self._by_symbol(window, full))
        if window.width == 1:
            return [Finding(window, Verdict.SATURATED, symbol)]
        unproven: list[Finding] = []
        for start in range(window.start, window.end):
            millisecond = Window(start, start + 1)
            answer = yield from self._request(millisecond, symbol)
            unproven += yield from self._narrow_answer(millisecond, symbol, answer)
        return unproven

    def _narrow_answer(self, window: Window, symbol: str, answer: Answer) -> Generator[Step, Reply, list[Finding]]:
        if self._is_short(answer, window):
            return []
        if isinstance(answer, Page):
            return (yield from self._narrow(window, symbol, answer))
        return [Finding(window, Verdict.FAILED, symbol)]

    def _by_close_type(self, window: Window, symbol: str | None, full: Page) -> Generator[Step, Reply, bool]:
        shown: set[tuple[str, int]] = set()
        for close_type in REQUESTABLE_CLOSE_TYPES:
            answer = yield from self._request(window, symbol, close_type)
            if not self._is_short(answer, window):
                return False
            shown.update(order.key for order in answer.orders)
        return all(order.key in shown for order in full.orders)

    def _by_symbol(self, window: Window, full: Page) -> Generator[Step, Reply, list[Finding]]:
        """Request every symbol that the exchange lists or has shown. Without its list, the whole stays unproven."""
        listed = yield self._step(SymbolsRequest())
        if not isinstance(listed, frozenset | None):
            raise TypeError("symbols were requested, not a page")
        shown = {order.symbol for order in full.orders}
        unproven: list[Finding] = [] if listed else [Finding(window, Verdict.SATURATED)]
        proven: list[Finding] = []
        for symbol in sorted(shown | (listed or frozenset())):
            answer = yield from self._request(window, symbol)
            if answer is Refusal.UNKNOWN_SYMBOL and symbol not in shown:
                continue
            left = yield from self._narrow_answer(window, symbol, answer)
            unproven += left
            known = subtract([window], [finding.window for finding in left])
            proven += [Finding(part, Verdict.PROVEN, symbol) for part in known]
        if unproven:
            self._findings += [*proven, *(finding for finding in unproven if finding.symbol)]
        return unproven

    def _is_short(self, answer: Answer, window: Window) -> TypeGuard[Page]:
        if not isinstance(answer, Page):
            return False
        narrow = window.width <= NARROWEST
        if self._verifies and not narrow and self._page_size.is_doubtful(answer.length):
            return False
        return not self._page_size.may_be_truncated(answer.length, narrow=narrow)

    def _prove(self, window: Window, page: Page) -> None:
        claimed = window.intersect(self._claim)
        if claimed is None:
            return
        oldest = min((order.update_time for order in page.orders), default=None)
        proven, beyond = self._retention.judge(claimed, oldest, page.received_at)
        self._findings += [Finding(part, Verdict.PROVEN, self._target.symbol) for part in proven]
        self._findings += [Finding(part, Verdict.BEYOND_RETENTION, self._target.symbol) for part in beyond]

    def _find(self, window: Window, verdict: Verdict) -> None:
        claimed = window.intersect(self._claim)
        if claimed is not None:
            self._findings.append(Finding(claimed, verdict, self._target.symbol))

    def _step(self, request: PageRequest | SymbolsRequest | None, doubtful: int | None = None) -> Step:
        findings, unseen = tuple(self._findings), self._unseen
        self._findings, self._unseen = [], ()
        return Step(findings, request, doubtful, unseen)
