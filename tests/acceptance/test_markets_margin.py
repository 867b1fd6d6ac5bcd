"""Numbered pages that shift while they are read, and the isolated pairs of margin: what is not seen is not proven."""

import pytest

from etl.simulator.scenario import Scenario
from tests.acceptance.lab import DAY, Labs
from tests.acceptance.market_tables import (
    BUSY,
    assert_is_the_history,
    gaps,
    market_lab,
    proven,
    row_of,
    table,
)

PAIRS = "/sapi/v1/margin/isolated/allPairs"


@pytest.mark.parametrize("market", ["margin", "pm-margin"])
def test_rows_that_arrive_while_pages_are_read_are_stored_or_their_window_is_not_proven(lab: Labs, market: str) -> None:
    shifting = market_lab(lab, market, BUSY, Scenario(late_rows=1, page_limit_cap=40))
    done = shifting("backfill", "--since", "15d", FORCE_ORDERS_CONCURRENCY="1")
    assert (done.returncode, done.stderr) == (0, "")
    assert any((one["current"] or 1) > 1 for one in shifting.stats()["log"])
    assert_is_the_history(shifting, market)
    assert gaps(shifting, market) == []
    assert shifting("verify").returncode == 0


def test_a_pair_in_which_the_account_has_no_isolated_margin_is_an_empty_part(lab: Labs) -> None:
    unopened = market_lab(lab, "margin", scenario=Scenario(unopened_pairs="-11001"), of=None)
    now = unopened.now()
    cross = row_of("margin", 1, now - DAY, isIsolated=False, symbol="ETHUSDT")
    unopened.tell("orders?market=margin", [cross, row_of("margin", 2, now - DAY, symbol="BNBBTC")])
    done = unopened("backfill", "--since", "20d")
    assert (done.returncode, done.stderr) == (0, "")
    asked = {(one["isolatedSymbol"], one["status"]) for one in unopened.stats()["log"]}
    assert asked == {(None, 200), ("BNBBTC", 200), ("BTCUSDT", 400), ("ETHUSDT", 400)}
    assert_is_the_history(unopened, "margin")
    assert gaps(unopened, "margin") == []


def test_without_the_list_of_pairs_nothing_is_proven_and_all_that_is_shown_is_stored(lab: Labs) -> None:
    listless = market_lab(lab, "margin")
    listless.tell("faults", [{"kind": "status", "status": 500, "path": PAIRS}])
    done = listless("backfill", "--since", "15d", FORCE_ORDERS_ATTEMPTS="1")
    assert done.returncode == 3, done.stdout
    assert {gap["reason"] for gap in gaps(listless, "margin")} == {"failed"}
    assert proven(listless, "margin") == []
    assert {row["is_isolated"] for row in table(listless, "margin").values()} == {True, False}
    listless.tell("faults", [])
    assert listless("sync").returncode == 0
    assert gaps(listless, "margin") == []
    assert_is_the_history(listless, "margin")
