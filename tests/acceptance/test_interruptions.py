"""Bans, crashes and faults: what is proven is kept, and nothing is asked for while the exchange wants silence."""

import pytest

from etl.core.timeline import Window, subtract
from etl.simulator.scenario import Scenario
from tests.acceptance.lab import HOUR, Labs, assert_table_equals_history
from tests.chaos.judging import FOR_EVER, proven_intervals
from tests.chaos.promise import assert_asks_only_for, questions
from tests.waiting import wait_until


@pytest.mark.parametrize("hours", [0, -5, 5])
def test_a_ban_ends_the_run_with_4_and_the_next_one_sends_nothing(lab: Labs, hours: int) -> None:
    banned = lab(Scenario(clock_offset_ms=hours * HOUR))
    banned.tell("faults", [{"kind": "ban", "at": 5, "seconds": 3600}])
    done = banned("backfill", FORCE_ORDERS_CONCURRENCY="1")
    assert done.returncode == 4, done.stderr
    (line,) = done.stderr.splitlines()
    assert "cooldown" in line
    assert banned.last_run()["status"] == "banned"
    sent = banned.stats()["requests"]
    again = banned("sync")
    assert again.returncode == 4
    assert "nothing is sent until then" in again.stderr
    assert banned.stats()["requests"] == sent
    assert banned.stats()["requests_during_ban"] == 0
    assert banned("backfill", FORCE_ORDERS_EGRESS="another-address").returncode == 4, "the exchange still bans us"


def test_a_run_that_was_killed_goes_on_where_it_was(lab: Labs) -> None:
    killed = lab(Scenario(latency_ms=50))
    process = killed.command.start("backfill")
    wait_until(lambda: killed.sql("SELECT 1 FROM watermarks WHERE watermark > now() - interval '70 days'"))
    process.kill()
    process.communicate()
    killed.tell("scenario", {"latency_ms": 0})
    first, proven = questions(killed), [Window(*interval) for interval in proven_intervals(killed)]
    assert proven
    assert killed("backfill").returncode == 0
    assert_asks_only_for(subtract([Window(0, FOR_EVER)], proven), questions(killed)[len(first) :])
    assert killed.gaps() == []
    assert_table_equals_history(killed)


def test_passing_faults_are_invisible(lab: Labs) -> None:
    shaky = lab()
    kinds = ["reset", "cut", "garbage", "close"]
    shaky.tell("faults", [{"kind": kind, "at": {"every": 5 + n}} for n, kind in enumerate(kinds)])
    done = shaky("backfill", "--since", "14d", FORCE_ORDERS_CONCURRENCY="1")
    assert (done.returncode, done.stderr) == (0, "")
    assert {fault for fault in (asked["fault"] for asked in shaky.stats()["log"]) if fault} == set(kinds)
    assert_table_equals_history(shaky)


def test_a_window_that_cannot_be_read_is_a_gap_and_the_next_run_fills_it(lab: Labs) -> None:
    broken = lab()
    broken.tell("faults", [{"kind": "garbage", "at": [4, 5], "path": "/fapi/v1/forceOrders"}])
    done = broken("backfill", FORCE_ORDERS_CONCURRENCY="1", FORCE_ORDERS_ATTEMPTS="2")
    assert done.returncode == 3, done.stderr
    assert {gap["reason"] for gap in broken.gaps()} == {"failed"}
    assert broken("sync").returncode == 0
    assert broken.gaps() == []
    assert_table_equals_history(broken)


def test_an_exchange_that_does_not_tell_its_time_is_read_by_this_machines_clock(lab: Labs) -> None:
    timeless = lab()
    timeless.tell("faults", [{"kind": "status", "status": 404, "path": "/fapi/v1/time"}])
    done = timeless("backfill")
    assert done.returncode == 0, done.stderr
    assert "clock cannot be read" in done.stderr
    timeless.tell("faults", [])
    assert_table_equals_history(timeless)


def test_a_clock_that_is_hours_off_changes_nothing(lab: Labs) -> None:
    elsewhere = lab(Scenario(clock_offset_ms=-5 * 3_600_000))
    done = elsewhere("backfill")
    assert (done.returncode, done.stderr) == (0, "")
    assert_table_equals_history(elsewhere)
    assert elsewhere.watermark()["watermark"].timestamp() * 1000 < elsewhere.now() - 599_000
