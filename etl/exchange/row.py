"""One row of an answer: an order, or why it is none. Nothing is coerced, and nothing becomes a float."""

import json
import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from etl.core.orders import FIELDS, Kind, Order, Reject, close_type_of

LONGEST_SYMBOL = 64
"""Characters; what is longer is no symbol, and too long for an index."""

_INTEGER = re.compile(r"[+-]?[0-9]{1,19}")
_DECIMAL = re.compile(r"[+-]?([0-9]{1,60}(\.[0-9]{0,60})?|\.[0-9]{1,60})([eE][+-]?[0-9]{1,2})?")
_TIMES = ("time", "updateTime")
_BIGINT = 1 << 63
_LATEST = 253_402_300_800_000
"""Year 10000: beyond what a date can hold."""


class Number(str):
    """A JSON number as its own text: never a float."""

    __slots__ = ()


class _NoNumber:
    """NaN or Infinity, which some writers send although JSON has neither."""


decoder = json.JSONDecoder(parse_float=Number, parse_int=Number, parse_constant=lambda _: _NoNumber())


def read_row(raw: str) -> Order | Reject:
    """A single row from its text, as the quarantine keeps it."""
    try:
        return check_row(raw, decoder.decode(raw))
    except (ValueError, RecursionError):
        return Reject(raw, "the row is no JSON", is_json=False)


def check_row(raw: str, row: Any) -> Order | Reject:
    """An order, or why the row is none. Unknown keys, unknown values and missing optional keys are no fault."""
    try:
        fault = _fault_of(raw, row)
        if fault is not None:
            return Reject(raw, fault, is_json=_is_json(raw))
    except RecursionError:
        return Reject(raw, "the row is nested too deeply", is_json=False)
    times = [int(row[wire]) for wire in _TIMES if row.get(wire) is not None]
    close_type = close_type_of(row.get("clientOrderId"))
    filled = Decimal(row.get("executedQty") or 0)
    return Order(row["symbol"], int(row["orderId"]), times[0], times[-1], close_type, raw, filled)


def _fault_of(raw: str, row: Any) -> str | None:
    """Why the row is no order; None where it is one. Raises RecursionError for what is nested too deeply."""
    if not isinstance(row, dict):
        return "the row is no object"
    if "\\u" in raw and not _is_storable(row):
        return "the row holds characters that a database cannot keep"
    for wire, _, kind in FIELDS:
        value = row.get(wire)
        if value is not None and not _IS[kind](value):
            return f"{wire} is no {kind.name.lower()}"
    if ("NaN" in raw or "Infinity" in raw) and not _is_json(raw):
        return "the row holds NaN or Infinity, which are no JSON"
    if not row.get("symbol"):
        return "symbol is missing"
    if len(row["symbol"]) > LONGEST_SYMBOL:
        return f"symbol has more than {LONGEST_SYMBOL} characters"
    if row.get("orderId") is None:
        return "orderId is missing"
    times = {wire: row[wire] for wire in _TIMES if row.get(wire) is not None}
    for wire, value in times.items():
        if not _is_time(value):
            return f"{wire} is no time in epoch milliseconds"
    return None if times else "time and updateTime are missing"


def _is_integer(value: Any) -> bool:
    return isinstance(value, str) and _INTEGER.fullmatch(value) is not None and -_BIGINT <= int(value) < _BIGINT


def _is_decimal(value: Any) -> bool:
    return isinstance(value, str) and _DECIMAL.fullmatch(value) is not None


def _is_boolean(value: Any) -> bool:
    return isinstance(value, bool) or value in ("true", "false")


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_time(value: Any) -> bool:
    return _is_integer(value) and 0 < int(value) < _LATEST


_IS: dict[Kind, Callable[[Any], bool]] = {
    Kind.INTEGER: _is_integer,
    Kind.DECIMAL: _is_decimal,
    Kind.BOOLEAN: _is_boolean,
    Kind.TEXT: _is_text,
}


def _is_json(raw: str) -> bool:
    """Whether it is JSON to the letter, in characters that Postgres keeps."""
    constants: list[str] = []
    value = json.loads(raw, parse_float=Number, parse_int=Number, parse_constant=constants.append)
    return not constants and _is_storable(value)


def _is_storable(value: Any) -> bool:
    """Whether its texts are free of what JSON can escape and Postgres cannot hold: NUL and half surrogate pairs."""
    if isinstance(value, str):
        return "\0" not in value and not any("\ud800" <= c <= "\udfff" for c in value)
    if isinstance(value, dict):
        return all(_is_storable(key) and _is_storable(item) for key, item in value.items())
    return all(map(_is_storable, value)) if isinstance(value, list) else True
