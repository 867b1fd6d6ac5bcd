"""The requests of one walk and their answers: what it sends, what it has seen, what it has found so far.

A walk is a generator. It yields a `Step`, the next request together with what the last response proved, and is sent
the response.
"""

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, replace

from etl.core.findings import Finding, Verdict
from etl.core.hints import Hint, HintRequest
from etl.core.observations import Observations
from etl.core.orders import CloseType, Order
from etl.core.page_limits import Doubt
from etl.core.paging import Answer, Page, PageRequest, Refusal
from etl.core.timeline import Window
from etl.core.window_splitting import NARROWEST

ASKED_AGAIN = 2
"""How often a request is repeated whose page answers another question."""


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
    request: PageRequest | SymbolsRequest | HintRequest | None
    is_settled: Callable[[], bool] | None = None
    unseen: tuple[Order, ...] = ()
    """Orders of the last response that the walk had not seen before."""


Reply = Answer | frozenset[str] | Hint | None
Steps = Generator[Step, Reply, None]


@dataclass(frozen=True, slots=True)
class Received:
    """An answer, and the doubt whether it is whole."""

    answer: Answer
    doubt: Doubt | None = None

    @property
    def page(self) -> Page | None:
        return self.answer if isinstance(self.answer, Page) else None


class Dialogue:
    """Sends requests and checks that their pages answer them. Does not choose them."""

    def __init__(self, scope: str | None, widest: Window, claim: Window, observations: Observations) -> None:
        """`scope`: the symbol of the walk, None for all. `widest`: its first window. `claim`: nothing else is found."""
        self.scope = scope
        self.widest = widest
        self.limits = observations.page_limits
        self.symbols = observations.symbols
        self.retention = observations.retention
        self.seen: set[int] = set()
        """Hashes of the keys of all orders so far."""
        self.proved_nothing = 0
        """Answers that proved nothing."""
        self._claim = claim
        self._findings: list[Finding] = []
        self._unseen: tuple[Order, ...] = ()

    def request(
        self, window: Window, symbol: str | None, close_type: CloseType | None = None
    ) -> Generator[Step, Reply, Received]:
        """The page of a window, or the refusal that an earlier one stands for."""
        if self.retention.is_refused(window):
            return Received(Refusal.BEYOND_RETENTION)
        return (yield from self.ask(PageRequest(window, self.limits.limit, symbol, close_type)))

    def ask(self, request: PageRequest) -> Generator[Step, Reply, Received]:
        """Send a request, and send it again if its page answers another question."""
        for _ in range(1 + ASKED_AGAIN):
            answer = yield from self.send(request)
            if isinstance(answer, Refusal) or (yield from self._is_an_answer(request, answer)):
                break
            answer = Refusal.ANOTHER_QUESTION
        doubt = self.limits.note(request, answer) if isinstance(answer, Page) else None
        self.proved_nothing += isinstance(answer, Refusal) or not (doubt is None or doubt.has_earlier)
        return Received(answer, doubt)

    def send(self, request: PageRequest) -> Generator[Step, Reply, Answer]:
        """Send a request once, and note what its page shows; whether it answers the request is not checked."""
        answer = yield self.step(request)
        if not isinstance(answer, Page | Refusal):
            raise TypeError(f"a page was requested, not {answer!r}")
        if isinstance(answer, Page):
            self.retention.passed(answer.received_at)
            self._unseen = tuple(order for order in answer.orders if hash(order.key) not in self.seen)
            self.seen.update(hash(order.key) for order in self._unseen)
            self.symbols.update(order.symbol for order in self._unseen)
        return answer

    def is_over(self, doubt: Doubt) -> Generator[Step, Reply, bool]:
        """Whether a page is whole after all. If a longer one came before it, that one is requested again."""
        if doubt.has_earlier and not doubt.is_over and (again := self.limits.request_to_settle(doubt)) is not None:
            yield from self.ask(again)
        return doubt.is_over or self.limits.is_lone(doubt)

    def listed_symbols(self) -> Generator[Step, Reply, frozenset[str] | None]:
        """The symbols that the exchange lists; None where it gives no list."""
        listed = yield self.step(SymbolsRequest())
        if not isinstance(listed, frozenset | None):
            raise TypeError("symbols were requested, not a page")
        return listed

    def hint(self, window: Window) -> Generator[Step, Reply, Hint | None]:
        """Where the orders of a window lie, as another list shows it; None where there is no such list."""
        hint = yield self.step(HintRequest(window))
        if not isinstance(hint, Hint | None):
            raise TypeError("a hint was requested, not a page")
        return hint

    def prove(self, window: Window, pages: Sequence[Page], symbol: str | None = None) -> None:
        """Find what whole pages prove, as far as the exchange keeps it."""
        claimed = window.intersect(self._claim)
        if claimed is not None:
            scope = symbol or self.scope
            proven, beyond = self.retention.judge(claimed)
            self._findings += [Finding(part, Verdict.PROVEN, scope, pages) for part in proven]
            self._findings += [Finding(part, Verdict.BEYOND_RETENTION, scope) for part in beyond]

    def find(self, window: Window, verdict: Verdict, symbol: str | None = None) -> None:
        claimed = window.intersect(self._claim)
        if claimed is not None:
            self._findings.append(Finding(claimed, verdict, symbol or self.scope))

    def step(
        self, request: PageRequest | SymbolsRequest | HintRequest | None, is_settled: Callable[[], bool] | None = None
    ) -> Step:
        """The next step, with all that was found since the last one."""
        findings, unseen = tuple(self._findings), self._unseen
        self._findings, self._unseen = [], ()
        return Step(findings, request, is_settled, unseen)

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
        shown = yield from self.send(probe)
        if not isinstance(shown, Page):
            return False
        keys = {order.key for order in shown.orders}
        others = {order.key for order in inside if not probe.asks_for(order)}
        return middle.key in keys and not (others and others <= keys)
