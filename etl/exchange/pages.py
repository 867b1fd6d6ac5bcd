"""From the bytes of an answer to what they say: parsed once, every row checked, none dropped."""

import json
from collections.abc import Sequence
from typing import Any

import msgspec

from etl.core.orders import Order, Reject
from etl.core.paging import Page
from etl.errors import ContractError, TransientError
from etl.exchange.rows import read_row
from etl.exchange.splitting import split

_rows = msgspec.json.Decoder(list[msgspec.Raw])


def read_page(body: bytes, received_at: int) -> Page:
    """The page in a 200's body; `received_at` is the exchange's clock, epoch milliseconds.

    Raises TransientError where the body is no JSON (it may have been cut), ContractError where it is no array.
    """
    rows = [read_row(bytes(row)) for row in _elements(body)]
    orders = tuple(row for row in rows if isinstance(row, Order))
    return Page(orders, tuple(row for row in rows if isinstance(row, Reject)), received_at)


def _elements(body: bytes) -> Sequence[bytes]:
    try:
        return _rows.decode(body)
    except (msgspec.DecodeError, RecursionError):
        pass  # by one row perhaps: the others are read all the same
    try:
        elements = split(body)
    except ValueError:
        raise TransientError("the exchange's answer is cut or unreadable") from None
    if elements is None:
        raise ContractError("the exchange answered with JSON that is no array of orders")
    return elements


def read_object(body: bytes) -> dict[str, Any]:
    """The JSON object in a body, with numbers as text; raises as `read_page` does."""
    try:
        value = json.loads(body.decode(), parse_float=str, parse_int=str, parse_constant=str)
    except (ValueError, RecursionError):
        raise TransientError("the exchange's answer is cut or unreadable") from None
    if not isinstance(value, dict):
        raise ContractError("the exchange answered with JSON of another shape than it promises")
    return value
