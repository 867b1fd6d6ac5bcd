"""One row of a response: an order, or the reason why it is rejected. No value is coerced or becomes a float."""

import json
import re
from decimal import Decimal
from operator import attrgetter
from typing import Annotated, Literal, TypeAlias

import msgspec
from msgspec import Meta, Raw

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
from etl.core.timeline import DAY

LONGEST_SYMBOL = 64
"""Characters; a longer text is not a symbol, and too long for an index."""

_UNSTORABLE = "the row holds characters that the database cannot store"
_IN_THE_FUTURE = "time or updateTime is more than a day later than the row was received"
_BIGINT = 1 << 63
_THIRTEEN_DIGITS = range(10**12, 10**13)
"""Epoch milliseconds of the years 2001 to 2286. A time in seconds has fewer digits, one in microseconds has more: such
a row is rejected rather than stored under 1970."""

CLOCK_MARGIN = DAY
"""Milliseconds by which a time may be later than the row was received. A version with a later one would be the newest
for so long that no right version could replace it."""

_Integer: TypeAlias = int | Annotated[str, Meta(pattern=r"\A[+-]?[0-9]{1,19}\Z")] | None
_Time: TypeAlias = (
    Annotated[int, Meta(ge=_THIRTEEN_DIGITS.start, lt=_THIRTEEN_DIGITS.stop)]
    | Annotated[str, Meta(pattern=r"\A[1-9][0-9]{12}\Z")]
    | None
)
_Boolean: TypeAlias = bool | Literal["true", "false"] | None
_Text: TypeAlias = str | None


class _Row(msgspec.Struct, rename="camel", gc=False):
    """The keys of all markets that have a column, with the values that it takes. All other keys are ignored here.

    Decimals stay as they are written, text or number: a JSON number would become a float.
    """

    symbol: _Text = None
    order_id: _Integer = None
    client_order_id: _Text = None
    status: _Text = None
    side: _Text = None
    position_side: _Text = None
    type: _Text = None
    orig_type: _Text = None
    time_in_force: _Text = None
    working_type: _Text = None
    price: Raw = Raw(b"null")
    avg_price: Raw = Raw(b"null")
    stop_price: Raw = Raw(b"null")
    orig_qty: Raw = Raw(b"null")
    executed_qty: Raw = Raw(b"null")
    cum_quote: Raw = Raw(b"null")
    reduce_only: _Boolean = None
    close_position: _Boolean = None
    pair: _Text = None
    cum_base: Raw = Raw(b"null")
    is_isolated: _Boolean = None
    qty: Raw = Raw(b"null")
    time: _Time = None
    update_time: _Time = None
    updated_time: _Time = None


_row = msgspec.json.Decoder(_Row)
_json = msgspec.json.Decoder(Raw)

_TYPE_NAMES = {
    FieldType.INTEGER: "an integer",
    FieldType.DECIMAL: "a decimal",
    FieldType.BOOLEAN: "a boolean",
    FieldType.TEXT: "text",
}
_EXPECTED = {field.wire: _TYPE_NAMES[field.type] for field in FIELDS} | dict.fromkeys(
    (TIME, UPDATE_TIME, UPDATED_TIME), "a time in epoch milliseconds"
)
_DECIMALS = tuple(
    (key, name)
    for field in FIELDS
    if field.type is FieldType.DECIMAL
    for key, name in ((field.wire, field.column), (field.also, field.also))
    if key and name
)
"""The keys whose values are decimals, with their names in `_Row`."""
_decimals = attrgetter(*(name for _, name in _DECIMALS))

_NUMBER = re.compile(rb"[+-]?(?:[0-9]{1,60}(?:\.[0-9]{0,60})?|\.[0-9]{1,60})(?:[eE][+-]?[0-9]{1,2})?")
_DECIMAL = re.compile(rb'"%b"|%b|null' % (_NUMBER.pattern, _NUMBER.pattern))
_NUL = re.compile(r"(?<!\\)(?:\\\\)*\\u0000")
_PLACE = re.compile(r"\$\.(\w+)")


def read_row(raw: bytes, received_at: int) -> Order | Reject:
    """An order, or why the row is rejected. Unknown keys, unknown values and missing optional keys are accepted.

    `received_at`: by the exchange's clock, epoch milliseconds.
    If a key occurs twice, the last value counts, as in Postgres, and each value must have the key's type.
    """
    try:
        text = str(raw, "utf-8")
        _json.decode(raw)
        if "\\u0000" in text and _NUL.search(text):
            return Reject(text, _UNSTORABLE, is_json=False)
        row = _row.decode(raw)
    except msgspec.ValidationError as error:
        return Reject(text, _reason_of(error), is_json=True)
    except (UnicodeDecodeError, msgspec.DecodeError, RecursionError) as error:
        return Reject(_legible(raw), _why_not_json(raw, error), is_json=False)
    if reason := _reason_to_reject(row):
        return Reject(text, reason, is_json=True)
    order = _order_of(row, text)
    if max(order.order_time, order.update_time) <= received_at + CLOCK_MARGIN:
        return order
    return Reject(text, _IN_THE_FUTURE, is_json=True)


def _order_of(row: _Row, raw: str) -> Order:
    changed = row.update_time or row.updated_time
    created, updated = row.time or changed or 0, changed or row.time or 0
    filled = _NUMBER.search(row.executed_qty)
    return Order(
        row.symbol or "",
        int(row.order_id or 0),
        int(created),
        int(updated),
        close_type_of(row.client_order_id),
        raw,
        Decimal(filled[0].decode()) if filled else Decimal(0),
        None if row.is_isolated is None else row.is_isolated in (True, "true"),
    )


def _reason_of(error: msgspec.ValidationError) -> str:
    """Built from the key that the error names; an error without a key is about the whole row."""
    place = _PLACE.search(str(error))
    return f"{place[1]} is not {_EXPECTED[place[1]]}" if place else "the row is not an object"


def _reason_to_reject(row: _Row) -> str | None:
    """What the types above cannot express."""
    for (key, _), value in zip(_DECIMALS, _decimals(row), strict=True):
        if _DECIMAL.fullmatch(value) is None:
            return f"{key} is not a decimal"
    if not row.symbol:
        return "symbol is missing"
    if len(row.symbol) > LONGEST_SYMBOL:
        return f"symbol has more than {LONGEST_SYMBOL} characters"
    if row.order_id is None:
        return "orderId is missing"
    if not -_BIGINT <= int(row.order_id) < _BIGINT:
        return "orderId is not an integer"
    is_timeless = row.time is row.update_time is row.updated_time is None
    return "time and updateTime are missing" if is_timeless else None


def _why_not_json(raw: bytes, error: Exception) -> str:
    """Why the database cannot store the row as JSON."""
    if isinstance(error, RecursionError):
        return "the row is nested too deeply"
    if isinstance(error, UnicodeDecodeError):
        return "the row is not UTF-8"
    constants: list[str] = []
    try:
        json.loads(raw, parse_float=str, parse_int=str, parse_constant=constants.append)
    except (ValueError, RecursionError):
        return "the row is not JSON"
    return "the row holds NaN or Infinity, which are not JSON" if constants else _UNSTORABLE


def _legible(raw: bytes) -> str:
    r"""The row as text, with `\x…` for bytes that are not UTF-8. JSON has no such escape, so it is no valid row."""
    return raw.decode(errors="backslashreplace").replace("\0", r"\x00")
