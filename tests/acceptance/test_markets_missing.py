"""Markets that an account does not have, that its key may not read, or that a host does not serve."""

import json
from dataclasses import replace
from typing import Any

import pytest

from etl.core.account_markets import ACCOUNT_INFO
from etl.simulator.accounts import MAIN, Account
from etl.simulator.markets import Wallet
from etl.simulator.scenario import Scenario
from tests.acceptance.endings import assert_one_line
from tests.acceptance.lab import DAY, Lab, Labs
from tests.acceptance.market_tables import (
    CLASSIC,
    NAMES,
    OF_CLASSIC,
    OF_UNIFIED,
    PATHS,
    UNIFIED,
    assert_is_the_history,
    gaps,
    history,
    proven,
    row_of,
)


def found_by_itself(lab: Labs, account: Account = CLASSIC, scenario: Scenario | None = None) -> Lab:
    """An order in each classic market two days ago, and a command that finds the markets by itself."""
    made = lab(scenario or Scenario(), (account,), histories={"main": {}})
    made.command.environment["FORCE_ORDERS_MARKETS"] = "auto"
    for market in OF_CLASSIC:
        made.tell(f"orders?market={market}", [row_of(market, 1, made.now() - 2 * DAY)])
    return made


def refused(market: str) -> list[dict[str, Any]]:
    return [{"kind": "key", "path": PATHS[market]}]


@pytest.mark.parametrize("wallets", [("usdm", "coinm"), ("margin",)])
def test_a_sub_account_is_read_in_the_markets_that_it_has_and_is_complete_with_these(
    lab: Labs, wallets: tuple[Wallet, ...]
) -> None:
    sub = found_by_itself(lab, replace(MAIN, wallets=wallets))
    done = sub("backfill", "--since", "5d")
    assert (done.returncode, done.stderr) == (0, "")
    assert {market for market in OF_CLASSIC if proven(sub, market)} == {*wallets}
    assert_is_the_history(sub, *wallets)
    assert sub.sql("SELECT FROM coverage_gaps") == []
    check = sub("accounts", "check")
    assert (check.returncode, ", ".join(wallets) in check.stdout) == (0, True), check.stdout


@pytest.mark.parametrize("market", OF_CLASSIC)
def test_a_market_that_the_key_may_not_read_is_a_gap_and_said_in_one_line(lab: Labs, market: str) -> None:
    partly = found_by_itself(lab)
    partly.tell("faults", refused(market))
    others = [name for name in OF_CLASSIC if name != market]
    first = partly("backfill", "--since", "5d")
    assert first.returncode == 1, "the exchange says that the account has it, so this run tried"
    assert_one_line(partly("sync"), 3, f"({market}): the key may not read it")
    (gap,) = gaps(partly, market)
    assert gap["reason"] == "market_not_read"
    assert_is_the_history(partly, *others)
    assert [gaps(partly, other) for other in others] == [[], []]
    check = partly("accounts", "check")
    assert check.returncode == 1
    assert ("refused" if market == "usdm" else f"({market}): the key may not read it") in check.stdout


def clone(lab: Labs) -> Lab:
    return found_by_itself(lab, scenario=Scenario(dapi=False, papi=False, sapi=False))


def test_a_clone_with_usdm_alone_costs_no_more_than_two_questions_and_none_the_night_after(lab: Labs) -> None:
    copy = clone(lab)
    planned = copy("backfill", "--plan", FORCE_ORDERS_MARKETS="usdm")
    assert planned.returncode == 0
    done = copy("backfill")
    assert (done.returncode, done.stderr) == (0, "")
    by_path = copy.stats()["requests_by_path"]
    others = {path: count for path, count in by_path.items() if not path.startswith("/fapi/")}
    assert sum(others.values()) <= 2, others
    copy.tell("reset-stats", {})
    night = copy("sync")
    assert (night.returncode, night.stderr) == (0, "")
    assert all(path.startswith("/fapi/") for path in copy.stats()["requests_by_path"])
    assert_is_the_history(copy, "usdm")
    assert copy.sql("SELECT FROM coverage_gaps") == []


def test_a_key_that_a_clone_refuses_is_no_account_without_markets(lab: Labs) -> None:
    copy = clone(lab)
    assert copy("backfill", "--since", "5d").returncode == 0
    copy.tell("faults", refused("usdm"))
    assert copy("sync").returncode == 1
    assert_one_line(copy("sync"), 3, "USDⓈ-M futures (usdm): the key may not read it")
    assert [gap["reason"] for gap in gaps(copy, "usdm")] == ["market_not_read"]
    copy.tell("faults", [])
    assert copy("sync").returncode == 0, "as soon as the key works"


def lie(**said: bool) -> list[dict[str, Any]]:
    word = {"isFutureEnabled": False, "isMarginEnabled": False, "isPortfolioMarginRetailEnabled": False} | said
    return [{"kind": "status", "status": 200, "body": json.dumps(word), "path": ACCOUNT_INFO}]


@pytest.mark.parametrize(
    ("account", "said"),
    [(CLASSIC, {}), (CLASSIC, {"isMarginEnabled": True}), (CLASSIC, {"isFutureEnabled": True}), (UNIFIED, {})],
    ids=["nothing", "no futures", "no margin", "no Portfolio Margin"],
)
def test_the_exchanges_word_that_a_market_is_not_there_loses_nothing(
    lab: Labs, account: Account, said: dict[str, bool]
) -> None:
    own = OF_UNIFIED if account is UNIFIED else OF_CLASSIC
    lied = found_by_itself(lab, account)
    lied.tell("faults", lie(**said))
    for command in (["backfill", "--since", "5d"], ["sync"]):
        done = lied(*command)
        assert (done.returncode, done.stderr) == (0, ""), command
        assert_is_the_history(lied, *own)
        assert {market for market in NAMES if proven(lied, market)} >= {*own}


def test_an_isolated_pair_of_a_portfolio_margin_account_is_read(lab: Labs) -> None:
    """The exchange does not say whether isolated margin becomes a part of Portfolio Margin."""
    unified = found_by_itself(lab, UNIFIED)
    assert [row["isIsolated"] for row in history(unified, "margin")] == [True]
    done = unified("backfill", "--since", "5d")
    assert (done.returncode, done.stderr) == (0, "")
    assert_is_the_history(unified, *OF_UNIFIED, "margin")


@pytest.mark.parametrize("market", ["pm-usdm", "pm-margin"])
def test_an_empty_202_is_no_page(lab: Labs, market: str) -> None:
    odd = found_by_itself(lab, UNIFIED)
    odd.command.environment["FORCE_ORDERS_MARKETS"] = market
    assert odd("backfill", "--since", "20d", "--until", "10d").returncode == 0
    before = proven(odd, market)
    odd.tell("faults", [{"kind": "status", "status": 202, "path": PATHS[market]}])
    done = odd("backfill", "--since", "20d", FORCE_ORDERS_ATTEMPTS="1")
    assert done.returncode in (1, 3), done.stdout
    assert proven(odd, market) == before
    odd.tell("faults", [])
    assert odd("backfill", "--since", "20d").returncode == 0
    assert_is_the_history(odd, market)
