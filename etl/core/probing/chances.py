"""How likely a page looks as it does by chance.

A rule counts as shown only once a server without any rule would have produced the same pages with at most COINCIDENCE.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise, permutations
from math import comb, factorial, prod
from typing import NamedTuple

from etl.core.orders import Key, Order

COINCIDENCE = 1e-5

FEW_SYMBOLS = 5
"""Up to so many symbols every order of them is tried, over all pages at once."""

Value = Callable[[Order], int]

VALUES: tuple[Value, ...] = (lambda order: order.order_time, lambda order: order.update_time)
"""What rows may be sorted by. Which of them is not known, so either will do."""

Counts = Mapping[str, tuple[int, int]]
"""By symbol, how many orders match a request and how many of them were kept."""


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


class Fit(NamedTuple):
    """Whether pages look as a rule says, and with which chance they would do so without any rule."""

    is_given: bool
    chance: float


def first_by(cut: Cut, value: Value) -> Fit:
    """Whether the page holds the rows of the lowest values. Of equal values it may hold any."""
    kept = [value(order) for order in cut.matching if order.key in cut.kept]
    left = [value(order) for order in cut.left]
    values = sorted(kept + left)
    last = values[len(kept) - 1]
    ways = comb(values.count(last), len(kept) - values.index(last))
    return Fit(not left or max(kept) <= min(left), ways / cut.choices)


def oldest(cuts: Sequence[Cut]) -> Fit:
    return any_of(all_of(first_by(cut, value) for cut in cuts) for value in VALUES)


def newest(cuts: Sequence[Cut]) -> Fit:
    return any_of(all_of(first_by(cut, _negative(value)) for cut in cuts) for value in VALUES)


def gathered(cuts: Sequence[Cut]) -> Fit:
    """Whether every page was filled symbol by symbol, in whatever order of symbols and rows."""
    counted = [(cut, _of_symbols(cut)) for cut in cuts]
    symbols = {symbol for _, counts in counted for symbol in counts}
    if len(symbols) > FEW_SYMBOLS:
        return all_of(_gathered_somehow(cut, counts) for cut, counts in counted)
    return any_of(
        all_of(_gathered_like(cut, counts, sequence) for cut, counts in counted)
        for sequence in permutations(sorted(symbols))
    )


def ascending(pages: Sequence[Sequence[Order]]) -> Fit:
    return any_of(all_of(sorted_by(page, value) for page in pages) for value in VALUES)


def descending(pages: Sequence[Sequence[Order]]) -> Fit:
    return any_of(all_of(sorted_by(page, _negative(value)) for page in pages) for value in VALUES)


def sorted_by(page: Sequence[Order], value: Value) -> Fit:
    """Whether the rows are in this order. Of equal values each order will do."""
    values = [value(order) for order in page]
    is_sorted = all(before <= after for before, after in pairwise(values))
    return Fit(is_sorted, prod(map(factorial, Counter(values).values())) / factorial(len(values)))


def all_of(fits: Iterable[Fit]) -> Fit:
    fits = [*fits]
    return Fit(all(fit.is_given for fit in fits), prod(fit.chance for fit in fits))


def any_of(fits: Iterable[Fit]) -> Fit:
    """The chance is an upper bound: of ways to fit that exclude each other it is the sum."""
    fits = [*fits]
    return Fit(any(fit.is_given for fit in fits), min(1.0, sum(fit.chance for fit in fits)))


def _negative(value: Value) -> Value:
    return lambda order: -value(order)


def _of_symbols(cut: Cut) -> Counts:
    matching = Counter(order.symbol for order in cut.matching)
    kept = Counter(order.symbol for order in cut.matching if order.key in cut.kept)
    return {symbol: (count, kept[symbol]) for symbol, count in matching.items()}


def _gathered_like(cut: Cut, counts: Counts, sequence: Sequence[str]) -> Fit:
    room, ways, is_given = len(cut.kept), 1, True
    for symbol in sequence:
        count, kept = counts.get(symbol, (0, 0))
        taken = min(count, room)
        is_given = is_given and kept == taken
        ways *= comb(count, taken)
        room -= taken
    return Fit(is_given, ways / cut.choices)


def _gathered_somehow(cut: Cut, counts: Counts) -> Fit:
    """Whether at most one symbol was kept in part."""
    is_given = sum(0 < kept < count for count, kept in counts.values()) <= 1
    ways = 0
    for partial, (count, _) in counts.items():
        whole = [1] + [0] * len(cut.kept)  # in how many ways whole symbols make up so many rows
        for size in (size for symbol, (size, _) in counts.items() if symbol != partial):
            for rows in range(len(cut.kept), size - 1, -1):
                whole[rows] += whole[rows - size]
        ways += sum(comb(count, part) * whole[len(cut.kept) - part] for part in range(1, min(count, len(cut.kept)) + 1))
    return Fit(is_given, min(1.0, ways / cut.choices))
