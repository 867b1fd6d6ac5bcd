"""Several runs of one thing: the median, and the range beside it, as other programs share the machine."""

from collections.abc import Callable, Sequence
from statistics import median

from benchmarks.places import Cost

ROUNDS = 3


def seconds(values: Sequence[float]) -> str:
    return spread(values, lambda value: f"{value:.2f}") + " s"


def wall_and_cpu(costs: Sequence[Cost]) -> str:
    """Wall time, and the CPU time of the program with that of the database server."""
    return f"{seconds([cost.wall for cost in costs])}, CPU {seconds([cost.cpu for cost in costs])}"


def spread(values: Sequence[float], shown: Callable[[float], str]) -> str:
    """`8.0 (7.9–8.4)`."""
    low, high = shown(min(values)), shown(max(values))
    middle = shown(median(values))
    return middle if low == high else f"{middle} ({low}–{high})"


def ratio(ours: Sequence[float], floor: Sequence[float]) -> float:
    """The median of the ratios of runs that followed each other."""
    return median(one / other for one, other in zip(ours, floor, strict=True))
