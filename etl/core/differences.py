"""How an order differs between the exchange's page and its stored row."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal, InvalidOperation
from enum import StrEnum

from etl.core.orders import FIELDS, TIME, UPDATE_TIME, FieldType, Order, time_source_of
from etl.core.row_text import keys_of
from etl.core.timeline import to_datetime
from etl.core.wallets import Wallet


class DifferenceKind(StrEnum):
    """How the exchange and the database differ in an order."""

    MISSING = "missing"
    """The exchange shows it and the database does not have it."""
    DIFFERENT = "different"
    """Both have it, with different fields."""
    EXTRA = "extra"
    """The database has it and the exchange no longer shows it."""


class Newer(StrEnum):
    """Which side has the later version of an order that differs, by its update time."""

    EXCHANGE = "exchange"
    DATABASE = "database"


@dataclass(frozen=True, order=True)
class Difference:
    """One order that differs. The times are epoch milliseconds."""

    wallet: Wallet
    symbol: str
    order_id: int
    order_time: int
    update_time: int
    kind: DifferenceKind
    fields: tuple[str, ...] = ()
    """The exchange's names of the fields that differ; for DIFFERENT only."""
    newer: Newer | None = None
    """For DIFFERENT only. None: both versions have the same update time."""
    is_repaired: bool = False
    """Whether the database was seen to have the exchange's version after the repair."""
    is_reshaped: bool = field(default=False, compare=False)
    """For DIFFERENT only: each value that both sides have is the same. The exchange sends more or fewer keys than
    before, or writes a value in another way."""


StoredOrder = Mapping[str, object]
"""The columns of a row of `force_orders` by name; `raw` is JSON text."""


def compare(wallet: Wallet, order: Order, stored: StoredOrder | None) -> Difference | None:
    """How an order that the exchange shows differs from its stored row; None: not at all.

    Compares the row as received with `raw`, key by key, and with the columns that were read from it.
    """
    of_order = (wallet, *order.key, order.order_time, order.update_time)
    if stored is None:
        return Difference(*of_order, DifferenceKind.MISSING)
    if stored.get("source") == "archive":  # what the API says takes its place
        return Difference(*of_order, DifferenceKind.DIFFERENT, ("source",), _newer(order, stored["update_time"]))
    shown, kept = keys_of(order.raw), keys_of(str(stored["raw"]))
    names = {name for name in shown.keys() | kept.keys() if shown.get(name) != kept.get(name)}
    of_columns = {name for name, column, value in _columns_of(order, shown) if stored[column] != value}
    if not names | of_columns:
        return None
    is_reshaped = not of_columns & {TIME, UPDATE_TIME, *(shown.keys() & kept.keys())} and all(
        name not in shown or name not in kept or _is_same(shown[name], kept[name]) for name in names
    )
    fields, newer = tuple(sorted(names | of_columns)), _newer(order, stored["update_time"])
    return Difference(*of_order, DifferenceKind.DIFFERENT, fields, newer, is_reshaped=is_reshaped)


def _is_same(shown: object, kept: object) -> bool:
    """Whether both are one value, written in two ways: `"0.50"` is `0.5`."""
    try:
        return Decimal(str(shown)) == Decimal(str(kept))
    except InvalidOperation:
        return str(shown).casefold() == str(kept).casefold()


def _newer(order: Order, stored_update: object) -> Newer | None:
    shown = to_datetime(order.update_time)
    if not isinstance(stored_update, datetime) or stored_update == shown:
        return None
    return Newer.DATABASE if stored_update > shown else Newer.EXCHANGE


def _columns_of(order: Order, shown: Mapping[str, object]) -> list[tuple[str, str, object]]:
    """The exchange's name, the column and its value, for each column that is read from a row, except the key."""
    return [
        *((one.wire, one.column, _value(one.type, one.sent_in(shown))) for one in FIELDS[2:]),
        ("clientOrderId", "close_type", order.close_type.value),
        ("time", "order_time", to_datetime(order.order_time)),
        ("time", "order_time_source", time_source_of(shown).value),
        ("updateTime", "update_time", to_datetime(order.update_time)),
    ]


def _value(kind: FieldType, value: object) -> object:
    """A checked value of the row as its column has it."""
    if value is None or kind is FieldType.TEXT:
        return value
    if kind is FieldType.BOOLEAN:
        return value in (True, "true")
    return Decimal(str(value))
