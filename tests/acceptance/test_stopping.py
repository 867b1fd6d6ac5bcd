"""A signal ends the command with 130, soon and whatever it waits for; what was proven is kept."""

import os
import signal
import subprocess
import time
from pathlib import Path

import psycopg
import pytest

from etl.simulator.scenario import Scenario
from tests.acceptance.endings import ended
from tests.acceptance.lab import Lab, Labs, assert_table_equals_history
from tests.combining import few_of
from tests.command import Command
from tests.waiting import wait_until


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_in_the_middle_of_a_run(lab: Labs, number: int) -> None:
    stopped = lab(Scenario(latency_ms=100))
    process = stopped.command.start("backfill", FORCE_ORDERS_CONCURRENCY="1")
    wait_until(lambda: stopped.stats()["pages"] >= 10)
    assert "what was proven is kept" in ended(process, number)
    assert stopped.last_run()["status"] == "stopped"
    assert stopped.watermark()["watermark"] is not None
    stopped.tell("scenario", {"latency_ms": 0})
    assert stopped("backfill").returncode == 0
    assert_table_equals_history(stopped)


def test_while_the_exchange_accepts_and_never_answers(lab: Labs) -> None:
    hanging = lab()
    hanging.tell("faults", [{"kind": "hang", "path": "/fapi/v1/time"}])
    process = hanging.command.start("backfill")
    wait_until(lambda: hanging.stats()["requests"])
    ended(process, signal.SIGINT)


def test_while_it_waits_for_weight(lab: Labs) -> None:
    poor = lab(Scenario(clock_at_ms=int(time.time()) // 60 * 60_000 + 5_000))
    process = poor.command.start("backfill", FORCE_ORDERS_WEIGHT_BUDGET="101")
    wait_until(lambda: poor.stats()["weight"] >= 101)
    ended(process)
    assert poor.last_run()["status"] == "stopped"
    assert poor.stats()["weight"] == 101


def test_while_it_waits_for_the_end_of_a_ban(lab: Labs) -> None:
    banned = lab()
    banned.tell("faults", [{"kind": "ban", "at": 3, "seconds": 600}])
    process = banned.command.start("backfill", FORCE_ORDERS_PATIENCE_SECONDS="3600", FORCE_ORDERS_CONCURRENCY="1")
    assert process.stderr is not None
    assert "wants no request before" in process.stderr.readline()
    wait_until(lambda: banned.sql("SELECT FROM cooldowns"))
    ended(process)
    assert banned.last_run()["status"] == "stopped"
    assert banned.stats()["requests_during_ban"] == 0
    assert banned("sync").returncode == 4, "the next run knows of it"


def test_while_another_run_has_the_account(lab: Labs) -> None:
    busy = lab()
    with psycopg.connect(busy.database_url) as holding:
        holding.execute("SELECT pg_advisory_lock(hashtextextended('main/usdm', 0))")
        process = busy.command.start("backfill")
        wait_until(lambda: busy.sql("SELECT FROM runs"))
        ended(process)
    assert busy.last_run()["status"] == "stopped"
    assert busy.stats()["requests"] == 0


def test_while_the_database_does_not_answer(lab: Labs) -> None:
    blocked = lab(Scenario(latency_ms=100))
    process = blocked.command.start("backfill")
    wait_until(lambda: blocked.stats()["pages"])
    with psycopg.connect(blocked.database_url) as holding:
        holding.execute("LOCK TABLE coverage IN ACCESS EXCLUSIVE MODE")
        wait_until(lambda: blocked.sql("SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock'"))
        assert "did not answer" in ended(process)
    assert blocked("backfill").returncode == 0
    assert_table_equals_history(blocked)
    first, second = blocked.sql("SELECT status FROM runs ORDER BY id")
    assert (first["status"], second["status"]) == ("failed", "succeeded")


def test_a_second_signal_ends_it_at_once(lab: Labs) -> None:
    blocked = lab()
    with psycopg.connect(blocked.database_url) as holding:
        holding.execute("LOCK TABLE coverage IN ACCESS EXCLUSIVE MODE")
        process = blocked.command.start("backfill")
        wait_until(lambda: blocked.sql("SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock'"))
        process.send_signal(signal.SIGINT)
        assert ended(process, signal.SIGTERM) == ""


def test_while_the_embedded_database_is_being_made(lab: Labs, tmp_path: Path) -> None:
    begun = lab()
    home = tmp_path / "data"
    process = begun.command.start("backfill", FORCE_ORDERS_DATABASE_URL="", FORCE_ORDERS_DATA_DIR=str(home))
    wait_until(home.exists)
    ended(process)


def test_a_reader_who_left_does_no_harm(lab: Labs) -> None:
    piped = lab()
    reading, writing = os.pipe()
    os.close(reading)
    piped.tell("faults", [{"kind": "garbage", "at": [4, 5], "path": "/fapi/v1/forceOrders"}])
    few = {"FORCE_ORDERS_CONCURRENCY": "1", "FORCE_ORDERS_ATTEMPTS": "2"}
    done = piped.command.into(writing, None, "backfill", **few).end()
    os.close(writing)
    (line,) = done.stderr.splitlines()
    assert "a window could not be read" in line
    assert done.returncode == 3, "the exit code is that of the run"
    assert piped.last_run()["status"] == "incomplete"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a device that is always full is a thing of Linux")
def test_an_output_that_cannot_be_written_is_named_and_leaves_a_run_its_exit_code(lab: Labs) -> None:
    full = lab()
    for words in (
        ["backfill"],
        ["sync"],
        ["verify", "--since", "9d"],
        ["backfill", "--distributed"],
        ["db", "upgrade"],
    ):
        assert into_full(full, words) == (0, UNWRITTEN), words
    assert_table_equals_history(full)
    full.sql("DELETE FROM force_orders WHERE order_id = (SELECT max(order_id) FROM force_orders) RETURNING 1")
    assert into_full(full, ["verify", "--since", "90d"]) == (3, UNWRITTEN)
    assert into_full(full, ["backfill", "--since", "100d", "--beyond-retention"]) == (3, UNWRITTEN)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a device that is always full is a thing of Linux")
@pytest.mark.parametrize("words", few_of(["status", "report", "db url", "backfill --plan"], 2))
def test_an_output_that_is_all_there_is_to_do_is_a_failure_where_it_cannot_be_written(lab: Labs, words: str) -> None:
    full = lab(histories={"main": []})
    assert full("backfill").returncode == 0
    assert into_full(full, words.split()) == (1, UNWRITTEN)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a device that is always full is a thing of Linux")
@pytest.mark.parametrize(
    "words", few_of(["--version", "--help", "sync --help", "simulator --help", "simulator --port 0"], 2)
)
def test_help_that_cannot_be_written_is_a_failure_and_no_bug(command: Command, words: str) -> None:
    with Path("/dev/full").open("w") as nowhere:
        done = subprocess.run(
            command.words(*words.split()),
            cwd=command.directory,
            env=command.environment,
            stdout=nowhere,
            stderr=subprocess.PIPE,
            text=True,
            timeout=60,
            check=False,
        )
    assert (done.returncode, done.stderr) == (1, UNWRITTEN)


UNWRITTEN = "force-orders: the output cannot be written: No space left on device\n"


def into_full(lab: Lab, words: list[str]) -> tuple[int, str]:
    """The exit code and stderr of a command whose stdout is a disk that is full."""
    with Path("/dev/full").open("w") as nowhere:
        done = lab.command.into(nowhere.fileno(), None, *words).end()
    return done.returncode, done.stderr
