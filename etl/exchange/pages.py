"""From the bytes of a response to a page: parsed once, every row checked, no row dropped."""

import json
from collections.abc import Sequence
from typing import Any

import msgspec

from etl.core.orders import Order, Reject
from etl.core.paging import Page
from etl.errors import ContractError, TransientError
from etl.exchange.json_elements import split
from etl.exchange.rows import read_row

_rows = msgspec.json.Decoder(list[msgspec.Raw])


def read_page(body: bytes, received_at: int) -> Page:
    """The page in a 200's body; `received_at` is the exchange's clock, epoch milliseconds.

    Raises TransientError where the body is not JSON (it may be cut off), ContractError where it is not an array.
    """
    rows = [read_row(bytes(row), received_at) for row in _elements(body)]
    orders = tuple(row for row in rows if isinstance(row, Order))
    return Page(orders, tuple(row for row in rows if isinstance(row, Reject)), received_at, len(body))


def _elements(body: bytes) -> Sequence[bytes]:
    try:
        return _rows.decode(body)
    except (msgspec.DecodeError, RecursionError):
        pass  # perhaps because of one row: the other rows are still read
    try:
        elements = split(body)
    except ValueError:
        raise TransientError("the exchange's response is cut off or unreadable") from None
    if elements is None:
        raise ContractError("the exchange answered with JSON that is not an array of orders")
    return elements


def read_object(body: bytes) -> dict[str, Any]:
    """The JSON object in a body, with numbers as text; raises the errors of `read_page`."""
    try:
        value = json.loads(body.decode(), parse_float=str, parse_int=str, parse_constant=str)
    except (ValueError, RecursionError):
        raise TransientError("the exchange's response is cut off or unreadable") from None
    if not isinstance(value, dict):
        raise ContractError("the exchange answered with JSON of an undocumented shape")
    return value
