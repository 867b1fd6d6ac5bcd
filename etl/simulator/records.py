"""From a query of an account's records to its page: orders, trades, income. Pure: the same query, the same page."""

from dataclasses import dataclass

from etl.simulator.book import instant
from etl.simulator.fills import Fill
from etl.simulator.income import Income
from etl.simulator.ledger import Ledger
from etl.simulator.orders import Order
from etl.simulator.scenario import DAY_MS, Scenario


@dataclass(frozen=True, slots=True)
class RecordQuery:
    """The request with all defaults filled in; both ends are inclusive. `kept_days`: the retention, 0: no limit.

    `order_id`: orders from this one on, or the trades of this one. `from_id`: trades from this one on. `kind`: of
    income.
    """

    start_ms: int
    end_ms: int
    limit: int
    kept_days: int
    symbol: str | None = None
    pair: str | None = None
    order_id: int | None = None
    from_id: int | None = None
    kind: str | None = None

    def low_ms(self, now_ms: int) -> int:
        """The first instant that is answered."""
        return max(self.start_ms, now_ms - self.kept_days * DAY_MS) if self.kept_days else self.start_ms

    def names(self, symbol: str, scenario: Scenario) -> bool:
        """Whether a row of that symbol is asked for, and its contract is not closed."""
        asked = self.symbol in (None, symbol) and self.pair in (None, symbol.partition("_")[0])
        return asked and not is_closed(symbol, scenario)


def is_closed(symbol: str, scenario: Scenario) -> bool:
    """Whether the contract of that name is closed; a row without a symbol has none."""
    return bool(symbol) and symbol in scenario.closed_symbols.split(",")


def orders_page(ledger: Ledger, query: RecordQuery, scenario: Scenario, now_ms: int) -> list[Order]:
    """The rows of allOrders: from an id on the first by id, else the last of the window."""
    field = scenario.all_orders_filter
    series = ledger.orders.series(field, query.symbol, None)
    found = [
        order
        for order in series.between(query.start_ms, query.end_ms + 1, now_ms)
        if query.names(order.symbol, scenario) and _is_kept(order, ledger, query, scenario, now_ms)
    ]
    if query.order_id is None:
        return found[-query.limit :]
    later = [order for order in found if order.order_id >= query.order_id]
    return sorted(later, key=lambda order: (order.order_id, instant(order, field)))[: query.limit]


def trades_page(ledger: Ledger, query: RecordQuery, scenario: Scenario, now_ms: int) -> list[Fill]:
    """The rows of userTrades, oldest first."""
    fills = ledger.fills if query.symbol is None else ledger.fills_by_symbol.get(query.symbol)
    found = [
        fill
        for fill in (fills.between(query.low_ms(now_ms), query.end_ms + 1) if fills else ())
        if query.names(fill.order.symbol, scenario)
        and query.order_id in (None, fill.order.order_id)
        and (query.from_id is None or fill.trade_id >= query.from_id)
        and fill.readable_from + _delay_ms(fill, scenario) <= now_ms
    ]
    keeps_newest = scenario.trades_kept == "newest" and query.from_id is None
    return found[-query.limit :] if keeps_newest else found[: query.limit]


def income_page(ledger: Ledger, query: RecordQuery, scenario: Scenario, now_ms: int) -> list[Income]:
    """The rows of income: the first of the window."""
    return [
        row
        for row in ledger.income.between(query.low_ms(now_ms), query.end_ms + 1)
        if query.symbol in (None, row.symbol)
        and query.kind in (None, row.kind)
        and row.readable_from + scenario.records_delay_ms <= now_ms
    ][: query.limit]


def _is_kept(order: Order, ledger: Ledger, query: RecordQuery, scenario: Scenario, now_ms: int) -> bool:
    age_ms, days = now_ms - order.time, scenario.unfilled_kept_days
    if query.kept_days and age_ms > query.kept_days * DAY_MS:
        return False
    if scenario.settlements_in == "force_orders" and order.close_type == "SETTLEMENT":
        return False
    return not days or age_ms <= days * DAY_MS or not ledger.is_unfilled(order)


def _delay_ms(fill: Fill, scenario: Scenario) -> int:
    is_late = fill.is_last and fill.order.order_id % 3 == 0
    return max(scenario.records_delay_ms, scenario.late_trades_ms if is_late else 0)
