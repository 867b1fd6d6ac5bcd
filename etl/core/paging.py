"""One request and one response, as the walk sees them."""

from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple

from etl.core.orders import CloseType, Order, Reject
from etl.core.timeline import DAY, Window

GREATEST_LIMIT = 100
"""The most rows on a page (the endpoint's documentation)."""

WIDEST_WINDOW = 7 * DAY - 2
"""The widest window in milliseconds: the request's ends lie one more apart, and that must be less than 7 days."""


class Kind(NamedTuple):
    """A kind of requests. A server may honour the limit for one kind and not for another."""

    by_symbol: bool
    by_close_type: bool


@dataclass(frozen=True, slots=True)
class PageRequest:
    """A request for the orders of a window; None means every symbol, every close type."""

    window: Window
    limit: int
    symbol: str | None = None
    close_type: CloseType | None = None
    number: int | None = None
    """Of the page, from 1, where pages are numbered; `limit` is then the size of a page."""

    @property
    def kind(self) -> Kind:
        return Kind(self.symbol is not None, self.close_type is not None)

    def asks_for(self, order: Order) -> bool:
        """Whether some reading of the request includes the order: one of its times lies within the ends."""
        start, end = self.window.wire()
        is_inside = start <= order.order_time <= end or start <= order.update_time <= end
        return is_inside and self.symbol in (None, order.symbol)


@dataclass(frozen=True, slots=True)
class Page:
    """One response: `length` rows as counted in its JSON, each either an order or a reject."""

    orders: tuple[Order, ...]
    rejects: tuple[Reject, ...]
    received_at: int
    """The exchange's clock when the response arrived, epoch milliseconds."""
    size: int = 0
    """Bytes of the response's body."""
    total: int | None = None
    """Where pages are numbered: how many rows there are on all of them, as the exchange says."""

    @property
    def length(self) -> int:
        return len(self.orders) + len(self.rejects)

    @property
    def longest_row(self) -> int:
        """Bytes of the longest row."""
        return max([0, *(len(order.raw) for order in self.orders), *(len(reject.raw) for reject in self.rejects)])

    def count_requested(self, request: PageRequest) -> int:
        """How many distinct orders match the request however it is read: both their times lie within its ends."""
        start, end = request.window.wire()
        return len(
            {
                order.key
                for order in self.orders
                if request.symbol in (None, order.symbol)
                and request.close_type in (None, order.close_type)
                and start <= order.order_time <= end
                and start <= order.update_time <= end
            }
        )


class Refusal(Enum):
    """A refusal that tells the walk which request to send instead, and so is an answer rather than an error."""

    TOO_WIDE = "the window is too wide"
    BEYOND_RETENTION = "the window is older than the exchange keeps"
    UNKNOWN_SYMBOL = "the exchange does not know the symbol"
    NO_ISOLATED_MARGIN = "the account has no isolated margin in this pair"
    ANOTHER_QUESTION = "the page answers another question than the one asked"


Answer = Page | Refusal
