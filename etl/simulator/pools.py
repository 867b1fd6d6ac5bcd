"""Pools of weight: which paths share a limit, the header that tells its use, and what one request costs."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from etl.simulator.scenario import Scenario

Price = Callable[[Scenario, Mapping[str, str]], int]
"""The weight of a request under a scenario, with its parameters as sent."""


@dataclass(frozen=True, slots=True)
class Pool:
    """One counter of weight for each address. `limit` and `others` are what a scenario allows, and what a bot uses."""

    name: str
    header: str
    limit: Callable[[Scenario], int]
    others: Callable[[Scenario], int] = lambda _: 0


FUTURES = Pool("futures", "X-MBX-USED-WEIGHT-1M", lambda it: it.weight_limit, lambda it: it.others_weight)
PAPI = Pool("papi", "X-MBX-USED-WEIGHT-1M", lambda it: it.papi_weight_limit)
SAPI = Pool("sapi", "X-SAPI-USED-IP-WEIGHT-1M", lambda it: it.sapi_weight_limit)
API = Pool("api", "X-MBX-USED-WEIGHT-1M", lambda it: it.api_weight_limit)
POOLS = (FUTURES, PAPI, SAPI, API)


def by_symbol(scenario: Scenario, params: Mapping[str, str]) -> int:
    """The price of force orders at fapi, dapi and papi."""
    return scenario.weight_with_symbol if params.get("symbol") else scenario.weight_without_symbol


def flat(weight: int) -> Price:
    """The same price for every request."""
    return lambda _scenario, _params: weight


def with_symbol(weight: int, without: int) -> Price:
    """One price with a symbol, and another without."""
    return lambda _scenario, params: weight if params.get("symbol") else without


def pool_of(path: str) -> Pool:
    """The pool that pays for a path, known or not; what belongs to no API counts as fapi."""
    return _BY_API.get(path.split("/")[1] if path.startswith("/") else "", FUTURES)


_BY_API = {"papi": PAPI, "sapi": SAPI, "api": API}
