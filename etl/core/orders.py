"""The force order as the exchange sends it, field by field, and what is derived from it.

Source: the page "User's Force Orders" of each market and rows observed in public. No market sends every field. The
response has no field for LIQUIDATION or ADL; the prefix of the client order id shows it.
"""

from collections.abc import Iterable, Mapping
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
    also: str | None = None
    """The key of the same in another market. Where a row has both, `wire` counts."""

    def sent_in(self, row: Mapping[str, object]) -> object:
        """The value in a row as received; None: it is not sent."""
        value = row.get(self.wire)
        return row.get(self.also) if value is None and self.also else value


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
    Field("origQty", "orig_qty", FieldType.DECIMAL, also="qty"),
    Field("executedQty", "executed_qty", FieldType.DECIMAL),
    Field("cumQuote", "cum_quote", FieldType.DECIMAL),
    Field("reduceOnly", "reduce_only", FieldType.BOOLEAN),
    Field("closePosition", "close_position", FieldType.BOOLEAN),
    Field("pair", "pair", FieldType.TEXT),
    Field("cumBase", "cum_base", FieldType.DECIMAL),
    Field("isIsolated", "is_isolated", FieldType.BOOLEAN),
)
"""All fields with a column of their own, except the two times. Any other key stays in `raw`."""


TIME, UPDATE_TIME, UPDATED_TIME = "time", "updateTime", "updatedTime"
"""The keys of the two times: when the order was created and when it last changed. Margin rows have only the last."""


class TimeSource(StrEnum):
    """Which of its two times the exchange sends as the order time."""

    TIME = "time"
    """When the order was created."""
    UPDATE = "update"
    """When it last changed, because the row does not say when it was created."""


def times_sent_in(row: Mapping[str, object]) -> tuple[object, object]:
    """The time of creation and of the last change in a row as received; None: it is not sent."""
    updated = row.get(UPDATE_TIME)
    return row.get(TIME), row.get(UPDATED_TIME) if updated is None else updated


def time_source_of(row: Mapping[str, object]) -> TimeSource:
    """Derived from the keys of a row as received."""
    return TimeSource.UPDATE if row.get(TIME) is None else TimeSource.TIME


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
    character by character as received. `executed` is the executed quantity in digits, 0 where it is not sent.
    `is_isolated` is None where the row does not say under which kind of margin it was.
    """

    symbol: str
    order_id: int
    order_time: int
    update_time: int
    close_type: CloseType
    raw: str
    executed: str = "0"
    is_isolated: bool | None = None

    @property
    def filled(self) -> Decimal:
        """The executed quantity."""
        return Decimal(self.executed)

    @property
    def version(self) -> tuple[int, Decimal]:
        """The later version is the greater: in one millisecond the one filled further, because fills never shrink."""
        return self.update_time, self.filled

    @property
    def key(self) -> Key:
        """Identifies the order within an account and market: order ids are counted per symbol."""
        return self[:2]

    def contradicts(self, other: "Order") -> bool:
        """Whether two rows of one key are two orders: one of isolated margin and one of cross margin."""
        return None not in (self.is_isolated, other.is_isolated) and self.is_isolated != other.is_isolated


@dataclass(frozen=True, slots=True)
class Reject:
    """A rejected row as received, and the reason. `is_json`: `raw` is JSON that Postgres can store as such."""

    raw: str
    reason: str
    is_json: bool


def latest_versions(orders: Iterable[Order]) -> list[Order]:
    """As `versions` gives them; what contradicts another row is left out."""
    return versions(orders)[0]


def versions(orders: Iterable[Order]) -> tuple[list[Order], list[Reject]]:
    """The latest version of each order, the last one of equal versions, and the rows that contradict another one.

    The orders are sorted by key, so that two writers lock the same rows in the same order. A row contradicts an earlier
    one if it has its key and is of the other kind of margin: the key has room for one.
    """
    latest: dict[Key, Order] = {}
    others: list[Reject] = []
    for order in orders:
        key = order.key
        known = latest.get(key)
        if known is None:
            latest[key] = order
        elif order.contradicts(known):
            others.append(_contradiction(order))
        elif order.version >= known.version:
            latest[key] = order
    return [latest[key] for key in sorted(latest)], others


def _contradiction(order: Order) -> Reject:
    margin = "cross" if order.is_isolated else "isolated"
    return Reject(order.raw, f"another order of {order.symbol} with this orderId is of {margin} margin", is_json=True)
