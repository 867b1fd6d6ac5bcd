"""From the bytes of a response to a page: parsed once, every row checked, no row dropped."""

import json
import re
from collections.abc import Sequence
from typing import Any

import msgspec

from etl.core.orders import Order, Reject
from etl.core.paging import Page
from etl.errors import ContractError, TransientError
from etl.exchange.json_elements import split, split_object
from etl.exchange.rows import read_rows

_rows = msgspec.json.Decoder(list[msgspec.Raw])

_UNREADABLE = "the exchange's response is cut off or unreadable"
_NOT_NUMBERED = "the exchange answered with JSON that is not a numbered page of orders"
_TOTAL = re.compile(rb"0|[1-9][0-9]{0,17}")


def read_page(body: bytes, received_at: int) -> Page:
    """The page in a 200's body; `received_at` is the exchange's clock, epoch milliseconds.

    Raises TransientError where the body is not JSON (it may be cut off), ContractError where it is not an array.
    """
    return _page(body, received_at, len(body), None)


def read_numbered_page(body: bytes, received_at: int) -> Page:
    """The page in a 200's body `{"rows": [...], "total": n}`; other keys are ignored.

    Raises TransientError where the body is not JSON (it may be cut off, or empty, as hosts answer that do not serve the
    endpoint), ContractError where it has not this shape. A key that stands there twice might hide rows: that is not
    this shape either.
    """
    try:
        members = split_object(body)
    except ValueError:
        raise TransientError(_UNREADABLE) from None
    rows, totals = ([value for key, value in members or () if key == name] for name in (b'"rows"', b'"total"'))
    if len(rows) != 1 or len(totals) != 1 or not rows[0].startswith(b"[") or not _TOTAL.fullmatch(totals[0]):
        raise ContractError(_NOT_NUMBERED)
    return _page(rows[0], received_at, len(body), int(totals[0]))


def _page(array: bytes, received_at: int, size: int, total: int | None) -> Page:
    rows = read_rows(array, elements(array), received_at)
    orders = tuple(row for row in rows if isinstance(row, Order))
    return Page(orders, tuple(row for row in rows if isinstance(row, Reject)), received_at, size, total)


def elements(body: bytes) -> Sequence[msgspec.Raw | bytes]:
    """The rows of an array, each as received; raises the errors of `read_page`."""
    try:
        return _rows.decode(body)
    except (msgspec.DecodeError, RecursionError):
        pass  # perhaps because of one row: the other rows are still read
    try:
        elements = split(body)
    except ValueError:
        raise TransientError(_UNREADABLE) from None
    if elements is None:
        raise ContractError("the exchange answered with JSON that is not an array of orders")
    return elements


def read_object(body: bytes) -> dict[str, Any]:
    """The JSON object in a body, with numbers as text; raises the errors of `read_page`."""
    try:
        value = json.loads(body.decode(), parse_float=str, parse_int=str, parse_constant=str)
    except (ValueError, RecursionError):
        raise TransientError(_UNREADABLE) from None
    if not isinstance(value, dict):
        raise ContractError("the exchange answered with JSON of an undocumented shape")
    return value
