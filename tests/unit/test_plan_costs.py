"""What planned walks cost by market and by pool, and how `backfill --plan` says it."""

import pytest

from etl.core.markets import MARKETS, market_named
from etl.core.markets.apis import FUTURES_POOL, MARGIN_POOL, PORTFOLIO_POOL
from etl.core.plan_costs import Cost, MarketPlan, cost_by_market, cost_by_pool
from etl.core.timeline import DAY, Window
from etl.core.walking import Target
from etl.reporting.plan_lines import EACH_PAIR, FULL_PAGES, plan_lines
from etl.runs.preview import Preview

START = 1_790_000_000_000
SPAN = Window(START, START + 91 * DAY)
USDM, COINM, PM_USDM, MARGIN = map(market_named, ("usdm", "coinm", "pm-usdm", "margin"))
BUDGETS = {FUTURES_POOL: 1_200, PORTFOLIO_POOL: 3_000, MARGIN_POOL: 6_000}


def weeks(symbol: str | None = None, times: int = 1) -> list[Target]:
    windows = [Window(START + n * 7 * DAY, START + (n + 1) * 7 * DAY) for n in range(13)]
    return [Target(window, window, symbol) for window in windows] * times


def test_ninety_days_of_every_symbol_cost_650_and_one_request_for_the_clock() -> None:
    assert cost_by_market([MarketPlan(USDM, weeks())]) == {USDM: Cost(requests=14, weight=651)}
    assert cost_by_pool([MarketPlan(USDM, weeks(), asks_for_limit=True)]) == {FUTURES_POOL: Cost(15, 652)}


def test_ninety_days_of_one_symbol_cost_260_and_one_request_for_the_clock() -> None:
    assert cost_by_market([MarketPlan(USDM, weeks("BTCUSDT"))]) == {USDM: Cost(requests=14, weight=261)}


def test_no_walk_costs_the_request_for_the_clock() -> None:
    assert cost_by_market([MarketPlan(USDM, [])]) == {USDM: Cost(requests=1, weight=1)}


def test_usdm_and_coinm_share_a_pool_and_its_limit_and_each_has_its_clock() -> None:
    both = [MarketPlan(USDM, weeks(), asks_for_limit=True), MarketPlan(COINM, weeks(), asks_for_limit=True)]
    assert cost_by_market(both) == {USDM: Cost(15, 652), COINM: Cost(14, 651)}
    assert cost_by_pool(both) == {FUTURES_POOL: Cost(29, 1_303)}


def test_portfolio_margin_asks_the_futures_api_for_its_clock() -> None:
    assert cost_by_pool([MarketPlan(PM_USDM, weeks())]) == {FUTURES_POOL: Cost(1, 1), PORTFOLIO_POOL: Cost(13, 650)}
    shared = [MarketPlan(USDM, weeks()), MarketPlan(PM_USDM, weeks())]
    assert cost_by_pool(shared) == {FUTURES_POOL: Cost(14, 651), PORTFOLIO_POOL: Cost(13, 650)}


def test_the_costs_by_market_add_up_to_those_by_pool() -> None:
    plans = [MarketPlan(market, weeks(times=n + 1), asks_for_limit=True) for n, market in enumerate(MARKETS)]
    by_market, by_pool = cost_by_market(plans).values(), cost_by_pool(plans).values()
    assert sum(cost.weight for cost in by_market) == sum(cost.weight for cost in by_pool)
    assert sum(cost.requests for cost in by_market) == sum(cost.requests for cost in by_pool)


@pytest.mark.parametrize(("weight", "minutes"), [(1, 0), (1_200, 0), (1_800, 1.5), (12_000, 10)])
def test_what_the_budget_of_a_minute_holds_takes_no_time(weight: int, minutes: float) -> None:
    assert Cost(1, weight).minutes(1_200) == minutes


def said(*plans: MarketPlan) -> list[str]:
    """But for the lines about the span and the windows."""
    return plan_lines(Preview(plans, BUDGETS), SPAN)[2:]


def test_a_plan_of_one_market_is_one_line() -> None:
    assert said(MarketPlan(USDM, weeks(times=4))) == [
        "53 requests, weight 2601, about 2 minutes at 1200 weight a minute",
        FULL_PAGES,
    ]


def test_a_plan_of_several_markets_says_what_each_costs_and_each_pool_and_takes_as_long_as_the_longest() -> None:
    assert said(MarketPlan(USDM, weeks(times=4)), MarketPlan(PM_USDM, weeks()), MarketPlan(MARGIN, weeks())) == [
        "market usdm: 52 windows, 53 requests, weight 2601",
        "market pm-usdm: 13 windows, 13 requests, weight 650",
        "market margin: 13 windows, 14 requests, weight 14",
        "pool futures: 53 requests, weight 2601, about 2 minutes at 1200 weight a minute",
        "pool portfolio: 13 requests, weight 650, under a minute at 3000 weight a minute",
        "pool margin: 14 requests, weight 14, under a minute at 6000 weight a minute",
        "about 2 minutes in all: what counts against different pools is read at the same time",
        FULL_PAGES,
        EACH_PAIR,
    ]


def test_a_plan_without_windows_says_why() -> None:
    (line,) = plan_lines(Preview([MarketPlan(USDM, []), MarketPlan(COINM, [])], BUDGETS), SPAN)[1:]
    assert line.startswith("nothing to read")
