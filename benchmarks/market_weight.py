"""The weight of a quiet quarter, and of a quiet night, in each market, against the least that any client could spend.

Quiet: about five orders a week, all on one page. The least possible: one request for each window, and in `margin` one
more for each isolated pair, whose orders no other request shows. Counted on the walks and the simulator's own pages
without HTTP, as in `benchmarks.weight`; the clock and the list of symbols, once a run, are left out.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from benchmarks.table import Figure
from benchmarks.weight import NOW, SPAN
from etl.core.dialogue import Reply, Steps
from etl.core.doubts import Doubts
from etl.core.markets import MARKETS
from etl.core.markets.market import Market, Pager
from etl.core.numbered_walk import numbered_walk
from etl.core.observations import Observations, TruncationSide
from etl.core.page_limits import PageLimits
from etl.core.paging import GREATEST_LIMIT, WIDEST_WINDOW, Page, PageRequest
from etl.core.planning import Known, Rules, plan_everything, plan_sync
from etl.core.retention import Retention
from etl.core.timeline import DAY, Window
from etl.core.walking import Target, walk
from etl.exchange.pages import read_numbered_page, read_page
from etl.settings.model import Settings
from etl.simulator import markets
from etl.simulator.book import Book
from etl.simulator.history import Form, Profile, generate
from etl.simulator.instruments import ISOLATED_SYMBOLS
from etl.simulator.numbered import Arrivals, NumberedQuery, numbered_body, numbered_page
from etl.simulator.orders import json_array
from etl.simulator.page import Query, page
from etl.simulator.scenario import Scenario

PAIRS = frozenset(ISOLATED_SYMBOLS)
RULES = Rules(NOW, Settings.settle_seconds * 1000, 90 * DAY, WIDEST_WINDOW, Settings.reread_days * DAY)
YESTERDAY = Known(proven=[Window(SPAN.start, NOW - DAY)], requested_since=SPAN.start)


@dataclass
class Reading:
    """One market of an account with a quiet history, and what was requested of it."""

    market: Market
    requests: int = 0
    weight: int = 0
    book: Book = field(init=False)

    def __post_init__(self) -> None:
        form = Form(markets.market_named(self.market.name))
        self.book = Book(generate("quiet", SPAN.start, SPAN.end, Profile("quiet"), form=form))

    def answer(self, request: PageRequest) -> Page:
        self.requests += 1
        self.weight += self.market.weights.of(request.symbol)
        (start, end), scenario = request.window.wire(), Scenario(retention_days=0)
        if self.market.pager is Pager.TIME_CURSOR:
            return read_page(json_array(page(self.book, Query(start, end, request.limit), scenario, NOW)), NOW)
        query = NumberedQuery(start, end, request.number or 1, request.limit, request.symbol)
        return read_numbered_page(numbered_body(*numbered_page(self.book, query, scenario, NOW, Arrivals())), NOW)

    def go_on(self, steps: Steps, doubts: Doubts[Steps]) -> None:
        reply: Reply = None
        while True:
            step = steps.send(reply)
            if step.is_settled is not None:
                doubts.add(steps, step.is_settled)
            if step.request is None:
                return
            reply = PAIRS if not isinstance(step.request, PageRequest) else self.answer(step.request)

    def read(self, targets: Sequence[Target]) -> None:
        limits = PageLimits(GREATEST_LIMIT, self.market.default_limit)
        observations = Observations(TruncationSide(), limits, Retention(None, NOW))
        doubts: Doubts[Steps] = Doubts(Settings.concurrency)
        for target in targets:
            is_numbered, by_symbol = self.market.pager is Pager.NUMBERED, self.market.is_split_by_symbol
            steps = (
                numbered_walk(target, observations, by_symbol=by_symbol) if is_numbered else walk(target, observations)
            )
            self.go_on(steps, doubts)
        while doubts:
            self.go_on(doubts.take_oldest(), doubts)


def figures(server: str) -> Iterator[Figure]:
    """Needs no server: the walks alone decide what to request."""
    plans = {"90 days": plan_everything(None, Known(), RULES), "a night": plan_sync(None, YESTERDAY, RULES)}
    for market in MARKETS:
        lists = 1 + len(PAIRS) * market.is_split_by_symbol
        for name, targets in plans.items():
            reading = Reading(market)
            reading.read(targets)
            least = len(targets) * lists * market.weights.of_all
            cost = f"{reading.weight:,} in {reading.requests:,} requests"
            yield Figure(f"weight of {name}, quiet, {market.name}", cost, f"{least:,}", reading.weight / least)
