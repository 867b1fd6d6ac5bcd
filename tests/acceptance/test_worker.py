"""`force-orders worker` does the jobs of its queues, through signals, bans and restarts."""

import json

import psycopg
import pytest

from etl.simulator.accounts import demo_accounts
from etl.simulator.scenario import Scenario
from tests.acceptance.lab import DAY, Labs
from tests.acceptance.long_running import Staying, with_keys
from tests.acceptance.scheduling import assert_all_stored, keeping_three_weeks, syncs_done
from tests.waiting import wait_until


@pytest.fixture
def lab(lab: Labs) -> Labs:
    return keeping_three_weeks(lab)


@pytest.mark.parametrize("option", ["--enqueue-only", "--hand-out-only"])
def test_a_scheduler_that_only_enqueues_leaves_the_jobs_to_a_worker(lab: Labs, stay: Staying, option: str) -> None:
    shared = lab()
    scheduler = stay(shared, "schedule", option)
    wait_until(lambda: shared.sql("SELECT FROM jobs WHERE status = 'todo'"))
    assert shared.stats()["requests"] == 0
    worker = stay(shared, "worker")
    wait_until(lambda: syncs_done(shared) == 1)
    assert [stay.stop(one) for one in (scheduler, worker)] == [130, 130]
    assert_all_stored(shared, "main")
    assert {row["worker"].rpartition("/")[2] for row in shared.sql("SELECT worker FROM runs")} == {str(worker.pid)}


def test_a_worker_does_not_touch_other_queues(lab: Labs, stay: Staying) -> None:
    accounts = list(demo_accounts(2))
    apart = with_keys(lab(accounts=accounts), accounts)
    with (apart.command.directory / "accounts" / "account2.toml").open("a") as file:
        file.write('queue = "tokyo"\n')
    backfill = ("backfill", "--distributed", "--since", str(apart.now() - 3 * DAY))
    done = apart(*backfill)
    assert (done.returncode, done.stdout) == (0, "enqueued 2 jobs for 2 accounts, queues: default, tokyo\n")
    worker = stay(apart, "worker", "--queues", "tokyo")
    wait_until(lambda: apart.sql("SELECT FROM jobs WHERE status = 'succeeded'"))
    assert stay.stop(worker) == 130
    assert apart.sql("SELECT account, status FROM jobs ORDER BY account") == [
        {"account": "account2", "status": "succeeded"},
        {"account": "main", "status": "todo"},
    ]
    again = apart(*backfill)
    assert again.stdout == ("enqueued 1 job for 2 accounts, queues: default, tokyo; 1 job already in the queue\n"), (
        "proven history is not enqueued again, only the minutes since"
    )


def test_a_signal_returns_the_running_job_to_the_queue(lab: Labs, stay: Staying) -> None:
    slow = lab(Scenario(latency_ms=800))
    assert slow("backfill", "--distributed", "--since", "19d").returncode == 0
    first = stay(slow, "worker", "--jobs", "1")
    wait_until(lambda: slow.sql("SELECT FROM jobs WHERE status = 'doing'"))
    assert stay.stop(first) == 130
    assert slow.sql("SELECT DISTINCT status FROM jobs WHERE status NOT IN ('todo', 'succeeded')") == []
    slow.tell("scenario", {"latency_ms": 0})
    second = stay(slow, "worker")
    wait_until(lambda: not slow.sql("SELECT FROM jobs WHERE status <> 'succeeded'"))
    assert stay.stop(second) == 130
    assert slow.gaps() == []


def test_a_job_whose_workers_died_many_times_fails(lab: Labs, stay: Staying) -> None:
    shared = lab(histories={"main": []})
    assert shared("backfill", "--distributed", "--since", "19d").returncode == 0
    with psycopg.connect(shared.database_url) as owner:
        owner.execute("UPDATE procrastinate_jobs SET status = 'doing', attempts = 20 WHERE id = 1")
    worker = stay(shared, "worker")
    wait_until(lambda: shared.sql("SELECT FROM jobs WHERE id = 1 AND status = 'failed'"))
    wait_until(lambda: shared.sql("SELECT FROM jobs WHERE status = 'succeeded'"))
    assert stay.stop(worker) == 130
    assert "job 1 failed: its worker died, after 20 attempts" in stay.said(worker)[1]


def test_jobs_wait_until_a_ban_ends(lab: Labs, stay: Staying) -> None:
    banned = lab()
    banned.tell("faults", [{"kind": "ban", "at": 2, "seconds": 3_600}])
    assert banned("backfill", "--distributed", "--since", "19d").returncode == 0
    worker = stay(banned, "worker", "--jobs", "1", FORCE_ORDERS_CONCURRENCY="1")
    (job,) = wait_until(lambda: banned.sql("SELECT * FROM jobs WHERE attempts > 0 AND status = 'todo'"))
    assert stay.stop(worker) == 130
    rest = (job["not_before"] - job["started_at"]).total_seconds()
    assert 3_500 < rest < 3_700
    assert job["run_status"] == "banned"
    assert banned.stats()["requests_during_ban"] == 0
    assert "retry in 1 h" in stay.said(worker)[1]


def test_a_worker_survives_a_restart_of_the_database(lab: Labs, stay: Staying) -> None:
    shared = lab()
    worker = stay(shared, "worker")
    wait_until(lambda: shared.sql("SELECT FROM procrastinate_workers"))
    with psycopg.connect(shared.database_url, autocommit=True) as admin:
        admin.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
    assert shared("backfill", "--distributed", "--since", "3d").returncode == 0
    wait_until(lambda: shared.sql("SELECT FROM jobs WHERE status = 'succeeded'"))
    assert worker.poll() is None
    assert stay.stop(worker) == 130
    assert "Traceback" not in stay.said(worker)[1]


def test_every_line_of_a_worker_says_of_what_it_speaks(lab: Labs, stay: Staying) -> None:
    told = lab(histories={"main": []})
    told.tell("faults", [{"kind": "reset", "path": "/fapi/v1/forceOrders", "at": 1}])
    assert told("backfill", "--distributed", "--since", "3d").returncode == 0
    worker = stay(told, "--log-level", "info", "--log-format", "json", "worker")
    wait_until(lambda: told.sql("SELECT FROM jobs WHERE status = 'succeeded'"))
    assert stay.stop(worker) == 130
    out, log = stay.said(worker)
    *lines, stopped = log.splitlines()
    assert (out, stopped) == ("", "force-orders: stopped by a signal; what was proven is kept")
    records = [json.loads(line) for line in lines]
    assert all({"time", "level", "logger", "message"} <= record.keys() for record in records)
    (job,) = told.sql("SELECT id, run_id, worker FROM jobs")
    about = {"worker": job["worker"], "job": job["id"], "account": "main", "market": "usdm", "run": job["run_id"]}
    retry, result = (
        next(record for record in records if word in record["message"]) for word in ("retry in ", "backfill succeeded")
    )
    assert about.items() <= retry.items()
    assert about.items() <= result.items()
