"""What planned walks cost, by market and by pool of weight, if no page is full. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from etl.core.markets.market import Endpoint, Market, Pool
from etl.core.walking import Target


@dataclass(frozen=True, slots=True)
class Cost:
    """What requests cost."""

    requests: int = 0
    weight: int = 0

    def with_one(self, weight: int) -> "Cost":
        return Cost(self.requests + 1, self.weight + weight)

    def minutes(self, budget: int) -> float:
        """The duration at `budget` weight per minute; the first minute's budget is available at once."""
        return 0 if self.weight <= budget else self.weight / budget


class MarketPlan(NamedTuple):
    """The walks of a market, over all accounts."""

    market: Market
    targets: Sequence[Target]
    asks_for_limit: bool = False
    """Whether the run asks the exchange for its weight limit there, which it does once a day."""


class _Request(NamedTuple):
    market: Market
    pool: Pool
    weight: int


def cost_by_market(plans: Sequence[MarketPlan]) -> dict[Market, Cost]:
    """Of each market. What several share, such as the request for a clock, belongs to the first of them."""
    costs: dict[Market, Cost] = {}
    for request in _requests(plans):
        costs[request.market] = costs.get(request.market, Cost()).with_one(request.weight)
    return costs


def cost_by_pool(plans: Sequence[MarketPlan]) -> dict[Pool, Cost]:
    """Of each pool. Walks of different pools run at the same time."""
    costs: dict[Pool, Cost] = {}
    for request in _requests(plans):
        costs[request.pool] = costs.get(request.pool, Cost()).with_one(request.weight)
    return costs


def _requests(plans: Sequence[MarketPlan]) -> Iterator[_Request]:
    clocks: set[Endpoint] = set()
    limits: set[Pool] = set()
    for market, targets, asks_for_limit in plans:
        if market.clock not in clocks:
            clocks.add(market.clock)
            yield _Request(market, market.clock.api.pool, market.clock.weight)
        if asks_for_limit and market.listing is not None and market.api.pool not in limits:
            limits.add(market.api.pool)
            yield _Request(market, market.listing.api.pool, market.listing.weight)
        for target in targets:
            yield _Request(market, market.api.pool, market.weights.of(target.symbol))
