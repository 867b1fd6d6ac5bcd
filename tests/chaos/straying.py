"""Questions that cannot be answered by an exchange which adds rows of other questions to its pages.

A page proves the window whose rows it shows. A page with no row that was asked for may answer any question, and so may
one whose rows a narrower question shows as well. To ask again does not help: the simulator adds the same row each time.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import cast

from etl.core.timeline import Window
from etl.simulator.markets import USDM
from etl.simulator.orders import CloseType, Order
from etl.simulator.page import Query, matching, page
from etl.simulator.stats import LogEntry
from tests.acceptance.lab import Lab


def unanswerable(lab: Lab) -> list[Window]:
    """What those of the questions so far were to prove. None where the exchange adds nothing."""
    if not lab.simulator.exchange.scenario.strays:
        return []
    asked = [_question(lab, entry) for entry in lab.simulator.exchange.stats.log]
    return [one.window for one in asked if not one.due or any(map(one.is_shown_by, asked))]


@dataclass(frozen=True)
class _Question:
    window: Window
    """What it was to prove: it begins a millisecond before that."""
    symbol: str | None
    due: frozenset[tuple[str, int]]
    """Orders that the exchange finds for it."""
    shown: frozenset[tuple[str, int]]
    """Orders on its page, those that nobody asked for included."""

    def is_shown_by(self, narrower: "_Question") -> bool:
        """Whether the page of a question for less shows all that is due to this one."""
        return (
            self.symbol == narrower.symbol
            and self.window.intersect(narrower.window) == narrower.window
            and narrower.due < self.due <= narrower.shown
        )


def _question(lab: Lab, entry: LogEntry) -> _Question:
    exchange = lab.simulator.exchange
    close_type = cast(CloseType | None, entry.close_type)
    query = Query(int(entry.start or 0), int(entry.end or 0), int(entry.limit or 0), entry.symbol, close_type)
    due = matching(exchange.books.of("main", USDM), query, exchange.scenario, entry.server_time_ms)
    shown = page(exchange.books.of("main", USDM), query, exchange.scenario, entry.server_time_ms)
    return _Question(Window(query.start_ms + 1, query.end_ms), query.symbol, _keys(due), _keys(shown))


def _keys(orders: Iterable[Order]) -> frozenset[tuple[str, int]]:
    return frozenset((order.symbol, order.order_id) for order in orders)
