"""The public list of mark prices: the parameters of a request, and the rows of its answer."""

import re
from collections.abc import Sequence
from decimal import Decimal

import msgspec
from msgspec import Raw

from etl.core.mark_prices import MOST_MINUTES, MarkPrice, PriceRequest
from etl.core.markets.market import Endpoint
from etl.core.orders import Reject
from etl.core.timeline import MINUTE
from etl.errors import ContractError
from etl.exchange.pages import elements
from etl.exchange.question import Question
from etl.exchange.row_types import NUMBER, decode

_cells = msgspec.json.Decoder(list[Raw])
_TIME = re.compile(rb"[1-9][0-9]{12}")


def question(endpoint: Endpoint, request: PriceRequest) -> Question[Sequence[MarkPrice]]:
    parameters: dict[str, str | int] = {
        "symbol": request.symbol,
        "interval": "1m",
        "startTime": request.first,
        "endTime": request.last + MINUTE - 1,
        "limit": MOST_MINUTES,
    }
    return Question(endpoint, parameters, read_prices, is_public=True)


def read_prices(body: bytes, _received_at: int) -> Sequence[MarkPrice]:
    """Raises TransientError where the body is not JSON, ContractError where a row is no minute with a price."""
    return [_read(bytes(row)) for row in elements(body)]


def _read(row: bytes) -> MarkPrice:
    decoded = decode(row, _cells, {})
    if isinstance(decoded, Reject) or len(decoded[1]) < len(("time", "price")):
        raise ContractError("the exchange answered with a mark price that is not a list of values")
    text, cells = decoded
    opened_at, price = (bytes(cell).strip(b'" ') for cell in cells[:2])
    if not _TIME.fullmatch(opened_at) or not NUMBER.fullmatch(price) or Decimal(price.decode()) <= 0:
        raise ContractError("the exchange answered with a mark price that has no time or no price")
    return MarkPrice(int(opened_at), price.decode(), text)
