"""The weight of the strict proof, against the least that any client could spend.

The least possible: for each 7-day window the pages that its orders need at 99 a page, 50 each. Counted on the walk and
the simulator's own pages without HTTP, so that the figures are exact and the same on every machine.
"""

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from benchmarks.table import Figure
from etl.core.dialogue import Reply, Steps, SymbolsRequest
from etl.core.doubts import Doubts
from etl.core.findings import Verdict
from etl.core.hints import Hint, HintRequest, HintTrust
from etl.core.markets import USDM, market_named
from etl.core.markets.market import FUTURES
from etl.core.observations import Observations, TruncationSide
from etl.core.page_limits import PageLimits
from etl.core.paging import GREATEST_LIMIT, WIDEST_WINDOW, Page, PageRequest
from etl.core.retention import Retention
from etl.core.timeline import DAY, Window, divide
from etl.core.walking import Target, walk
from etl.exchange.pages import read_page
from etl.settings.model import Settings
from etl.simulator.book import Book
from etl.simulator.history import Profile, generate
from etl.simulator.orders import CloseType, Order, json_array
from etl.simulator.page import Query, page
from etl.simulator.scenario import Kept, Scenario

USDM_LIST = market_named(USDM).all_orders
NOW = 1_800_000_000_000
SPAN = Window(NOW - 90 * DAY, NOW)
KEPT: tuple[Kept, ...] = ("oldest", "newest", "by_symbol", "random")
MOST = 1.6
"""The ratio that the project aims at for a history with bursts, whichever rows survive a cut."""


@dataclass
class Cost:
    requests: int = 0
    weight: int = 0
    missing: int = 0
    gaps: int = 0


def read(orders: Sequence[Order], kept: Kept, *, is_hinted: bool) -> Cost:
    """Walk 90 days and count. `is_hinted`: whether the list of all orders can be asked for without a symbol."""
    book = Book(orders)
    scenario = Scenario(kept=kept, retention_days=0)
    filled = [order for order in orders if order.document()["executedQty"] != "0"]
    symbols = frozenset(order.symbol for order in orders)
    cost = Cost()
    received: set[tuple[str, int]] = set()
    observations = Observations(
        TruncationSide(), PageLimits(GREATEST_LIMIT), Retention(None, NOW), hints=HintTrust() if is_hinted else None
    )

    def answer(request: PageRequest) -> Page:
        start, end = request.window.wire()
        kind: CloseType | None = request.close_type.value if request.close_type else None
        rows = page(book, Query(start, end, request.limit, request.symbol, kind), scenario, NOW)
        cost.requests += 1
        cost.weight += FUTURES.of(request.symbol)
        read = read_page(json_array(rows), NOW)
        received.update(order.key for order in read.orders)
        return read

    def hint(window: Window) -> Hint:
        """As the list of all orders shows it: the newest rows, without old orders that filled nothing."""
        assert USDM_LIST is not None
        cost.requests += 1
        cost.weight += USDM_LIST.endpoint.weight
        shown = [order.time for order in filled if window.contains(order.time)][-USDM_LIST.greatest_limit :]
        return Hint(shown[0] if len(shown) == USDM_LIST.greatest_limit else window.start, shown)

    doubts: Doubts[Steps] = Doubts(Settings.concurrency)

    def go_on(steps: Steps) -> None:
        reply: Reply = None
        while True:
            step = steps.send(reply)
            cost.gaps += sum(finding.verdict is not Verdict.PROVEN for finding in step.findings)
            if step.is_settled is not None:
                doubts.add(steps, step.is_settled)
            if step.request is None:
                return
            match step.request:
                case SymbolsRequest():
                    reply = symbols
                case HintRequest(window):
                    reply = hint(window)
                case PageRequest():
                    reply = answer(step.request)

    def go_on_with_those_due() -> None:
        for steps in doubts.due():
            go_on(steps)

    for window in divide(SPAN, WIDEST_WINDOW):
        go_on(walk(Target(window, window), observations))
        go_on_with_those_due()
    while doubts:
        go_on(doubts.take_oldest())
        go_on_with_those_due()
    cost.missing = len(orders) - len(received)
    return cost


def least(orders: Sequence[Order]) -> int:
    """The least possible weight."""
    times = sorted(order.time for order in orders)
    counts = (bisect_left(times, w.end) - bisect_left(times, w.start) for w in divide(SPAN, WIDEST_WINDOW))
    return sum(50 * max(1, -(-count // (GREATEST_LIMIT - 1))) for count in counts)


def figures(server: str) -> Iterator[Figure]:
    """Needs no server: the walk alone decides what to request."""
    for name, profile in (("quiet", Profile("quiet")), ("bursty", Profile("bursty", 20_000 / 90))):
        orders = generate("1", SPAN.start, SPAN.end, profile)
        for kept in KEPT:
            cost, floor = read(orders, kept, is_hinted=True), least(orders)
            left = f", {cost.missing} missing, {cost.gaps} gaps" if cost.missing or cost.gaps else ""
            yield Figure(
                f"weight of 90 days, {len(orders):,} orders, {name}; {kept} rows survive",
                f"{cost.weight:,} in {cost.requests:,} requests{left}",
                f"{floor:,}",
                cost.weight / floor,
                f"ratio ≤ {1.0 if name == 'quiet' else MOST}",
            )
