"""One force order as the exchange stores it: its times, and its bytes in a response."""

import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

CloseType = Literal["LIQUIDATION", "ADL", "SETTLEMENT", "UNKNOWN"]

_encoder = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))


@dataclass(frozen=True, slots=True)
class Order:
    """A row of a market's force orders, rendered once. Times are epoch milliseconds.

    `order_id` counts up per symbol and is unique only with it. A row posted to the simulator may be unreadable on
    purpose; then symbol is "" or order_id 0. `is_isolated`: a margin order of an isolated pair, not of cross margin.
    """

    symbol: str
    order_id: int
    time: int
    update_time: int
    close_type: CloseType
    rendered: bytes
    is_isolated: bool = False

    @property
    def readable_from(self) -> int:
        """The first instant at which this version of the order exists."""
        return max(self.time, self.update_time)

    def document(self) -> Any:
        """The row as JSON."""
        return json.loads(self.rendered)


def order_from_row(row: Mapping[str, Any]) -> Order:
    """The order of an exchange row; a missing time equals the other. Raises ValueError without any time."""
    times = [row[name] for name in ("time", "updateTime", "updatedTime") if isinstance(row.get(name), int)]
    if not times:
        raise ValueError("a row needs time, updateTime or updatedTime in milliseconds")
    return _placed(row, times[0], times[-1])


def orders_from_json(document: Any) -> list[Order]:
    """The orders of a JSON array of exchange rows. Raises ValueError, one line.

    {"at_ms": instant, "row": any JSON value} stands for a row that matches like an order of that instant and that a
    client cannot read.
    """
    if not isinstance(document, list) or not all(isinstance(element, dict) for element in document):
        raise ValueError("orders are a JSON array of exchange rows")
    return [_order(element) for element in document]


def _order(element: Mapping[str, Any]) -> Order:
    if set(element) == {"at_ms", "row"} and isinstance(element["at_ms"], int):
        return unreadable_order(element["row"], element["at_ms"])
    return order_from_row(element)


def unreadable_order(row: Any, at_ms: int) -> Order:
    """Any JSON value as a row that matches like an order of `at_ms`: what a client must quarantine."""
    return _placed(row, at_ms, at_ms)


def _placed(row: Any, time: int, update_time: int) -> Order:
    keys = row if isinstance(row, Mapping) else {}
    order_id = keys.get("orderId")
    return Order(
        symbol=str(keys.get("symbol", "")),
        order_id=order_id if isinstance(order_id, int) else 0,
        time=time,
        update_time=update_time,
        close_type=close_type_of(str(keys.get("clientOrderId", ""))),
        rendered=_encoder.encode(row).encode(),
        is_isolated=keys.get("isIsolated") is True,
    )


def without(order: Order, left_out: Collection[str]) -> Order:
    """The order as a market shows it whose rows have fewer keys."""
    row = json.loads(order.rendered)
    if not isinstance(row, dict) or not row.keys() & left_out:
        return order
    rest = {name: value for name, value in row.items() if name not in left_out}
    return replace(order, rendered=_encoder.encode(rest).encode())


def close_type_of(client_order_id: str) -> CloseType:
    """The prefix decides (documented by Binance); a settlement is neither a liquidation nor an ADL."""
    if client_order_id.startswith("autoclose-"):
        return "LIQUIDATION"
    if client_order_id.startswith("adl_autoclose"):
        return "ADL"
    return "SETTLEMENT" if client_order_id.startswith("settlement_autoclose-") else "UNKNOWN"


def json_array(orders: Iterable[Order]) -> bytes:
    """The orders as the body of a page."""
    return b"[" + b",".join([order.rendered for order in orders]) + b"]"
