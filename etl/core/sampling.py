"""What a random sample of windows says about all of them."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import comb
from random import Random
from typing import TypeVar

T = TypeVar("T")

CONFIDENCE = 0.95


@dataclass(frozen=True)
class Sample:
    """The windows that are read again: all, or `size` of each account at random."""

    size: int | None = None
    random: Random = field(default_factory=Random)

    def choose(self, population: Sequence[T]) -> list[T]:
        return [*population] if self.size is None else draw(population, self.size, self.random)


@dataclass(frozen=True)
class SampleResult:
    """How many windows there are, how many were chosen, how many of these were wholly read, and how many differ."""

    population: int = 0
    chosen: int = 0
    read: int = 0
    differing: int = 0

    def __add__(self, other: "SampleResult") -> "SampleResult":
        """Both as one."""
        population, chosen = self.population + other.population, self.chosen + other.chosen
        return SampleResult(population, chosen, self.read + other.read, self.differing + other.differing)

    @property
    def upper_bound(self) -> float:
        """With CONFIDENCE less than this share of all windows differ. A window that was not read says nothing."""
        return upper_bound(self.read, self.differing, self.population)


def draw(population: Sequence[T], count: int, random: Random) -> list[T]:
    """`count` different members, or all if there are fewer."""
    return random.sample(population, min(count, len(population)))


def draw_weighted(population: Sequence[T], weights: Sequence[float], count: int, random: Random) -> list[T]:
    """`count` different members, or all if there are fewer: each draw in proportion to the weights that are left.

    The weights are positive. By keys, Efraimidis and Spirakis 2006: one pass, whatever the size of the population.
    """
    keys = [random.expovariate(weight) for weight in weights]
    return [population[place] for place in sorted(range(len(population)), key=keys.__getitem__)[:count]]


def upper_bound(sampled: int, differing: int, population: int) -> float:
    """The share of the population that differs is lower than this with CONFIDENCE, if `differing` of `sampled` differ.

    Clopper-Pearson, one-sided; for sampling without replacement it errs on the safe side. 0 if all were sampled and
    agree.
    """
    if sampled >= population:
        return differing / population if population else 0.0
    if differing >= sampled:
        return 1.0
    low, high = 0.0, 1.0
    for _ in range(50):
        share = (low + high) / 2
        as_few = sum(comb(sampled, k) * share**k * (1 - share) ** (sampled - k) for k in range(differing + 1))
        low, high = (share, high) if as_few > 1 - CONFIDENCE else (low, share)
    return high
