"""Which orders of a page a run sees for the first time, so that it counts each order once.

A run may see an order twice: on a full page and again in its pieces, which the walk itself tracks, and in two windows
that share an instant, which is tracked here. Neighbours share two milliseconds, as a request reaches beyond its window.
"""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Sequence

from etl.core.orders import Key, Order
from etl.core.timeline import Window, overlaps
from etl.core.walking import Target


class Sightings:
    """What one run has seen of one account. Remembers only orders that several walks may return, never all."""

    def __init__(self, targets: Iterable[Target]) -> None:
        """`targets`: the targets of all walks of the run."""
        reaches: defaultdict[str | None, list[Window]] = defaultdict(list)
        for target in targets:
            reaches[target.symbol].append(_reach(target))
        everywhere = reaches[None]
        self._shared_by_all = _ends(overlaps(everywhere))
        self._shared = {name: _ends(overlaps([*everywhere, *own])) for name, own in reaches.items() if name is not None}
        self._remembered: set[int] = set()

    @property
    def remembers(self) -> int:
        """How many orders are remembered."""
        return len(self._remembered)

    def first(self, target: Target, orders: Iterable[Order]) -> frozenset[Key]:
        """The keys of the orders that the run now sees for the first time.

        `orders` are new to the walk of that target. Orders that the walk did not request are left out: the walk that
        requests them will count them.
        """
        found = set()
        reach = _reach(target)
        for order in orders:
            created, updated = order.order_time, order.update_time
            holds_created, holds_updated = reach.contains(created), reach.contains(updated)
            if target.symbol not in (None, order.symbol) or not (holds_created or holds_updated):
                continue
            key, shared = order.key, self._shared.get(order.symbol, self._shared_by_all)
            if not (holds_created and holds_updated) or _is_within(shared, created) or _is_within(shared, updated):
                known = hash(key)
                if known in self._remembered:
                    continue
                self._remembered.add(known)
            found.add(key)
        return frozenset(found)


def _reach(target: Target) -> Window:
    """All instants that a request of its walk may cover, both ends included."""
    start, end = target.requested.wire()
    return Window(start, end + 1)


def _ends(windows: Sequence[Window]) -> list[int]:
    """The ends of sorted windows that neither overlap nor touch: each start, and then its end."""
    return [end for window in windows for end in (window.start, window.end)]


def _is_within(ends: Sequence[int], instant: int) -> bool:
    """Whether one of the windows with these ends contains the instant."""
    return bisect_right(ends, instant) % 2 == 1
