"""Each market is backfilled, kept up to date and verified: the table equals the exchange's history to the digit."""

import json

import pytest

from etl.simulator.scenario import RowShape, Scenario
from tests.acceptance.lab import DAY, Labs
from tests.acceptance.market_tables import (
    BEYOND_FLOATS,
    NAMES,
    assert_is_the_history,
    gaps,
    market_lab,
    proven,
    table,
)
from tests.combining import few_of

GENERATIONS: list[tuple[str, RowShape]] = [*((name, "2026-08") for name in NAMES), ("usdm", "2025"), ("coinm", "2025")]
"""The rows of the other markets have not changed."""


@pytest.mark.parametrize(("market", "shape"), GENERATIONS)
def test_a_backfill_stores_all_to_the_digit_and_a_night_what_is_new(lab: Labs, market: str, shape: RowShape) -> None:
    yesterday = Scenario(order_id_offset=BEYOND_FLOATS, row_shape=shape, clock_offset_ms=-DAY)
    kept = market_lab(lab, market, scenario=yesterday)
    done = kept("backfill", "--since", "15d")
    assert (done.returncode, done.stderr) == (0, "")
    assert_is_the_history(kept, market)
    before = table(kept, market)
    assert min(order_id for _, order_id in before) > 2**53
    kept.tell("clock", {"advance_ms": DAY})
    night = kept("sync")
    assert (night.returncode, night.stderr) == (0, "")
    assert_is_the_history(kept, market)
    assert len(table(kept, market)) > len(before) > 100
    assert gaps(kept, market) == []
    assert kept.sql("SELECT DISTINCT market FROM coverage") == [{"market": market}]


@pytest.mark.parametrize("market", few_of(NAMES, 2))
def test_verify_agrees_and_finds_a_lost_row_and_a_changed_one(lab: Labs, market: str) -> None:
    held = market_lab(lab, market)
    assert held("backfill", "--since", "15d").returncode == 0
    agrees = json.loads(held("verify", "--json").stdout)
    (scope,) = agrees["scopes"]
    assert (agrees["exit_code"], scope["market"]) == (0, market)
    settled = [row for row in table(held, market).values() if row["order_ms"] < proven(held, market)[-1].end]
    assert scope["orders_compared"] == len(settled) > 100
    assert (scope["missing"], scope["different"], scope["extra"]) == (0, 0, 0)
    lost, changed = sorted(table(held, market))[:2]
    held.sql(f"DELETE FROM force_orders WHERE (symbol, order_id) = {lost} RETURNING 1")
    held.sql(f"""UPDATE force_orders SET side = 'X', raw = raw || '{{"side": "X"}}'
                  WHERE (symbol, order_id) = {changed} RETURNING 1""")
    differs = json.loads(held("verify", "--json").stdout)
    assert differs["exit_code"] == 3
    found = {(one["symbol"], int(one["order_id"])): (one["kind"], one["market"]) for one in differs["differences"]}
    assert found == {lost: ("missing", market), changed: ("different", market)}
    assert held("verify", "--repair").returncode == 0
    assert_is_the_history(held, market)
