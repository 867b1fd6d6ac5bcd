"""What a backfill would do and cost, as plain text lines."""

from collections.abc import Iterator, Sequence

from etl.core.markets.market import Pool
from etl.core.plan_costs import Cost, MarketPlan, cost_by_market, cost_by_pool
from etl.core.text import many
from etl.core.timeline import Window, to_the_second
from etl.reporting.lines import span_words
from etl.runs.preview import Preview

FULL_PAGES = "a window with more orders than fit on a page costs about two requests more for each further 99 orders"
EACH_PAIR = "margin costs a request more in each window for each isolated pair that the exchange lists"


def plan_lines(preview: Preview, span: Window) -> list[str]:
    """The windows of a span and their cost; with several markets or pools also the cost of each."""
    windows = [target.need for plan in preview.plans for target in plan.targets]
    if not windows:
        return [
            span_words(span),
            "nothing to read: everything of this span is proven, or younger than the settle lag",
        ]
    pools = cost_by_pool(preview.plans)
    return [
        span_words(span),
        f"{many(len(windows), 'window')}, {to_the_second(min(windows).start)} to {to_the_second(max(windows).end)}",
        *_of_markets(preview.plans),
        *_of_pools(pools, preview),
        FULL_PAGES,
        *([EACH_PAIR] if any(plan.market.is_split_by_symbol and plan.targets for plan in preview.plans) else []),
    ]


def _of_markets(plans: Sequence[MarketPlan]) -> Iterator[str]:
    costs = cost_by_market(plans)
    if len(plans) > 1:
        for market, targets, _ in plans:
            yield f"market {market}: {many(len(targets), 'window')}, {_cost(costs.get(market, Cost()))}"


def _of_pools(costs: dict[Pool, Cost], preview: Preview) -> Iterator[str]:
    times = {pool: cost.minutes(preview.budgets.get(pool, pool.allowance)) for pool, cost in costs.items()}
    if len(costs) == 1:
        ((pool, cost),) = costs.items()
        yield f"{_cost(cost)}, {_duration(times[pool])} at {preview.budgets[pool]} weight a minute"
        return
    for pool, cost in costs.items():
        yield f"pool {pool.name}: {_cost(cost)}, {_pace(times[pool], preview.budgets.get(pool))}"
    yield f"{_duration(max(times.values()))} in all: what counts against different pools is read at the same time"


def _pace(minutes: float, budget: int | None) -> str:
    """Without a budget: the pool of another market's clock, of which a request or two are needed."""
    return _duration(minutes) if budget is None else f"{_duration(minutes)} at {budget} weight a minute"


def _cost(cost: Cost) -> str:
    return f"{many(cost.requests, 'request')}, weight {cost.weight}"


def _duration(minutes: float) -> str:
    return "under a minute" if minutes < 1 else f"about {minutes:.0f} minutes"
