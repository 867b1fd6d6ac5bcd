"""Others on the same address, clocks that jump, and refusals that stand for something else."""

import time
from typing import Any

import pytest

from etl.simulator.scenario import Scenario
from tests.acceptance.lab import DAY, FORCE_ORDERS, HOUR, Lab, Labs, assert_table_equals_history
from tests.waiting import wait_until

MINUTE = 60_000
SECOND = 1_000


def next_minute_at(second: int) -> int:
    """An instant that this machine's clock has not reached yet: it has no say in when a silence is over."""
    return (int(time.time()) * SECOND // MINUTE + 1) * MINUTE + second * SECOND


def past(lab: Lab) -> tuple[int, int]:
    """A span whose orders stay the same, however the clock jumps by hours."""
    now = lab.now()
    return now - 60 * DAY, now - DAY


def assert_table_equals_history_of(lab: Lab, since: int, until: int) -> None:
    expected = {key: row for key, row in lab.expected(since).items() if row["order_ms"] < until}
    table = {key: row for key, row in lab.table().items() if row["order_ms"] < until}
    assert len(expected) > 100
    assert table.keys() == expected.keys()
    for key, row in table.items():
        assert {name: row[name] for name in expected[key]} == expected[key]


def test_beside_a_bot_that_burns_half_of_the_allowance_nobody_is_throttled(lab: Labs) -> None:
    shared = lab(Scenario(others_weight=1_200, clock_at_ms=next_minute_at(50)), room=False)
    done = shared("backfill", FORCE_ORDERS_WINDOW_DAYS="3")
    assert (done.returncode, done.stderr) == (0, "")
    stats = shared.stats()
    assert (stats["throttled"], stats["bans"]) == (0, 0)
    assert len(stats["weight_by_minute"]) > 1, "one minute did not suffice"
    assert_table_equals_history(shared)


@pytest.mark.parametrize("jump", [5 * HOUR, -5 * HOUR])
def test_the_exchange_s_clock_jumps_by_hours_in_the_middle_of_a_run(lab: Labs, jump: int) -> None:
    jumping = lab(Scenario(latency_ms=100))
    since, until = past(jumping)
    process = jumping.command.start("backfill", "--since", str(since), "--until", str(until))
    wait_until(lambda: jumping.stats()["pages"] >= 3)
    jumping.tell("clock", {"advance_ms": jump})
    _, errors = process.communicate(timeout=60)
    assert (process.returncode, errors) == (0, "")
    assert jumping.stats()["statuses"]["400"] >= 1, "the clock was refused"
    assert_table_equals_history_of(jumping, since, until)


def test_an_exchange_whose_clock_runs_half_as_fast_again_is_followed(lab: Labs) -> None:
    drifting = lab(Scenario(clock_speed=1.5, latency_ms=200))
    since, until = past(drifting)
    done = drifting(
        "backfill",
        "--since",
        str(since),
        "--until",
        str(until),
        FORCE_ORDERS_CONCURRENCY="1",
        FORCE_ORDERS_RECV_WINDOW_MS="1000",
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert drifting.stats()["statuses"]["400"] >= 1, "the clock was refused"
    assert_table_equals_history_of(drifting, since, until)


@pytest.mark.parametrize("offset", [5 * HOUR, -5 * HOUR])
def test_a_machine_whose_clock_is_hours_off_reads_all_the_same(lab: Labs, offset: int) -> None:
    """The database's clock is the machine's here: behind the exchange's both limit what is proven, ahead neither."""
    elsewhere = lab(Scenario(clock_offset_ms=offset))
    done = elsewhere("backfill")
    assert (done.returncode, done.stderr) == (0, "")
    assert elsewhere.stats()["statuses"].keys() == {"200"}
    mark = elsewhere.watermark()
    since, until = (int(mark[name].timestamp() * SECOND) for name in ("covered_since", "watermark"))
    assert_table_equals_history_of(elsewhere, since, until)
    behind = elsewhere.now() - until
    assert abs(behind - 600 * SECOND - max(0, offset)) < 30 * SECOND
    assert ("this machine's clock is 5 h behind the exchange's: nothing after" in done.stdout) == (offset > 0)


@pytest.mark.parametrize(("offset", "off"), [(5 * HOUR, "5 h behind"), (-5 * HOUR, "5 h ahead of")])
def test_a_clock_that_is_always_refused_ends_the_run_with_1_and_says_by_how_much_it_is_off(
    lab: Labs, offset: int, off: str
) -> None:
    refused = lab(Scenario(clock_offset_ms=offset))
    refused.tell("faults", [{"kind": "skew", "path": FORCE_ORDERS}])
    done = refused("backfill", FORCE_ORDERS_CONCURRENCY="1")
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert f"this machine's clock is {off} the exchange's" in line
    assert refused.stats()["requests_by_path"][FORCE_ORDERS] == 4
    assert refused.last_run()["status"] == "failed"


def silences(lab: Lab) -> list[dict[str, Any]]:
    """What the exchange asked for, and how much of it is left, milliseconds."""
    return lab.sql(
        "SELECT (extract(epoch FROM until - clock_timestamp()) * 1000)::bigint AS left, reason FROM cooldowns"
    )


def end_cooldown(lab: Lab) -> None:
    """Where it is kept: in the database, and in the file beside it."""
    lab.sql("DELETE FROM cooldowns RETURNING 1")
    (file,) = lab.command.directory.rglob("cooldown-*.json")
    file.unlink()


def test_the_firewall_ends_an_impatient_run_with_4_and_no_order_is_lost(lab: Labs) -> None:
    guarded = lab(Scenario(clock_at_ms=next_minute_at(10)))
    guarded.tell("faults", [{"kind": "status", "status": 403, "at": 6}])
    done = guarded("backfill", FORCE_ORDERS_PATIENCE_SECONDS="1")
    assert done.returncode == 4, done.stderr
    (line,) = done.stderr.splitlines()
    assert "firewall" in line
    (silence,) = silences(guarded)
    assert "firewall" in silence["reason"]
    assert 30 * SECOND < silence["left"] <= 61 * SECOND
    guarded.tell("reset-stats", {})
    assert guarded("backfill", FORCE_ORDERS_PATIENCE_SECONDS="1").returncode == 4
    assert guarded.stats()["requests"] == 0

    end_cooldown(guarded)  # in place of the minute that has to pass
    assert guarded("backfill").returncode == 0
    assert_table_equals_history(guarded)


def test_a_key_that_is_refused_after_calls_that_worked_is_first_taken_for_a_ban(lab: Labs) -> None:
    doubted = lab(Scenario(clock_at_ms=next_minute_at(10)))
    doubted.tell("faults", [{"kind": "key", "at": [6, None]}])
    done = doubted("backfill", FORCE_ORDERS_PATIENCE_SECONDS="1")
    assert done.returncode == 4, done.stderr
    (line,) = done.stderr.splitlines()
    assert "ban in disguise" in line
    assert doubted.last_run()["status"] == "banned"
    (silence,) = silences(doubted)
    assert 20 * SECOND < silence["left"] <= 51 * SECOND, "until a second into the next minute"
    doubted.tell("reset-stats", {})
    assert doubted("sync", FORCE_ORDERS_PATIENCE_SECONDS="1").returncode == 4
    assert doubted.stats()["requests"] == 0


def test_a_refusal_that_overtakes_the_first_good_answers_is_taken_for_a_ban_as_well(lab: Labs) -> None:
    overtaken = lab(Scenario(clock_at_ms=next_minute_at(10)))
    overtaken.tell(
        "faults",
        [
            {"kind": "slow", "ms": 300, "path": FORCE_ORDERS, "at": [1, 4]},
            {"kind": "key", "path": FORCE_ORDERS, "at": [5, None]},
        ],
    )
    done = overtaken("backfill", FORCE_ORDERS_CONCURRENCY="8", FORCE_ORDERS_PATIENCE_SECONDS="1")
    assert done.returncode == 4, done.stderr
    (line,) = done.stderr.splitlines()
    assert "ban in disguise" in line
    assert overtaken.last_run()["status"] == "banned"
