"""The main job, as a user runs it: the command against the simulator and a real Postgres."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import pytest

from etl.simulator.history import Generated, Profile
from etl.simulator.orders import orders_from_json
from etl.simulator.replay import replayed
from etl.simulator.scenario import Scenario
from tests.acceptance.lab import DAY, HOUR, Labs, assert_table_equals_history, order_row

RECORDED = Path(__file__).resolve().parents[3] / "shared" / "data" / "recorded-liquidations.csv"


def test_ninety_days_of_every_symbol_equal_the_exchanges_own_history_to_the_digit(lab: Labs) -> None:
    demo = lab()
    done = demo("backfill")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("backfill succeeded")
    assert "gaps: none" in done.stdout
    assert len(demo.table()) > 300
    assert_table_equals_history(demo)


def test_the_same_backfill_twice_asks_only_for_the_settle_edge(lab: Labs) -> None:
    demo = lab()
    assert demo("backfill").returncode == 0
    demo.tell("reset-stats", {})
    again = demo("backfill")
    assert again.returncode == 0
    run = demo.last_run()
    assert (run["inserted"], run["updated"], run["status"]) == (0, 0, "succeeded")
    (asked,) = demo.stats()["log"]
    assert asked["endTime"] - asked["startTime"] < HOUR
    assert_table_equals_history(demo)


def test_the_same_order_id_in_two_symbols_makes_two_rows(lab: Labs) -> None:
    now = Scenario()
    twins = lab(now, histories={"main": []})
    at = twins.now() - 3 * DAY
    twins.tell("orders", [order_row("BTCUSDT", 7, at), order_row("ETHUSDT", 7, at)])
    assert twins("backfill").returncode == 0
    assert sorted(twins.table()) == [("BTCUSDT", 7), ("ETHUSDT", 7)]
    assert_table_equals_history(twins)


def test_a_later_version_replaces_the_row_and_an_earlier_one_changes_nothing(lab: Labs) -> None:
    changing = lab(histories={"main": []})
    at = changing.now() - 2 * DAY
    changing.tell("orders", [order_row("BTCUSDT", 1, at, status="NEW", executedQty="0", updateTime=at)])
    assert changing("backfill").returncode == 0
    later = order_row("BTCUSDT", 1, at, status="FILLED", updateTime=at + HOUR)
    changing.tell("orders", [later])
    assert changing("sync").returncode == 0
    assert (changing.last_run()["inserted"], changing.last_run()["updated"]) == (0, 1)
    assert_table_equals_history(changing)
    (dates,) = changing.sql("SELECT changed_at > first_seen_at AS changed, first_run_id, last_run_id FROM force_orders")
    assert dates == {"changed": True, "first_run_id": 1, "last_run_id": 2}

    changing.tell("orders", [order_row("BTCUSDT", 1, at, status="NEW", executedQty="0", updateTime=at)])
    assert changing("sync").returncode == 0
    assert changing.last_run()["updated"] == 0
    assert changing.table()[("BTCUSDT", 1)]["status"] == "FILLED"


def test_sync_after_backfill_brings_only_what_is_new_and_moves_the_watermark(lab: Labs) -> None:
    nightly = lab(Scenario(clock_offset_ms=-DAY), histories={"main": Generated(Profile("quiet"))})
    assert nightly("backfill").returncode == 0
    before = nightly.watermark()["watermark"]
    at = nightly.now()
    nightly.tell("orders", [order_row("BTCUSDT", 900_000_001, at + n) for n in range(1)])
    nightly.tell("clock", {"advance_ms": DAY})
    nightly.tell("reset-stats", {})
    done = nightly("sync")
    assert (done.returncode, done.stderr) == (0, "")
    assert nightly.last_run()["inserted"] >= 1
    assert nightly.stats()["pages"] == 2, "the week behind the watermark, and what is new"
    moved = nightly.watermark()["watermark"] - before
    assert abs(moved.total_seconds() - 86_400) < 60
    assert_table_equals_history(nightly)


def test_a_quarter_without_a_single_order_is_covered(lab: Labs) -> None:
    empty = lab(histories={"main": []})
    done = empty("backfill")
    assert done.returncode == 0
    assert "13 windows, 14 requests (weight 651)" in done.stdout
    assert empty.gaps() == []
    mark = empty.watermark()
    assert (mark["watermark"] - mark["covered_since"]).total_seconds() > 89.9 * 86_400


def test_the_plan_says_what_the_run_then_costs_and_sends_nothing(lab: Labs) -> None:
    quiet = lab(histories={"main": Generated(Profile("quiet"))}, room=False)
    planned = quiet("backfill", "--plan")
    assert planned.returncode == 0
    assert quiet.stats()["requests"] == 0
    assert "13 windows" in planned.stdout
    assert "15 requests, weight 652" in planned.stdout, "two are for the clock and for the weight limit"
    assert quiet("backfill").returncode == 0
    run = quiet.last_run()
    assert (run["requests"], run["weight"]) == (15, 652)
    assert quiet.stats()["requests"] == 15
    assert quiet.sql("SELECT count(*) AS n FROM runs") == [{"n": 1}]


def test_nothing_younger_than_the_settle_lag_is_proven_though_it_is_stored(lab: Labs) -> None:
    young = lab(histories={"main": []})
    at = young.now() - 60_000
    young.tell("orders", [order_row("BTCUSDT", 1, at)])
    assert young("backfill").returncode == 0
    assert list(young.table()) == [("BTCUSDT", 1)]
    assert young.watermark()["watermark"].timestamp() * 1000 <= young.now() - 600_000


@pytest.mark.parametrize("answer", ["error", "empty"])
def test_a_span_older_than_the_exchange_keeps_is_a_gap_and_not_an_empty_week(
    lab: Labs, answer: Literal["error", "empty"]
) -> None:
    old = lab(Scenario(beyond_retention=answer), histories={"main": Generated(Profile("quiet"))})
    done = old("backfill", "--since", "120d", "--beyond-retention")
    assert done.returncode == 3, done.stderr
    (gap,) = [gap for gap in old.gaps() if gap["symbol"] == "*"]
    assert gap["reason"] == "beyond_retention"
    assert 29.9 < (gap["gap_end"] - gap["gap_start"]).total_seconds() / DAY * 1000 < 30.1
    assert_table_equals_history(old)
    assert old("sync").returncode == 0, "an old hole does not make the nightly job red for ever"


def test_symbols_by_name_are_read_by_name_and_three_are_read_at_once(lab: Labs) -> None:
    named = lab(histories={"main": Generated(Profile("quiet"))})
    assert named("backfill", "--symbol", "BTCUSDT", "--symbol", "ethusdt", "--since", "5d").returncode == 0
    assert {asked["symbol"] for asked in named.stats()["log"]} == {"BTCUSDT", "ETHUSDT"}
    marks = {row["symbol"] for row in named.sql("SELECT symbol FROM watermarks")}
    assert marks == {"BTCUSDT", "ETHUSDT"}
    named.tell("reset-stats", {})
    assert named("backfill", "--symbol", "BTCUSDT,ETHUSDT,SOLUSDT", "--since", "5d").returncode == 0
    assert {asked["symbol"] for asked in named.stats()["log"]} == {None}


def test_a_span_in_the_past_ends_where_it_was_said_to(lab: Labs) -> None:
    past = lab(histories={"main": Generated(Profile("quiet"))})
    since, until = past.now() - 20 * DAY, past.now() - 13 * DAY
    assert past("backfill", "--since", str(since), "--until", str(until)).returncode == 0
    mark = past.watermark()
    assert mark["covered_since"] == datetime.fromtimestamp(since / 1000, UTC)
    assert mark["watermark"] == datetime.fromtimestamp(until / 1000, UTC)


@pytest.mark.skipif(not RECORDED.is_file(), reason="the recorded liquidations are not part of the product")
def test_liquidations_recorded_from_the_real_feed_come_out_as_they_went_in(lab: Labs) -> None:
    rows = [json.loads(order.rendered) for order in replayed(RECORDED)["main"]]
    ago = datetime.now(UTC).timestamp() * 1_000 - max(row["time"] for row in rows)
    shift = int(ago // DAY - 1) * DAY  # so that the last of them is a day or two old
    moved = [row | {name: row[name] + shift for name in ("time", "updateTime")} for row in rows]
    recorded = lab(histories={"main": orders_from_json(moved)})
    done = recorded("backfill")
    assert done.returncode == 0, done.stderr
    assert len(recorded.table()) == 1_104
    assert_table_equals_history(recorded)


def test_status_tells_watermark_age_gaps_and_the_last_run(lab: Labs) -> None:
    seen = lab(histories={"main": orders_from_json([])})
    assert "nothing was read yet" in seen("status").stderr
    assert seen("backfill", "--since", "30d").returncode == 0
    told = json.loads(seen("status", "--json").stdout)
    (scope,) = told["scopes"]
    assert (scope["account"], scope["symbol"], scope["gaps"]) == ("main", "*", [])
    assert 600 <= scope["age_seconds"] < 700
    assert 89 < scope["days_until_loss"] <= 90
    assert told["last_run"]["status"] == "succeeded"
    shown = seen("status").stdout
    assert "10 min" in shown
    assert "backfill" in shown
