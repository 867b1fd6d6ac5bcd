"""Whether a spreadsheet has rounded the order ids of a file. It keeps 15 digits, a double 17; zeros take the rest."""

import math
from dataclasses import dataclass, field

EXACT = 1 << 53
"""Up to here a double holds every whole number."""

CHANCE = 0.001
"""More zeros at the ends of ids than honest ids have so rarely are not believed to be theirs."""

_KEPT = (15, 17)
"""Digits that a spreadsheet keeps, and that a double shows."""


@dataclass
class RoundedIds:
    """Counts ids beyond 2^53, how many of them end in zeros, and how many would by chance.

    An order whose id ends in zeros counts once: a file may have several rows of it, all with the order's time.
    Different orders that were rounded to one id have different times.
    """

    _round: dict[int, set[tuple[int, int]]] = field(default_factory=lambda: {kept: set() for kept in _KEPT})
    _expected: dict[int, float] = field(default_factory=lambda: dict.fromkeys(_KEPT, 0.0))
    example: int | None = None
    """One that ends in zeros."""

    def add(self, order_id: int, time: int) -> None:
        if order_id <= EXACT:
            return
        digits = len(str(order_id))
        for kept in _KEPT:
            tail = digits - kept
            if tail < 1:
                continue
            self._expected[kept] += 10.0**-tail
            if order_id % 10**tail == 0:
                self._round[kept].add((order_id, time))
                self.example = order_id

    def found(self) -> bool:
        """Whether chance hardly explains the zeros."""
        return any(_at_least(len(self._round[kept]), self._expected[kept]) < CHANCE for kept in _KEPT)


def _at_least(count: int, expected: float) -> float:
    """How likely so many events are where so many are expected (Poisson)."""
    if count == 0:
        return 1.0
    if count > expected + 10 * math.sqrt(expected) + 10:
        return 0.0
    fewer = sum(math.exp(-expected + i * math.log(expected) - math.lgamma(i + 1)) for i in range(count))
    return max(0.0, 1.0 - fewer)
