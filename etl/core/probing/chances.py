"""How likely a page looks as it does by chance.

A rule counts as shown only once a server without any rule would have produced the same pages with at most COINCIDENCE.
"""

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise, permutations
from math import comb, factorial, prod

from etl.core.orders import Key, Order

COINCIDENCE = 1e-5

FEW_SYMBOLS = 5
"""Up to so many symbols every order of them is tried, over all pages at once."""

Value = Callable[[Order], int]

VALUES: tuple[Value, ...] = (lambda order: order.order_time, lambda order: order.update_time)
"""What rows may be sorted by. Which of them is not known, so either will do."""


@dataclass(frozen=True, slots=True)
class Cut:
    """A full page: which orders it kept of all that match its request."""

    kept: frozenset[Key]
    matching: tuple[Order, ...]

    @property
    def left(self) -> tuple[Order, ...]:
        return tuple(order for order in self.matching if order.key not in self.kept)

    @property
    def choices(self) -> int:
        return comb(len(self.matching), len(self.kept))


def first_by(cut: Cut, value: Value) -> float | None:
    """The chance that the page holds the rows of the lowest values; None: it does not hold them."""
    kept = [value(order) for order in cut.matching if order.key in cut.kept]
    left = [value(order) for order in cut.left]
    if left and max(kept) > min(left):
        return None
    return comb((kept + left).count(max(kept)), kept.count(max(kept))) / cut.choices


def oldest(cuts: Sequence[Cut]) -> float | None:
    return either(all_of(first_by(cut, value) for cut in cuts) for value in VALUES)


def newest(cuts: Sequence[Cut]) -> float | None:
    return either(all_of(first_by(cut, _negative(value)) for cut in cuts) for value in VALUES)


def gathered(cuts: Sequence[Cut]) -> float | None:
    """The chance that every page was filled symbol by symbol, in whatever order of symbols and rows."""
    symbols = {order.symbol for cut in cuts for order in cut.matching}
    if len(symbols) > FEW_SYMBOLS:
        return all_of(_gathered_somehow(cut) for cut in cuts)
    return either(all_of(_gathered_like(cut, sequence) for cut in cuts) for sequence in permutations(sorted(symbols)))


def ascending(pages: Sequence[Sequence[Order]]) -> float | None:
    return either(all_of(sorted_by(page, value) for page in pages) for value in VALUES)


def descending(pages: Sequence[Sequence[Order]]) -> float | None:
    return either(all_of(sorted_by(page, _negative(value)) for page in pages) for value in VALUES)


def sorted_by(page: Sequence[Order], value: Value) -> float | None:
    """The chance that the rows are in this order; None: they are not."""
    values = [value(order) for order in page]
    if any(before > after for before, after in pairwise(values)):
        return None
    return prod(map(factorial, _sizes(values))) / factorial(len(values))


def all_of(chances: Iterable[float | None]) -> float | None:
    """The chance of all; None if one is contradicted."""
    product = 1.0
    for chance in chances:
        if chance is None:
            return None
        product *= chance
    return product


def either(chances: Iterable[float | None]) -> float | None:
    """At most the chance of any; None if all are contradicted."""
    possible = [chance for chance in chances if chance is not None]
    return min(1.0, sum(possible)) if possible else None


def _negative(value: Value) -> Value:
    return lambda order: -value(order)


def _sizes(values: Iterable[Hashable]) -> list[int]:
    return [*Counter(values).values()]


def _of_symbols(cut: Cut) -> dict[str, tuple[int, int]]:
    """By symbol, how many orders match and how many of them were kept."""
    matching = Counter(order.symbol for order in cut.matching)
    kept = Counter(order.symbol for order in cut.matching if order.key in cut.kept)
    return {symbol: (count, kept[symbol]) for symbol, count in matching.items()}


def _gathered_like(cut: Cut, sequence: Sequence[str]) -> float | None:
    counts = _of_symbols(cut)
    room, chance = len(cut.kept), 1
    for symbol in sequence:
        count, kept = counts.get(symbol, (0, 0))
        if kept != min(count, room):
            return None
        chance *= comb(count, kept)
        room -= kept
    return chance / cut.choices


def _gathered_somehow(cut: Cut) -> float | None:
    """Whether at most one symbol was kept in part; the chance counts every such choice."""
    counts = _of_symbols(cut)
    if sum(0 < kept < count for count, kept in counts.values()) > 1:
        return None
    ways = 0
    for partial, (count, _) in counts.items():
        whole = [1] + [0] * len(cut.kept)  # in how many ways whole symbols make up so many rows
        for size in (size for symbol, (size, _) in counts.items() if symbol != partial):
            for rows in range(len(cut.kept), size - 1, -1):
                whole[rows] += whole[rows - size]
        ways += sum(comb(count, part) * whole[len(cut.kept) - part] for part in range(1, min(count, len(cut.kept)) + 1))
    return min(1.0, ways / cut.choices)
