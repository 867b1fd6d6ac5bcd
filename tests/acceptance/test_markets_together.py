"""One account with all of its markets in one run: every pool within its own limit, and none waits for another."""

from typing import Any

import pytest

from etl.simulator.accounts import Account
from etl.simulator.scenario import Scenario
from tests.acceptance.lab import DAY, Lab, Labs
from tests.acceptance.market_tables import (
    BEYOND_FLOATS,
    CLASSIC,
    OF_CLASSIC,
    OF_UNIFIED,
    UNIFIED,
    assert_is_the_history,
    gaps,
    proven,
    row_of,
)

MINUTE = 60_000
LIMITS = {"futures": 2_400, "papi": 6_000, "sapi": 12_000, "api": 6_000}
"""Weight per minute and address, as the exchange documents it. Half of it is the budget where none is set."""


def with_an_order_a_day(lab: Lab, days: int) -> Lab:
    """In each classic market, which is in Portfolio Margin if the account is; an isolated pair stays where it is."""
    now = lab.now()
    for market in OF_CLASSIC:
        rows = [row_of(market, BEYOND_FLOATS + ago, now - ago * DAY) for ago in range(1, days)]
        if market == "margin":
            rows = [row | {"isIsolated": row["orderId"] % 2 == 0} for row in rows]
        lab.tell(f"orders?market={market}", rows)
    return lab


def weights(lab: Lab) -> dict[str, list[int]]:
    """What each pool was used for in each minute."""
    pools: dict[str, Any] = lab.stats()["pools"]
    return {name: [one["weight"] for one in pool["weight_by_minute"]] for name, pool in pools.items()}


def assert_within_the_budgets(lab: Lab) -> None:
    assert (lab.stats()["throttled"], lab.stats()["bans"]) == (0, 0)
    for name, by_minute in weights(lab).items():
        assert max(by_minute, default=0) <= LIMITS[name] // 2, name


@pytest.mark.parametrize(("account", "own"), [(CLASSIC, OF_CLASSIC), (UNIFIED, (*OF_UNIFIED, "margin"))])
def test_an_account_is_read_in_all_its_markets_at_once(lab: Labs, account: Account, own: tuple[str, ...]) -> None:
    whole = with_an_order_a_day(lab(Scenario(), (account,), histories={"main": {}}, room=False), days=60)
    whole.command.environment["FORCE_ORDERS_MARKETS"] = "auto"
    done = whole("backfill", "--since", "60d")
    assert (done.returncode, done.stderr) == (0, "")
    assert_is_the_history(whole, *own)
    assert {market for market in (*OF_CLASSIC, *OF_UNIFIED) if proven(whole, market)} == {*own}
    assert [gap for market in own for gap in gaps(whole, market)] == []
    assert whole.sql("SELECT count(*) AS runs FROM runs") == [{"runs": 1}]
    assert_within_the_budgets(whole)
    night = whole("sync")
    assert (night.returncode, night.stderr) == (0, "")
    assert_is_the_history(whole, *own)


def test_a_pool_whose_minute_is_spent_keeps_no_other_waiting(lab: Labs) -> None:
    busy = with_an_order_a_day(lab(Scenario(), (CLASSIC,), histories={"main": {}}, room=False), days=80)
    busy.tell("clock", {"set_ms": (busy.now() // MINUTE + 1) * MINUTE - 10_000})  # a minute that ends soon
    done = busy("backfill", FORCE_ORDERS_MARKETS="usdm,coinm,margin")
    assert (done.returncode, done.stderr) == (0, "")
    assert_is_the_history(busy, *OF_CLASSIC)
    assert_within_the_budgets(busy)
    assert len(weights(busy)["futures"]) > 1, "26 windows of 50 are more than half of 2,400"
    asked = [one["market"] for one in busy.stats()["log"]]
    last = {market: len(asked) - asked[::-1].index(market) for market in asked}
    assert last["margin"] < max(last["usdm"], last["coinm"])
    assert "coinm" in asked[: last["margin"]], "both futures markets"
