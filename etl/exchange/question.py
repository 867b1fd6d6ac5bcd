"""A request for anything but force orders: its endpoint, its parameters, and how its answer is read."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

from etl.core.markets.market import Endpoint

Told = TypeVar("Told")


@dataclass(frozen=True, slots=True)
class Question(Generic[Told]):
    """`read` takes the body of a 200 and the exchange's clock, epoch milliseconds; it raises as `read_page` does."""

    endpoint: Endpoint
    parameters: Mapping[str, str | int]
    read: Callable[[bytes, int], Told]
    is_public: bool = False
    """Whether the exchange answers anyone, so that nothing is signed."""
