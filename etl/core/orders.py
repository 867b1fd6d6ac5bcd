"""The force order as the exchange sends it, field by field, and what is derived from it.

Source: the endpoint's page "User's Force Orders" and rows observed in public. The response has no field for LIQUIDATION
or ADL; the prefix of the client order id shows it.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import NamedTuple


class FieldType(StrEnum):
    """The type a field is checked against; the value is the Postgres type that reads it."""

    INTEGER = "bigint"
    DECIMAL = "numeric"
    BOOLEAN = "boolean"
    TEXT = "text"


class Field(NamedTuple):
    wire: str
    """The key in the exchange's JSON."""
    column: str
    """Our column."""
    type: FieldType


FIELDS = (
    Field("symbol", "symbol", FieldType.TEXT),
    Field("orderId", "order_id", FieldType.INTEGER),
    Field("clientOrderId", "client_order_id", FieldType.TEXT),
    Field("status", "status", FieldType.TEXT),
    Field("side", "side", FieldType.TEXT),
    Field("positionSide", "position_side", FieldType.TEXT),
    Field("type", "type", FieldType.TEXT),
    Field("origType", "orig_type", FieldType.TEXT),
    Field("timeInForce", "time_in_force", FieldType.TEXT),
    Field("workingType", "working_type", FieldType.TEXT),
    Field("price", "price", FieldType.DECIMAL),
    Field("avgPrice", "avg_price", FieldType.DECIMAL),
    Field("stopPrice", "stop_price", FieldType.DECIMAL),
    Field("origQty", "orig_qty", FieldType.DECIMAL),
    Field("executedQty", "executed_qty", FieldType.DECIMAL),
    Field("cumQuote", "cum_quote", FieldType.DECIMAL),
    Field("reduceOnly", "reduce_only", FieldType.BOOLEAN),
    Field("closePosition", "close_position", FieldType.BOOLEAN),
)
"""All fields with a column of their own, except the two times. Any other key stays in `raw`."""


class CloseType(StrEnum):
    """Why the exchange closed the position."""

    LIQUIDATION = "LIQUIDATION"
    ADL = "ADL"
    SETTLEMENT = "SETTLEMENT"
    UNKNOWN = "UNKNOWN"


REQUESTABLE_CLOSE_TYPES = (CloseType.LIQUIDATION, CloseType.ADL)
"""The values that `autoCloseType` takes; settlements appear only where it is left out."""

_PREFIXES = {
    "autoclose-": CloseType.LIQUIDATION,
    "adl_autoclose": CloseType.ADL,
    "settlement_autoclose-": CloseType.SETTLEMENT,
    "delivery_autoclose-": CloseType.SETTLEMENT,
}


def close_type_of(client_order_id: str | None) -> CloseType:
    """Derived from the prefix of the client order id; UNKNOWN for any other prefix."""
    for prefix, close_type in _PREFIXES.items():
        if client_order_id is not None and client_order_id.startswith(prefix):
            return close_type
    return CloseType.UNKNOWN


Key = tuple[str, int]
"""Symbol and order id."""


class Order(NamedTuple):
    """One checked force order: every field of `raw` named in FIELDS has its type, or is null.

    The times are epoch milliseconds; where the exchange sends only one, both are equal. `raw` is the row's JSON text,
    character by character as received. `filled` is the executed quantity, 0 where it is not sent.
    """

    symbol: str
    order_id: int
    order_time: int
    update_time: int
    close_type: CloseType
    raw: str
    filled: Decimal = Decimal(0)

    @property
    def version(self) -> tuple[int, Decimal]:
        """The later version is the greater: in one millisecond the one filled further, because fills never shrink."""
        return self.update_time, self.filled

    @property
    def key(self) -> Key:
        """Identifies the order within an account and market: order ids are counted per symbol."""
        return self[:2]


@dataclass(frozen=True, slots=True)
class Reject:
    """A rejected row as received, and the reason. `is_json`: `raw` is JSON that Postgres can store as such."""

    raw: str
    reason: str
    is_json: bool


def latest_versions(orders: Iterable[Order]) -> list[Order]:
    """The latest version of each order, the last one of equal versions, sorted by key.

    Sorted, so that two writers lock the same rows in the same order.
    """
    latest: dict[Key, Order] = {}
    for order in orders:
        key = order.key
        known = latest.get(key)
        if known is None or order.version >= known.version:
            latest[key] = order
    return [latest[key] for key in sorted(latest)]
