"""Capital flows of margin accounts: what each liquidation moved, and ordinary flows beside it.

A liquidation in Portfolio Margin may leave these rows only and no order.
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from itertools import groupby
from typing import Any

from etl.simulator.instruments import assets_of
from etl.simulator.markets import Market
from etl.simulator.orders import Order
from etl.simulator.rows import exact

DEFAULT_FLOWS = 500
GREATEST_FLOWS = 1000
IDS_A_MS = 1000  # ids count up within a millisecond, so that an order that is added later changes no other id
FEE = Decimal("0.005")  # of the notional
MINUTE_MS = 60_000

Entry = tuple[int, str, str, str, Decimal]  # instant in milliseconds, type, asset, symbol, amount


@dataclass(frozen=True, slots=True)
class Flow:
    """One row. `symbol` is that of the pair; `is_isolated`: of an isolated pair, not of cross margin."""

    flow_id: int
    timestamp: int
    asset: str
    symbol: str
    kind: str
    amount: str
    is_isolated: bool

    def document(self) -> dict[str, Any]:
        """The row as JSON."""
        return {
            "id": self.flow_id,
            "tranId": self.flow_id,
            "timestamp": self.timestamp,
            "asset": self.asset,
            "symbol": self.symbol,
            "type": self.kind,
            "amount": self.amount,
        }


@dataclass(frozen=True, slots=True)
class FlowQuery:
    """The request with all defaults filled in; both ends are inclusive. `after_id`: only what has a greater id."""

    start_ms: int
    end_ms: int
    limit: int = DEFAULT_FLOWS
    after_id: int | None = None
    symbol: str | None = None
    asset: str | None = None
    kind: str | None = None


def flows_of(orders: Iterable[tuple[Market, Order]], readable_by_ms: int) -> list[Flow]:
    """Every flow that can be read, oldest first. Orders that hold no readable numbers move nothing."""
    entries = [(entry, order.is_isolated) for market, order in orders for entry in _entries(market, order)]
    ordered = sorted(entry for entry in entries if entry[0][0] <= readable_by_ms)
    return [
        Flow(at_ms * IDS_A_MS + number, at_ms, asset, symbol, kind, exact(amount), is_isolated)
        for at_ms, some in groupby(ordered, key=lambda entry: entry[0][0])
        for number, ((_, kind, asset, symbol, amount), is_isolated) in enumerate(some)
    ]


def selected(flows: Iterable[Flow], query: FlowQuery) -> list[Flow]:
    """The rows of the response, oldest first: the latest of the window, or with `after_id` the first after it.

    Without a symbol they are of cross margin, with one of that isolated pair.
    """
    found = [
        flow
        for flow in flows
        if query.start_ms <= flow.timestamp <= query.end_ms
        and (not flow.is_isolated if query.symbol is None else flow.is_isolated and flow.symbol == query.symbol)
        and query.asset in (None, flow.asset)
        and query.kind in (None, flow.kind)
    ]
    if query.after_id is None:
        return found[-query.limit :]
    return [flow for flow in found if flow.flow_id > query.after_id][: query.limit]


def _entries(market: Market, order: Order) -> Iterator[Entry]:
    row = json.loads(order.rendered)
    try:
        executed, price = Decimal(row["executedQty"]), Decimal(row["avgPrice"])
    except (KeyError, TypeError, InvalidOperation):
        return
    if not executed:
        return
    at, symbol, (base, quote) = order.update_time, order.symbol, assets_of(order.symbol)
    if market.wallet != "margin":
        is_linear = market.wallet == "usdm"
        worth = executed * price if is_linear else Decimal(row.get("cumBase", executed))
        yield at, "OTHER_LIQUIDATION", quote if is_linear else base, symbol, -worth
        return
    worth, sign = executed * price, 1 if row.get("side") == "BUY" else -1
    yield at - 60 * MINUTE_MS, "TRANSFER", quote, symbol, worth / 4
    yield at - 30 * MINUTE_MS, "BORROW", quote, symbol, worth
    kind = "BUY_LIQUIDATION" if sign > 0 else "SELL_LIQUIDATION"
    yield at, kind, base, symbol, sign * executed
    yield at, kind, quote, symbol, -sign * worth
    yield at + 1, "LIQUIDATION_FEE", quote, symbol, -worth * FEE
    yield at + 2, "REPAY_LIQUIDATION", quote, symbol, -worth
    if order.order_id % 5 == 0:
        yield at + 3, "OTHER_LIQUIDATION", base, symbol, -executed / 100
