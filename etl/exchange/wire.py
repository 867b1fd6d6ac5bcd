"""From the bytes of a response to a page: parsed once, every row checked, none dropped."""

import json
import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from operator import itemgetter
from typing import Any

from etl.core.orders import FIELDS, Kind, Order, Reject, close_type_of
from etl.core.paging import Page
from etl.errors import ContractError, TransientError

LONGEST_SYMBOL = 64
"""Characters; what is longer is no symbol, and too long for an index."""

REMEMBERED = 5_000
"""Rows, about 5 MB, that are known again; a page has 100, and its pieces follow soon."""

_WHITESPACE = re.compile(r"[ \t\n\r]*")
_INTEGER = re.compile(r"[+-]?[0-9]{1,19}")
_DECIMAL = re.compile(r"[+-]?([0-9]{1,60}(\.[0-9]{0,60})?|\.[0-9]{1,60})([eE][+-]?[0-9]{1,2})?")
_TIMES = ("time", "updateTime")
_TEXTS = itemgetter(*(field.wire for field in FIELDS if field.kind is Kind.TEXT))
_BOOLEANS = itemgetter(*(field.wire for field in FIELDS if field.kind is Kind.BOOLEAN))
_NUMBERS = itemgetter(*(field.wire for field in FIELDS if field.kind is Kind.DECIMAL), "orderId", *_TIMES)
_USUAL_NUMBERS = re.compile(r"(?:[0-9]{1,30}(?:\.[0-9]{1,30})?,){6}[0-9]{1,18}(?:,[1-9][0-9]{11,13}){2}")
_BIGINT = 1 << 63
_LATEST = 253_402_300_800_000
"""Year 10000: beyond what a date can hold."""


class Number(str):
    """A JSON number as its own text: never a float."""

    __slots__ = ()


class _NoNumber:
    """NaN or Infinity, which some writers send although JSON has neither."""


_decoder = json.JSONDecoder(parse_float=Number, parse_int=Number, parse_constant=lambda _: _NoNumber())


class PageReader:
    """Reads pages, and knows rows of recent ones again: those of a full page come once more in smaller pieces.

    Safe to use from several threads.
    """

    def __init__(self) -> None:
        self._recent: dict[str, Order] = {}

    def read(self, body: bytes, received_at: int) -> Page:
        """The page in a 200's body; `received_at` is the exchange's clock, epoch milliseconds.

        Raises TransientError where the body is no JSON (it may have been cut), ContractError where it is no array.
        """
        orders: list[Order] = []
        rejects: list[Reject] = []
        for raw, row in _rows(body, self._recent):
            checked = row if isinstance(row, Order) else check_row(raw, row)
            if isinstance(checked, Order):
                orders.append(checked)
            else:
                rejects.append(checked)
        if len(self._recent) > REMEMBERED:
            self._recent.clear()
        self._recent.update((order.raw, order) for order in orders)
        return Page(tuple(orders), tuple(rejects), received_at)


def read_row(raw: str) -> Order | Reject:
    """A single row from its text, as the quarantine keeps it."""
    try:
        return check_row(raw, _decoder.decode(raw))
    except (ValueError, RecursionError):
        return Reject(raw, "the row is no JSON", is_json=False)


def read_object(body: bytes) -> dict[str, Any]:
    """The JSON object in a body, with numbers as text; raises as `read_page` does."""
    try:
        value = _decoder.decode(body.decode())
    except (ValueError, RecursionError):
        raise TransientError("the exchange's answer is cut or unreadable") from None
    if not isinstance(value, dict):
        raise ContractError("the exchange answered with JSON of another shape than it promises")
    return value


def _rows(body: bytes, known: Mapping[str, Order]) -> list[tuple[str, Any]]:
    """Each element of the array as its own text and its value, or the order that this text is known to stand for."""
    rows: list[tuple[str, Any]] = []
    try:
        text = body.decode()
        at = _skip(text, 0)
        if text[at : at + 1] != "[":
            _decoder.decode(text)
            raise ContractError("the exchange answered with JSON that is no array of orders")
        at = _skip(text, at + 1)
        if text[at : at + 1] == "]":
            at += 1
        else:
            while True:
                end = text.find("}", at) + 1
                value: Any = known.get(text[at:end])
                if value is None:
                    value, end = _decoder.raw_decode(text, at)
                rows.append((text[at:end], value))
                at = _skip(text, end)
                separator, at = text[at : at + 1], _skip(text, at + 1)
                if separator == "]":
                    break
                if separator != ",":
                    raise ValueError("the array is cut")
        if text[at:].strip():
            raise ValueError("something follows the array")
    except (ValueError, RecursionError):
        raise TransientError("the exchange's answer is cut or unreadable") from None
    return rows


def _skip(text: str, at: int) -> int:
    match = _WHITESPACE.match(text, at)
    return match.end() if match else at


def check_row(raw: str, row: Any) -> Order | Reject:
    """An order, or why the row is none. Unknown keys, unknown values and missing optional keys are no fault."""
    if not is_usual(raw, row):
        try:
            fault = fault_of(raw, row)
            if fault is not None:
                return Reject(raw, fault, is_json=_is_json(raw))
        except RecursionError:
            return Reject(raw, "the row is nested too deeply", is_json=False)
    times = [int(row[wire]) for wire in _TIMES if row.get(wire) is not None]
    close_type = close_type_of(row.get("clientOrderId"))
    filled = Decimal(row.get("executedQty") or 0)
    return Order(row["symbol"], int(row["orderId"]), times[0], times[-1], close_type, raw, filled)


def is_usual(raw: str, row: Any) -> bool:
    """Whether the row is as nearly all are, seen in a tenth of the time that it takes to look for every fault.

    True only for rows that `fault_of` finds none in (a property test holds that); false says nothing.
    """
    try:
        numbers = ",".join(_NUMBERS(row))
        return (
            _USUAL_NUMBERS.fullmatch(numbers) is not None
            and {*map(type, _TEXTS(row))} == {str}
            and {*map(type, _BOOLEANS(row))} == {bool}
            and 0 < len(row["symbol"]) <= LONGEST_SYMBOL
            and not ("\\" in raw or "NaN" in raw or "Infinity" in raw)
        )
    except (KeyError, TypeError):
        return False


def fault_of(raw: str, row: Any) -> str | None:
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
