"""One row of a response: an order, or the reason why it is rejected. No value is coerced or becomes a float."""

import re
from collections.abc import Sequence
from operator import attrgetter

import msgspec
from msgspec import Raw

from etl.core.orders import (
    FIELDS,
    TIME,
    UPDATE_TIME,
    UPDATED_TIME,
    FieldType,
    Order,
    Reject,
    close_type_of,
)
from etl.exchange.row_types import (
    CLOCK_MARGIN,
    DECIMAL,
    LONGEST_NAME,
    TIME_NAME,
    TYPE_NAMES,
    Boolean,
    Integer,
    Text,
    Time,
    decode,
    is_bigint,
    may_be_unstorable,
)

_IN_THE_FUTURE = "time or updateTime is more than a day later than the row was received"


class _Row(msgspec.Struct, rename="camel", gc=False):
    """The keys of all markets that have a column, with the values that it takes. All other keys are ignored here.

    Decimals stay as they are written, text or number: a JSON number would become a float.
    """

    symbol: Text = None
    order_id: Integer = None
    client_order_id: Text = None
    status: Text = None
    side: Text = None
    position_side: Text = None
    type: Text = None
    orig_type: Text = None
    time_in_force: Text = None
    working_type: Text = None
    price: Raw = Raw(b"null")
    avg_price: Raw = Raw(b"null")
    stop_price: Raw = Raw(b"null")
    orig_qty: Raw = Raw(b"null")
    executed_qty: Raw = Raw(b"null")
    cum_quote: Raw = Raw(b"null")
    reduce_only: Boolean = None
    close_position: Boolean = None
    pair: Text = None
    cum_base: Raw = Raw(b"null")
    is_isolated: Boolean = None
    qty: Raw = Raw(b"null")
    time: Time = None
    update_time: Time = None
    updated_time: Time = None


_row = msgspec.json.Decoder(_Row)
_rows = msgspec.json.Decoder(list[_Row])

_EXPECTED = {field.wire: TYPE_NAMES[field.type] for field in FIELDS} | dict.fromkeys(
    (TIME, UPDATE_TIME, UPDATED_TIME), TIME_NAME
)
_DECIMALS = tuple(
    (key, name)
    for field in FIELDS
    if field.type is FieldType.DECIMAL
    for key, name in ((field.wire, field.column), (field.also, field.also))
    if key and name
)
"""The keys whose values are decimals, with their names in `_Row`."""
_KEYS = tuple(key for key, _ in _DECIMALS)
_decimals = attrgetter(*(name for _, name in _DECIMALS))
_is_decimal = DECIMAL.fullmatch
_ALL_DECIMALS = re.compile(rb"(?>%b)(?:,(?>%b))*+" % (DECIMAL.pattern, DECIMAL.pattern))


def read_rows(array: bytes, rows: Sequence[Raw | bytes], received_at: int) -> list[Order | Reject]:
    """The rows of an array in turn, as `read_row` reads each: together, where none of them is out of the ordinary.

    `rows`: the elements of `array`, each as received.
    """
    if not may_be_unstorable(array, len(rows)):
        try:
            texts, decoded = [str(row, "utf-8") for row in rows], _rows.decode(array)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            pass  # because of one row: the others are read all the same
        else:
            return [_checked(text, row, received_at) for text, row in zip(texts, decoded, strict=True)]
    return [read_row(bytes(row), received_at) for row in rows]


def read_row(raw: bytes, received_at: int) -> Order | Reject:
    """An order, or why the row is rejected. Unknown keys, unknown values and missing optional keys are accepted.

    `received_at`: by the exchange's clock, epoch milliseconds.
    """
    decoded = decode(raw, _row, _EXPECTED)
    return decoded if isinstance(decoded, Reject) else _checked(*decoded, received_at)


def _checked(text: str, row: _Row, received_at: int) -> Order | Reject:
    if reason := _reason_to_reject(row):
        return Reject(text, reason, is_json=True)
    order = _order_of(row, text)
    latest = received_at + CLOCK_MARGIN
    if order.order_time > latest or order.update_time > latest:
        return Reject(text, _IN_THE_FUTURE, is_json=True)
    return order


def _order_of(row: _Row, raw: str) -> Order:
    changed = row.update_time or row.updated_time
    created, updated = row.time or changed or 0, changed or row.time or 0
    return Order(
        row.symbol or "",
        int(row.order_id or 0),
        int(created),
        int(updated),
        close_type_of(row.client_order_id),
        raw,
        _executed(row.executed_qty),
        None if row.is_isolated is None else row.is_isolated in (True, "true"),
    )


def _executed(executed: Raw) -> str:
    """The digits of a decimal; 0 where nothing is sent."""
    digits = str(executed, "ascii").strip('"')
    return "0" if digits == "null" else digits


def _reason_to_reject(row: _Row) -> str | None:
    """What the types above cannot express."""
    decimals = _decimals(row)
    if _ALL_DECIMALS.fullmatch(b",".join(decimals)) is None:  # no JSON value has a comma outside of its brackets
        return next(
            f"{key} is not a decimal" for key, value in zip(_KEYS, decimals, strict=True) if not _is_decimal(value)
        )
    if not row.symbol:
        return "symbol is missing"
    if len(row.symbol) > LONGEST_NAME:
        return f"symbol has more than {LONGEST_NAME} characters"
    if row.order_id is None:
        return "orderId is missing"
    if not is_bigint(row.order_id):
        return "orderId is not an integer"
    is_timeless = row.time is row.update_time is row.updated_time is None
    return "time and updateTime are missing" if is_timeless else None
