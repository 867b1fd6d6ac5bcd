"""Which requests read the fills of orders, in the fewest there can be.

The orders of a symbol that lie close together, as those of a cascade do, are one window. It shows the owner's own
trades too, so its page may be full: then the orders are divided, down to one, and what one order's window shows is
divided by time, down to a millisecond. Only what is not complete yet is asked for again.
"""

from collections import Counter, deque
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from etl.core.fills import DueOrder
from etl.core.markets.market import Records
from etl.core.orders import Key
from etl.core.page_limits import DOCUMENTED_LENGTHS
from etl.core.timeline import Window, divide


@dataclass(frozen=True, slots=True)
class FillRequest:
    """A request for the fills of some orders of one symbol in a window, at most as wide as the endpoint takes."""

    orders: tuple[DueOrder, ...]
    window: Window
    is_by_order_id: bool = False
    """Whether the one order is named: then the window shows no other fills."""

    @property
    def symbol(self) -> str:
        return self.orders[0].symbol


class FillRequests:
    """Hands out requests and learns from their answers. Any number may be in flight.

    Every order ends: as complete, or among those that `answered`, `refused_symbol` or `give_up` returns, which are not
    asked for again. Orders in company cost at most one request each more than alone, where every page is full.
    """

    def __init__(self, orders: Sequence[DueOrder], records: Records) -> None:
        """`orders`: the most urgent first."""
        self._records = records
        self._waiting: deque[FillRequest] = deque()
        self._open: Counter[Key] = Counter()
        """Requests of each order that are not answered yet."""
        self._ended: set[Key] = set()
        self._crowded: set[Key] = set()
        self._add(_plan(orders, records))

    def next(self) -> FillRequest | None:
        """The next request; None: none is waiting, but an answer may bring some."""
        while self._waiting:
            request = self._waiting.popleft()
            rest = self._unfinished(request.orders)
            if len(rest) == len(request.orders):
                return request
            self._close(request)
            self._add(_plan(rest, self._records))
        return None

    def answered(self, request: FillRequest, shown: int, complete: Collection[Key]) -> list[DueOrder]:
        """Take note of a page. Returns the orders that stay incomplete, with the requests for them at an end.

        `shown`: the rows of the page; `complete`: the orders of the request whose fills are all known now.
        """
        self._ended |= {*complete}
        rest = self._unfinished(request.orders)
        pieces = _divided(request, rest, self._records) if rest and self._may_be_cut(shown) else []
        if rest and self._may_be_cut(shown) and not pieces:
            self._crowded |= {order.key for order in rest}
        return self._replace(request, pieces)

    def too_wide(self, request: FillRequest) -> list[DueOrder]:
        """The exchange takes only narrower windows: as if the page had been full."""
        return self.answered(request, self._records.greatest_limit, ())

    def too_old(self, request: FillRequest) -> list[DueOrder]:
        """The exchange no longer keeps all of the window: the younger orders are asked for without the oldest."""
        halves = _divided(request, self._unfinished(request.orders), self._records) if len(request.orders) > 1 else []
        return self._replace(request, halves)

    def give_up(self, request: FillRequest) -> list[DueOrder]:
        """There is no answer to a request. Returns as `answered` does."""
        return self._replace(request, [])

    def refused_symbol(self, request: FillRequest) -> list[DueOrder]:
        """The exchange does not answer for the symbol. Returns its orders, as far as they are not in flight."""
        of_symbol = [request, *(one for one in self._waiting if one.symbol == request.symbol)]
        orders = {order.key: order for one in of_symbol for order in self._unfinished(one.orders)}
        self._close(request)
        self._ended |= orders.keys()
        return [*orders.values()]

    def is_crowded(self, order: DueOrder) -> bool:
        """Whether a millisecond of the order showed a full page."""
        return order.key in self._crowded

    def _may_be_cut(self, shown: int) -> bool:
        """A full page proves nothing; nor does one of a length that a host sends which ignores the limit."""
        return shown >= self._records.greatest_limit or shown in (self._records.default_limit, *DOCUMENTED_LENGTHS)

    def _unfinished(self, orders: Iterable[DueOrder]) -> tuple[DueOrder, ...]:
        return tuple(order for order in orders if order.key not in self._ended)

    def _add(self, requests: Sequence[FillRequest]) -> None:
        """To the front: what was begun ends first."""
        self._open.update(order.key for request in requests for order in request.orders)
        self._waiting.extendleft(reversed(requests))

    def _close(self, request: FillRequest) -> None:
        self._open.subtract(order.key for order in request.orders)

    def _replace(self, request: FillRequest, pieces: Sequence[FillRequest]) -> list[DueOrder]:
        self._close(request)
        self._add(pieces)
        left = [order for order in self._unfinished(request.orders) if not self._open[order.key]]
        self._ended |= {order.key for order in left}
        return left


def _plan(orders: Sequence[DueOrder], records: Records) -> list[FillRequest]:
    """The fewest requests for these orders, in the order of the first of each."""
    places = {order.key: place for place, order in enumerate(orders)}
    groups: list[list[DueOrder]] = []
    start = end = 0
    for order in sorted(orders, key=lambda order: (order.symbol, order.window)):
        end = max(end, order.window.end)
        if groups and groups[-1][0].symbol == order.symbol and end - start <= records.widest:
            groups[-1].append(order)
        else:
            groups.append([order])
            start, end = order.window.start, order.window.end
    groups.sort(key=lambda group: min(places[order.key] for order in group))
    return [request for group in groups for request in _requests(group, records)]


def _requests(group: Sequence[DueOrder], records: Records) -> list[FillRequest]:
    """One, unless the single order of a group lasted longer than a window may."""
    is_by_order_id = records.takes_order_id and len(group) == 1
    windows = divide(_hull(group), records.widest)
    return [FillRequest(tuple(group), window, is_by_order_id) for window in windows]


def _divided(request: FillRequest, rest: Sequence[DueOrder], records: Records) -> list[FillRequest]:
    """Smaller requests for the orders of a page that may be cut; none where it cannot be smaller."""
    if len(request.orders) > 1:
        middle = (len(rest) + 1) // 2
        halves = [half for half in (rest[:middle], rest[middle:]) if half]
        return [piece for half in halves for piece in _requests(half, records)]
    start, end = request.window.start, request.window.end
    cuts = sorted({start, (start + end) // 2, end})
    pieces = [Window(a, b) for a, b in pairwise(cuts)]
    return [FillRequest(tuple(rest), piece, request.is_by_order_id) for piece in pieces if len(pieces) > 1]


def _hull(group: Sequence[DueOrder]) -> Window:
    return Window(min(order.window.start for order in group), max(order.window.end for order in group))
