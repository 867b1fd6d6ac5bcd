"""The default budget is half of what the exchange allows: asked for once a day, corrected by what a 429 says."""

import signal
import time
from collections.abc import Mapping
from typing import Any

import psycopg
import pytest

from etl.simulator.history import Generated, Profile
from etl.simulator.scenario import Scenario
from etl.simulator.venue import History
from tests.acceptance.lab import Lab, Labs, assert_table_equals_history

EXCHANGE_INFO = "/fapi/v1/exchangeInfo"
QUIET = {"main": Generated(Profile("quiet"))}


def next_minute_at(second: int) -> int:
    """An instant of the minute that begins next, epoch milliseconds."""
    return (int(time.time()) // 60 + 1) * 60_000 + second * 1_000


def limited(lab: Labs, weight_limit: int, histories: Mapping[str, History] = QUIET, **switches: Any) -> Lab:
    """An exchange that allows so much, and a command without a budget of its own."""
    return lab(Scenario(weight_limit=weight_limit, **switches), histories=histories, room=False)


def asked(lab: Lab) -> int:
    """How often the exchange was asked what it allows."""
    return int(lab.stats()["requests_by_path"].get(EXCHANGE_INFO, 0))


def remembered(lab: Lab) -> list[tuple[int, str]]:
    return [(row["per_minute"], row["source"]) for row in lab.sql("SELECT * FROM weight_limits")]


def weights(lab: Lab) -> list[int]:
    """The weight of each of the exchange's minutes."""
    return [one["weight"] for one in lab.stats()["weight_by_minute"]]


def let_a_day_pass(lab: Lab) -> None:
    with psycopg.connect(lab.database_url) as owner:
        owner.execute("UPDATE weight_limits SET seen_at = seen_at - interval '25 hours'")


def test_a_backfill_of_90_days_keeps_to_half_of_a_low_limit(lab: Labs) -> None:
    low = limited(lab, 700, clock_at_ms=next_minute_at(5))
    process = low.command.start("--log-level", "info", "backfill", FORCE_ORDERS_WINDOW_DAYS="3")
    assert process.stderr is not None
    assert any("this minute's weight budget is used up" in line for line in process.stderr), "it waits, unasked"
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=30)
    assert process.returncode == 130
    assert remembered(low) == [(700, "exchangeInfo")]
    assert (low.stats()["throttled"], low.stats()["bans"]) == (0, 0)
    assert weights(low) == [302]


def test_it_is_asked_once_a_day(lab: Labs) -> None:
    high = limited(lab, 6_000)
    assert high("backfill").returncode == 0
    assert (asked(high), high.last_run()["requests"], high.last_run()["weight"]) == (1, 15, 652)
    assert high("sync").returncode == 0
    assert asked(high) == 1
    let_a_day_pass(high)
    assert high("sync").returncode == 0
    assert asked(high) == 2
    assert remembered(high) == [(6_000, "exchangeInfo")]


def test_the_plan_counts_with_what_is_known_and_says_what_the_run_then_costs(lab: Labs) -> None:
    high = limited(lab, 6_000)
    planned = high("backfill", "--plan").stdout
    assert "15 requests, weight 652, under a minute at 1200 weight a minute" in planned
    assert high.stats()["requests"] == 0
    assert high("backfill", "--since", "5d").returncode == 0
    planned = high("backfill", "--plan").stdout
    assert "14 windows" in planned
    assert "15 requests, weight 701, under a minute at 3000 weight a minute" in planned
    assert "at 600 weight a minute" in high("backfill", "--plan", FORCE_ORDERS_WEIGHT_BUDGET="600").stdout


def test_a_budget_of_the_operator_needs_no_question(lab: Labs) -> None:
    own = limited(lab, 2_400)
    assert own("backfill", FORCE_ORDERS_WEIGHT_BUDGET="1200").returncode == 0
    assert (asked(own), remembered(own)) == (0, [])


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "status", "status": 404},
        {"kind": "status", "status": 500},
        {"kind": "object"},
        {"kind": "garbage"},
        {"kind": "reset"},
    ],
    ids=["404", "500", "an object", "garbage", "a reset"],
)
def test_an_exchange_that_does_not_tell_is_read_all_the_same(lab: Labs, fault: dict[str, Any]) -> None:
    silent = limited(lab, 2_400)
    silent.tell("faults", [fault | {"path": EXCHANGE_INFO}])
    done = silent("backfill")
    assert (done.returncode, done.stderr) == (0, "")
    assert remembered(silent) == []
    assert_table_equals_history(silent)


@pytest.mark.parametrize(("own", "learned"), [("", 80), ("1200", 160)], ids=["half", "chosen"])
def test_a_429_corrects_what_was_believed_for_this_run_and_the_next(lab: Labs, own: str, learned: int) -> None:
    silent = limited(lab, 160, {"main": []}, clock_at_ms=next_minute_at(50))
    silent.tell("faults", [{"kind": "status", "status": 404, "path": EXCHANGE_INFO}])
    silent.command.environment.update(FORCE_ORDERS_WEIGHT_BUDGET=own, FORCE_ORDERS_CONCURRENCY="1")
    done = silent("backfill", "--since", "27d")
    assert done.returncode == 0, done.stderr
    assert silent.stats()["throttled"] == 1, "nothing told it before, and this did"
    assert remembered(silent) == [(160, "429")]
    assert f"at {learned} weight a minute" in silent("backfill", "--plan").stdout
