"""The second witness of each market of futures, of an account that is switched, and of one that trades too much."""

import pytest

from etl.simulator.scenario import Scenario
from tests.acceptance.lab import HOUR, Lab, Labs
from tests.acceptance.market_tables import CLASSIC, account_of, row_of
from tests.acceptance.reconciling import ON, at_one_o_clock, backfilled, forced_day, lose, midday, reconciled, verdicts
from tests.combining import few_of

LISTS = {
    "usdm": "/fapi/v1/allOrders",
    "coinm": "/dapi/v1/allOrders",
    "pm-usdm": "/papi/v1/um/allOrders",
    "pm-coinm": "/papi/v1/cm/allOrders",
}


def traded_in(lab: Labs, market: str, scenario: Scenario | None = None) -> Lab:
    """An account with three forced orders of one symbol in a market."""
    made = lab(at_one_o_clock(scenario), (account_of(market),), histories={"main": {}})
    made.command.environment.update(ON | {"FORCE_ORDERS_MARKETS": market})
    for number in (1, 2, 3):
        add(made, market, number, midday(made, number))
    return made


def add(lab: Lab, market: str, number: int, at: int) -> None:
    row = row_of(market, number, at, clientOrderId=f"autoclose-{at}{number:06d}", symbol=symbol_of(market))
    lab.tell(f"orders?market={market}", [row])


def symbol_of(market: str) -> str:
    return "BTCUSD_PERP" if market.endswith("coinm") else "BTCUSDT"


@pytest.mark.parametrize("market", LISTS)
def test_a_lost_order_is_found_in_each_market(lab: Labs, market: str) -> None:
    one = traded_in(lab, market)
    lose(one, 2, symbol_of(market), market)
    backfilled(one)
    said = reconciled(one, code=3)
    assert [(found["market"], found["order_id"]) for found in said["disputed"]] == [(market, 2)]
    assert one("sync").returncode == 3
    accept = ("--account", "main", "--symbol", symbol_of(market), "--order", "2", "--why", "a test")
    assert one("coverage", "accept", *accept).returncode == 0
    assert one("sync").returncode == 0


@pytest.mark.parametrize("market", few_of(list(LISTS), 2))
def test_a_day_agrees_only_where_every_symbol_was_listed(lab: Labs, market: str) -> None:
    one = backfilled(traded_in(lab, market))
    (said,) = reconciled(one)["reconciliations"]
    assert said["orders_compared"] == 3
    assert {day["verdict"] for day in said["days"]} == {"agreed" if market == "usdm" else "not checkable"}
    if market != "usdm":
        (reason,) = {day["reason"] for day in said["days"]}
        assert reason == f"the exchange lists all orders by symbol only; compared: {symbol_of(market)}"
    assert one("sync").returncode == 0


def test_a_market_without_such_a_list_is_not_checkable_and_said(lab: Labs) -> None:
    made = lab(Scenario(), (CLASSIC,), histories={"main": {}})
    made.command.environment.update(ON | {"FORCE_ORDERS_MARKETS": "margin"})
    assert made("sync").returncode == 0
    done = made("reconcile")
    assert done.returncode == 3
    assert "margin: nothing to compare with" in done.stdout


def test_an_account_that_trades_too_much_is_not_checkable_and_says_why(lab: Labs) -> None:
    one = backfilled(traded_in(lab, "coinm", Scenario(own_orders_a_day=1_200)), since="8d")
    one.tell("reset-stats", {})
    said = reconciled(one, "--since", forced_day(one, 6), "--until", forced_day(one, 1))
    (found,) = said["reconciliations"]
    assert "BTCUSD_PERP: more orders than 20 requests show" in found["reason"]
    assert one.stats()["requests_by_path"][LISTS["coinm"]] == 20
    assert said["disputed"] == []
    assert one("sync").returncode == 0


@pytest.mark.parametrize("shows_earlier", [False, True])
def test_a_switch_to_portfolio_margin_amid_the_days_disputes_nothing(lab: Labs, shows_earlier: bool) -> None:
    scenario = Scenario(clock_offset_ms=-20 * HOUR, papi_shows_earlier=shows_earlier)
    one = lab(scenario, (CLASSIC,), histories={"main": {}})
    one.command.environment.update(ON | {"FORCE_ORDERS_MARKETS": "auto"})
    for number in (1, 2, 3):
        add(one, "usdm", number, midday(one, number))
    assert one("backfill", "--since", "10d").returncode == 0
    switched = one.now() + HOUR
    one.tell("accounts", {"portfolio_margin_from_ms": switched})
    add(one, "usdm", 4, switched - HOUR // 2)
    add(one, "usdm", 5, switched + HOUR)
    for _ in range(2):
        one.tell("clock", {"advance_ms": 12 * HOUR})
        done = one("sync")
        assert "disagree" not in done.stderr
    assert "disputed" not in verdicts(one)
    assert one.sql("SELECT * FROM disputed_orders") == []
    assert reconciled(one)["disputed"] == []
