"""A request to one path as the exchange sees it, and the endpoint that answers it."""

from collections.abc import Callable
from dataclasses import dataclass

from etl.simulator.faults import Fault
from etl.simulator.messages import Reply, Request
from etl.simulator.pools import Pool, Price
from etl.simulator.venue import Venue


@dataclass(frozen=True, slots=True)
class Call:
    """An exchange request with its parameters, the fault that hits it and the server time."""

    request: Request
    pairs: list[tuple[str, str]]
    params: dict[str, str]
    fault: Fault | None
    now_ms: int


@dataclass(frozen=True, slots=True)
class Endpoint:
    """What one path costs, and the function that answers it; that raises RefusedError."""

    pool: Pool
    price: Price
    answer: Callable[[Venue, Call], Reply]
