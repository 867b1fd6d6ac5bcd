"""Two runs at the same time: one account has one run, different accounts run side by side, and a ban reaches all."""

from collections.abc import Callable, Iterator

import psycopg
import pytest

from etl.simulator.accounts import MAIN, demo_account
from etl.simulator.history import Generated
from etl.simulator.scenario import Scenario
from tests.acceptance.lab import Lab, Labs, assert_table_equals_history
from tests.forking import Process
from tests.waiting import wait_until

HEDGE = demo_account("hedge")

Start = Callable[..., Process]


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts commands that end with the test at the latest."""
    started: list[Process] = []

    def begin(lab: Lab, *arguments: str, **environment: str) -> Process:
        started.append(lab.command.start(*arguments, **environment))
        return started[-1]

    yield begin
    for process in started:
        process.kill()
        process.communicate()


def two_accounts(lab: Labs, scenario: Scenario) -> Lab:
    histories = {"main": Generated(seed="a"), "hedge": Generated(seed="b")}
    made = lab(scenario, accounts=[MAIN, HEDGE], histories=histories)
    (made.command.directory / "force-orders.toml").write_text(
        '[accounts.hedge]\napi_key_variable = "HEDGE_KEY"\napi_secret_variable = "HEDGE_SECRET"\n'
    )
    made.command.environment.update(HEDGE_KEY=HEDGE.key, HEDGE_SECRET=HEDGE.secret)
    return made


SLOW = Scenario(latency_ms=1000)
"""So slow that whoever reads one window after the other is still there when a second command has ended."""


def until_it_ends(lab: Lab, process: Process) -> int:
    lab.tell("scenario", {"latency_ms": 0})
    return process.wait(60)


def write(lab: Lab, statement: str) -> None:
    with psycopg.connect(lab.database_url, autocommit=True) as owner:
        owner.execute(statement)


def until_it_reads(lab: Lab, pages: int = 1) -> None:
    wait_until(lambda: lab.stats()["pages"] >= pages)


def test_a_nightly_job_waits_for_a_backfill_and_asks_for_nothing_twice(lab: Labs, start: Start) -> None:
    shared = lab(Scenario(latency_ms=60))
    backfill = start(shared, "backfill")
    until_it_reads(shared)
    nightly = shared("sync")
    assert (nightly.returncode, nightly.stderr) == (0, "")
    assert backfill.wait(60) == 0
    assert shared("sync").returncode == 0
    _, waited, alone = (run["requests"] for run in shared.sql("SELECT requests FROM runs ORDER BY id"))
    assert waited == alone + 1, "no more than what is read again every night, and once the list of symbols"
    assert_table_equals_history(shared)


def test_one_that_does_not_want_to_wait_leaves_and_says_who_is_there(lab: Labs, start: Start) -> None:
    shared = lab(SLOW)
    backfill = start(shared, "backfill", FORCE_ORDERS_CONCURRENCY="1")
    until_it_reads(shared)
    nightly = shared("sync", FORCE_ORDERS_PATIENCE_SECONDS="0")
    assert nightly.returncode == 1
    (line,) = nightly.stderr.splitlines()
    assert "account main is being read by run 1 (backfill, since 20" in line
    assert shared.last_run()["status"] == "failed"
    assert until_it_ends(shared, backfill) == 0
    assert_table_equals_history(shared)


def test_different_accounts_run_side_by_side(lab: Labs, start: Start) -> None:
    both = two_accounts(lab, SLOW)
    processes = [start(both, "backfill", "--account", name, FORCE_ORDERS_CONCURRENCY="1") for name in ("main", "hedge")]

    def both_store_orders() -> bool:
        assert None in [process.poll() for process in processes]
        return len(both.sql("SELECT FROM runs WHERE status = 'running' AND inserted > 0")) == 2

    wait_until(both_store_orders)
    assert [until_it_ends(both, process) for process in processes] == [0, 0]
    counts = both.sql("SELECT account, count(*) AS n FROM force_orders GROUP BY 1 ORDER BY 1")
    assert [row["account"] for row in counts] == ["hedge", "main"]
    assert both.gaps() == []


def test_a_busy_account_is_left_out_and_the_others_are_read(lab: Labs, start: Start) -> None:
    both = two_accounts(lab, SLOW)
    backfill = start(both, "backfill", "--account", "main", FORCE_ORDERS_CONCURRENCY="1")
    until_it_reads(both)
    done = both("backfill", FORCE_ORDERS_PATIENCE_SECONDS="0", FORCE_ORDERS_CONCURRENCY="16")
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert "account main is being read by run 1" in line
    assert backfill.poll() is None, "the backfill was there all the time"
    assert both.sql("SELECT DISTINCT account FROM watermarks WHERE watermark > now() - interval '1 hour'") == [
        {"account": "hedge"}
    ]


def test_many_that_start_together_leave_one_whole_history(lab: Labs, start: Start) -> None:
    crowded = lab(Scenario(latency_ms=20))
    processes = [start(crowded, "backfill") for _ in range(5)]
    assert [process.wait(100) for process in processes] == [0] * 5
    assert len(crowded.sql("SELECT FROM runs WHERE status = 'succeeded'")) == 5
    assert crowded.sql("SELECT sum(inserted) AS n FROM runs") == crowded.sql("SELECT count(*) AS n FROM force_orders")
    assert_table_equals_history(crowded)


def test_a_ban_that_one_process_hears_of_silences_the_other(lab: Labs, start: Start) -> None:
    both = two_accounts(lab, Scenario(latency_ms=100))
    other = start(both, "backfill", "--account", "hedge", FORCE_ORDERS_CONCURRENCY="1")
    until_it_reads(both)
    write(both, "INSERT INTO cooldowns VALUES ('default', now() + interval '1 hour', 'a ban')")
    _, errors = other.communicate(timeout=60)
    assert other.returncode == 4, errors
    assert "nothing is sent until then" in errors
    assert both.stats()["pages"] < 15, "it did not go on to the end"
    asked = both.stats()["requests"]
    assert both("backfill", "--account", "main").returncode == 4
    assert both.stats()["requests"] == asked


def test_a_row_in_quarantine_waits_for_the_run_that_has_its_account(lab: Labs, start: Start) -> None:
    shared = lab(SLOW)
    write(
        shared,
        "INSERT INTO quarantined_orders (account, market, raw, reason, run_id) VALUES ('main', 'usdm', '{}', 'odd', 1)",
    )
    backfill = start(shared, "backfill", FORCE_ORDERS_CONCURRENCY="1")
    until_it_reads(shared)
    done = shared("quarantine", "retry")
    assert done.returncode == 1
    assert "account main is being read by run 1" in done.stderr
    assert until_it_ends(shared, backfill) == 0
