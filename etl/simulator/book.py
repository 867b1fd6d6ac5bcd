"""The orders of an account in one market, sorted so that two bisections find a window."""

from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import accumulate

from etl.simulator.orders import CloseType, Order
from etl.simulator.scenario import FilterField


@dataclass(frozen=True, slots=True)
class Series:
    """Orders sorted by one field; `latest[i]` is when the last of the first i + 1 became readable."""

    times: list[int]
    orders: list[Order]
    latest: list[int]

    def between(self, low_ms: int, high_ms: int, readable_by_ms: int) -> list[Order]:
        """The orders with low ≤ field < high that exist at `readable_by_ms`."""
        first, last = bisect_left(self.times, low_ms), bisect_left(self.times, high_ms)
        if first >= last:
            return []
        found = self.orders[first:last]
        if self.latest[last - 1] <= readable_by_ms:
            return found
        return [order for order in found if order.readable_from <= readable_by_ms]


class Book:
    """All orders of an account in a market, the future ones included. One per symbol and id: a later one replaces it.

    The same id is another order in cross margin and in an isolated pair.
    """

    def __init__(self, orders: Iterable[Order] = ()) -> None:
        self._orders: dict[tuple[str, int, int, bool], Order] = {}
        self._series: dict[tuple[FilterField, str | None, CloseType | None], Series] = {}
        self._by_symbol: dict[str, list[Order]] | None = None
        self.add(orders)

    def add(self, orders: Iterable[Order]) -> None:
        """Add orders, or replace those with the same symbol and id."""
        for order in orders:
            self._orders[_key(order)] = order
        self._forget_series()

    def remove(self, orders: Iterable[Order]) -> None:
        """Take orders out that lie in the book."""
        for order in orders:
            del self._orders[_key(order)]
        self._forget_series()

    def all(self) -> list[Order]:
        """Every order, the future ones included, in no order."""
        return [*self._orders.values()]

    def readable(self, by_ms: int) -> list[Order]:
        """Every order that exists at an instant, oldest first."""
        return self.series("time", None, None).between(0, by_ms + 1, by_ms)

    def series(self, field: FilterField, symbol: str | None, close_type: CloseType | None) -> Series:
        """The orders of a symbol and a close type (None: all) by a field; ties by symbol, then id."""
        key = (field, symbol, close_type)
        if key not in self._series:
            some = self._orders.values() if symbol is None else self._grouped().get(symbol, [])
            self._series[key] = _sorted([one for one in some if close_type in (None, one.close_type)], field)
        return self._series[key]

    def _forget_series(self) -> None:
        self._series.clear()
        self._by_symbol = None

    def _grouped(self) -> dict[str, list[Order]]:
        if self._by_symbol is None:
            self._by_symbol = {}
            for order in self._orders.values():
                self._by_symbol.setdefault(order.symbol, []).append(order)
        return self._by_symbol


def instant(order: Order, field: FilterField) -> int:
    """The time of an order in the given field."""
    return order.time if field == "time" else order.update_time


def _key(order: Order) -> tuple[str, int, int, bool]:
    # An unreadable row has no id: its time distinguishes it from others.
    return order.symbol, order.order_id, 0 if order.order_id else order.time, order.is_isolated


def _sorted(orders: list[Order], field: FilterField) -> Series:
    orders.sort(key=lambda order: (instant(order, field), order.symbol, order.order_id))
    times = [instant(order, field) for order in orders]
    return Series(times, orders, list(accumulate((order.readable_from for order in orders), max)))
