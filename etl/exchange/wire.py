"""From the bytes of a response to a page: parsed once, every row checked, none dropped."""

import re
from typing import Any

from etl.core.orders import Order, Reject
from etl.core.paging import Page
from etl.errors import ContractError, TransientError
from etl.exchange.row import check_row, decoder
from etl.exchange.usual import read_usual

REMEMBERED = 2_000
"""Rows, about 2 MB, that are known again; a page has 100, and its pieces follow soon."""

_OPENING = re.compile(r"[ \t\n\r]*\[[ \t\n\r]*(\])?")
_SEPARATOR = re.compile(r"[ \t\n\r]*(?:,[ \t\n\r]*|(\]))")


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
        try:
            rows = self._rows(body.decode())
        except (ValueError, RecursionError):
            raise TransientError("the exchange's answer is cut or unreadable") from None
        orders = tuple(row for row in rows if isinstance(row, Order))
        if len(self._recent) > REMEMBERED:
            self._recent.clear()
        self._recent.update((order.raw, order) for order in orders)
        return Page(orders, tuple(row for row in rows if isinstance(row, Reject)), received_at)

    def _rows(self, text: str) -> list[Order | Reject]:
        """Each element of the array; raises ValueError and RecursionError."""
        rows: list[Order | Reject] = []
        mark = _OPENING.match(text)
        if mark is None:
            decoder.decode(text)
            raise ContractError("the exchange answered with JSON that is no array of orders")
        while mark[1] is None:
            row, end = self._row(text, mark.end())
            rows.append(row)
            mark = _SEPARATOR.match(text, end)
            if mark is None:
                raise ValueError("the array is cut")
        if text[mark.end() :].strip():
            raise ValueError("something follows the array")
        return rows

    def _row(self, text: str, at: int) -> tuple[Order | Reject, int]:
        """The element that begins at `at`, and where it ends."""
        end = text.find("}", at) + 1
        raw = text[at:end]
        order = self._recent.get(raw) or read_usual(raw)
        if order is not None:
            return order, end
        value, end = decoder.raw_decode(text, at)
        return check_row(text[at:end], value), end


def read_object(body: bytes) -> dict[str, Any]:
    """The JSON object in a body, with numbers as text; raises as `PageReader.read` does."""
    try:
        value = decoder.decode(body.decode())
    except (ValueError, RecursionError):
        raise TransientError("the exchange's answer is cut or unreadable") from None
    if not isinstance(value, dict):
        raise ContractError("the exchange answered with JSON of another shape than it promises")
    return value
