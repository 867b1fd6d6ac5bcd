"""What a random sample of windows says about all of them."""

from collections.abc import Sequence
from math import comb
from random import Random
from typing import TypeVar

T = TypeVar("T")

CONFIDENCE = 0.95


def draw(population: Sequence[T], count: int, random: Random) -> list[T]:
    """`count` different members, or all if there are fewer."""
    return random.sample(population, min(count, len(population)))


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
