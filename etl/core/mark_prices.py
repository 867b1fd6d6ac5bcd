"""Mark prices: which minutes of a symbol are asked for in one request.

Source: the page "Mark Price Kline/Candlestick Data". Fewer than 100 minutes cost weight 1, as one does.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import NamedTuple

from etl.core.timeline import MINUTE

MOST_MINUTES = 99
"""In one request of weight 1."""


class MarkPrice(NamedTuple):
    """The mark price at the beginning of a minute, epoch milliseconds. `price` is a decimal as it is written."""

    minute: int
    price: str
    raw: str


@dataclass(frozen=True, slots=True)
class PriceRequest:
    """The minutes of a symbol from the first to the last, both included; epoch milliseconds of their beginnings."""

    symbol: str
    first: int
    last: int
    wanted: Sequence[int]


def price_requests(minutes: Iterable[tuple[str, int]]) -> list[PriceRequest]:
    """The fewest requests that show these minutes, each with its symbol."""
    requests = []
    for symbol, own in groupby(sorted(set(minutes)), key=lambda one: one[0]):
        left = [minute for _, minute in own]
        while left:
            reach = left[0] + (MOST_MINUTES - 1) * MINUTE
            together = [minute for minute in left if minute <= reach]
            requests.append(PriceRequest(symbol, together[0], together[-1], together))
            left = left[len(together) :]
    return requests
