"""An exchange without HTTP, the simulator's pure core, and a driver that carries requests to it and answers back.

On top of the simulator's switches it caps pages as no single switch can: by kind of request, by bytes, and differently
from some request on.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from hypothesis import strategies as st

from etl.core.dialogue import Reply, Steps, SymbolsRequest
from etl.core.doubts import Doubts
from etl.core.findings import Finding
from etl.core.hints import Hint, HintRequest
from etl.core.observations import Observations
from etl.core.paging import Page, PageRequest
from etl.core.sightings import Sightings
from etl.core.timeline import DAY, Window
from etl.core.walking import Target, walk
from etl.exchange.pages import read_page
from etl.simulator.book import Book
from etl.simulator.orders import Order, order_from_row
from etl.simulator.page import Query, page
from etl.simulator.scenario import Scenario

START = 1_790_000_000_000
SPAN = Window(START, START + 40 * DAY)
NOW = SPAN.end + DAY
LIMIT = 8
"""Rows a page in these tests, so that small histories fill it; the thresholds of the walk scale with it."""


@dataclass(frozen=True)
class Row:
    symbol: str
    order_id: int
    time: int
    update_time: int
    prefix: str = "autoclose-"

    @property
    def key(self) -> tuple[str, int]:
        return self.symbol, self.order_id

    @property
    def times(self) -> tuple[int, int]:
        return self.time, self.update_time

    def as_json(self) -> dict[str, object]:
        return {
            "symbol": self.symbol,
            "orderId": self.order_id,
            "clientOrderId": f"{self.prefix}1",
            "time": self.time,
            "updateTime": self.update_time,
        }

    def wire(self) -> bytes:
        return json.dumps(self.as_json()).encode()


@dataclass(frozen=True)
class Caps:
    """The most rows of a page with neither symbol nor close type, with a symbol, and with a close type."""

    plain: int = LIMIT
    by_symbol: int = LIMIT
    by_close_type: int = LIMIT

    def rows(self, request: PageRequest) -> int:
        if request.close_type is not None:
            return self.by_close_type
        return self.plain if request.symbol is None else self.by_symbol


@dataclass(frozen=True)
class Server:
    """How an exchange truncates: at first, from request number `changes_at` on, and by bytes."""

    first: Caps = Caps()
    then: Caps = Caps()
    changes_at: int = 0
    bytes: int = 1_000_000

    def truncate(self, rows: list[Order], request: PageRequest, number: int) -> list[Order]:
        kept = rows[: (self.first if number < self.changes_at else self.then).rows(request)]
        while kept and 1 + sum(1 + len(row.rendered) for row in kept) > self.bytes:
            kept = kept[:-1]
        return kept


@dataclass
class Exchange:
    rows: list[Row]
    scenario: Scenario
    lists_symbols: bool = True
    server: Server = Server()
    hint: Callable[[Window], Hint | None] = lambda window: None
    """What the list of all orders says of a window, however wrong."""
    hints_given: int = 0
    requests: list[PageRequest] = field(default_factory=list)
    received: set[tuple[str, int]] = field(default_factory=set)
    seen_first: list[tuple[str, int]] = field(default_factory=list)
    """What the run counted, in the order in which it saw it."""

    def __post_init__(self) -> None:
        self.book = Book(order_from_row(row.as_json()) for row in self.rows)
        self.symbols = frozenset(row.symbol for row in self.rows)

    def answer(self, request: PageRequest) -> Page:
        self.requests.append(request)
        start, end = request.window.wire()
        assert 1 < end - start < 7 * DAY, "the ends are never equal and always less than seven days apart"
        close_type = request.close_type.value if request.close_type else None
        query = Query(start, end, request.limit, request.symbol, close_type)  # type: ignore[arg-type]
        found = self.server.truncate(list(page(self.book, query, self.scenario, NOW)), request, len(self.requests))
        answer = read_page(b"[" + b",".join(order.rendered for order in found) + b"]", NOW)
        assert not answer.rejects
        self.received.update(order.key for order in answer.orders)
        return answer


def drive(
    exchange: Exchange,
    targets: list[Target],
    observations: Observations,
    most_in_doubt: int = 8,
    *,
    by_symbol: bool = True,
) -> list[Finding]:
    """Every walk to its end, one after the other, as the runner does; all findings."""
    findings: list[Finding] = []
    doubts: Doubts[tuple[Target, Steps]] = Doubts(most_in_doubt)
    sightings = Sightings(targets)

    def go_on(target: Target, steps: Steps) -> None:
        reply: Reply = None
        while True:
            step = steps.send(reply)
            findings.extend(step.findings)
            exchange.seen_first.extend(sightings.first(target, step.unseen))
            if step.is_settled is not None:
                doubts.add((target, steps), step.is_settled)
            if step.request is None:
                return
            if isinstance(step.request, SymbolsRequest):
                reply = exchange.symbols if exchange.lists_symbols else None
            elif isinstance(step.request, HintRequest):
                exchange.hints_given += 1
                reply = exchange.hint(step.request.window)
            else:
                reply = exchange.answer(step.request)

    def go_on_with_those_due() -> None:
        for doubted in doubts.due():
            go_on(*doubted)

    for target in targets:
        go_on(target, walk(target, observations, by_symbol=by_symbol))
        go_on_with_those_due()
        assert len(doubts) <= most_in_doubt
    while doubts:
        go_on(*doubts.take_oldest())
        go_on_with_those_due()
    return findings


@st.composite
def histories(draw: st.DrawFn) -> list[Row]:
    """Quiet stretches and bursts, down to many orders in one millisecond, over a few symbols and all close types."""
    rows: list[Row] = []
    for _ in range(draw(st.integers(0, 6))):
        at = draw(st.integers(SPAN.start, SPAN.end - 1))
        spread = draw(st.sampled_from([1, 2, 4, 1_000, DAY, 10 * DAY]))
        symbols = draw(st.lists(st.sampled_from("ABCD"), min_size=1, max_size=4))
        prefixes = draw(st.lists(st.sampled_from(PREFIXES), min_size=1, max_size=3))
        lag = draw(st.sampled_from([0, 1, 50]))
        for number in range(draw(st.integers(1, 45))):
            time = at + draw(st.integers(0, spread - 1))
            symbol, prefix = symbols[number % len(symbols)], prefixes[number % len(prefixes)]
            rows.append(Row(symbol, len(rows) + 1, time, time + draw(st.integers(0, lag)), prefix))
    return rows


PREFIXES = ["autoclose-", "adl_autoclose", "settlement_autoclose-"]

scenarios = st.builds(
    Scenario,
    kept=st.sampled_from(["oldest", "newest", "by_symbol", "random"]),
    order=st.sampled_from(["ascending", "descending", "shuffled"]),
    start_inclusive=st.booleans(),
    end_inclusive=st.booleans(),
    filter_field=st.sampled_from(["time", "updateTime"]),
    duplicates=st.sampled_from([0, 0, 1, 3]),
    strays=st.sampled_from([0, 0, 1, 3]),
    retention_days=st.just(0),
    seed=st.integers(0, 1_000),
)
"""Every reading of the documentation that concerns a page."""

_caps = st.integers(-(-LIMIT // 3), LIMIT).map(lambda cap: Caps(cap, cap, cap)) | st.builds(
    Caps, *[st.integers(LIMIT // 2, LIMIT)] * 3
)

_servers = st.builds(
    Server, _caps, _caps, st.sampled_from([0, 1, 3, 10, 30]), st.sampled_from([1_000_000]) | st.integers(420, 1_200)
)


@st.composite
def worlds(draw: st.DrawFn) -> tuple[list[Row], Server]:
    """A history, and every way to truncate pages that the walk allows for: by kind, by bytes, with one change.

    Of settlements, which no request can name, it cannot tell whether a page of a symbol was cut at just their number:
    where there are some, the server honours the limit of such pages.
    """
    rows, server = draw(histories()), draw(_servers)
    if any(row.prefix.startswith("settlement") for row in rows):
        server = replace(server, first=_honest(server.first), then=_honest(server.then), bytes=1_000_000)
    return rows, server


def _honest(caps: Caps) -> Caps:
    half = LIMIT // 2
    return Caps(max(caps.plain, half), LIMIT, max(caps.by_close_type, half))
