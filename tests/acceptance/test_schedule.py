"""`force-orders schedule` runs each account's nightly job on schedule, once, through crashes, bans and restarts."""

import json
import re
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
import pytest

from etl.simulator.accounts import DEMO_SECRET, demo_accounts
from etl.simulator.scenario import Scenario
from tests.acceptance.lab import DAY, Lab, Labs
from tests.acceptance.leaks import leaks, stored
from tests.acceptance.listening import Listener, listening, named
from tests.acceptance.long_running import Staying, history_of, with_keys
from tests.databases import data_directory
from tests.scraped import scrape, values
from tests.waiting import wait_until


@pytest.fixture
def stay(tmp_path: Path) -> Iterator[Staying]:
    with ExitStack() as running:
        (tmp_path / "said").mkdir()
        yield Staying(tmp_path / "said", running)


KEPT_DAYS = 20


@pytest.fixture
def lab(lab: Labs) -> Labs:
    """Labs whose exchange keeps three weeks: a worker takes half a second for each job of an account."""

    def make(scenario: Scenario | None = None, *args: Any, **options: Any) -> Lab:
        made = lab(replace(scenario or Scenario(), retention_days=KEPT_DAYS), *args, **options)
        made.command.environment["FORCE_ORDERS_RETENTION_DAYS"] = str(KEPT_DAYS)
        return made

    return make


def syncs_done(lab: Lab) -> int:
    """Sync jobs that succeeded."""
    return len(lab.sql("SELECT FROM jobs WHERE command = 'sync' AND run_id IS NOT NULL AND status = 'succeeded'"))


def move_last_run_back(lab: Lab, days: int) -> None:
    """As if the scheduler had last enqueued a run so many days earlier."""
    with psycopg.connect(lab.database_url) as owner:
        owner.execute(
            "UPDATE procrastinate_periodic_defers SET defer_timestamp = defer_timestamp - %s", [days * 86_400]
        )


def assert_all_stored(lab: Lab, *accounts: str) -> None:
    """Each account's table equals the exchange's own history of it, and all of it is proven."""
    for account in accounts:
        stored = lab.sql(f"SELECT symbol, order_id, raw FROM force_orders WHERE account = '{account}'")
        expected = {
            key: row for key, row in history_of(lab, account).items() if row["time"] > lab.now() - (KEPT_DAYS - 1) * DAY
        }
        found = {(row["symbol"], row["order_id"]): row["raw"] for row in stored}
        assert {key: found.get(key) for key in expected} == expected
    assert lab.gaps() == []


def test_a_run_that_is_due_is_made_at_once_and_only_once_however_often_the_scheduler_starts(
    lab: Labs, stay: Staying
) -> None:
    every = with_keys(lab(accounts=demo_accounts(3)), list(demo_accounts(3)))
    for _ in range(2):
        scheduler = stay(every, "schedule", "--at", "02:15")
        wait_until(lambda: "info    schedule: 3 accounts, next runs " in stay.said(scheduler)[1])  # noqa: B023 - in this round
        wait_until(lambda: syncs_done(every) == 3)
        wait_until(lambda: not every.sql("SELECT FROM jobs WHERE status IN ('todo', 'doing')"))
        assert stay.stop(scheduler) == 130
        out, log = stay.said(scheduler)
        assert out == "", "all of it is a log"
        *lines, last = log.splitlines()
        assert last == "force-orders: stopped by a signal; what was proven is kept"
        assert [line for line in lines if " info " not in line] == []
    assert_all_stored(every, "main", "account2", "account3")
    assert len(every.sql("SELECT FROM runs WHERE command = 'sync'")) == 3
    assert every.stats()["throttled"] == 0


def test_missed_runs_are_made_up_for_once(lab: Labs, stay: Staying) -> None:
    nightly = lab()
    assert nightly("backfill").returncode == 0
    scheduler = stay(nightly, "schedule", "--cron", "15 2 * * *")
    wait_until(lambda: syncs_done(nightly) == 1)
    assert stay.stop(scheduler) == 130
    move_last_run_back(nightly, 5)
    scheduler = stay(nightly, "schedule", "--cron", "15 2 * * *")
    wait_until(lambda: syncs_done(nightly) == 2)
    assert stay.stop(scheduler) == 130
    assert len(nightly.sql("SELECT FROM jobs")) == 2


@pytest.mark.slow
def test_the_next_run_is_enqueued_when_it_is_due(lab: Labs, stay: Staying) -> None:
    nightly = lab(histories={"main": []})
    assert nightly("backfill").returncode == 0
    scheduler = stay(nightly, "schedule", "--cron", "* * * * *")
    wait_until(lambda: syncs_done(nightly) == 2)
    assert stay.stop(scheduler) == 130
    first, second = nightly.sql("SELECT due_at FROM jobs ORDER BY id")
    assert (second["due_at"] - first["due_at"]).total_seconds() == 60
    assert nightly.sql("SELECT bool_and(started_at >= due_at) AS in_time FROM jobs") == [{"in_time": True}]


def test_two_schedulers_enqueue_each_run_once(lab: Labs, stay: Staying) -> None:
    both = with_keys(lab(accounts=demo_accounts(2)), list(demo_accounts(2)))
    for account in ("main", "account2"):
        assert both("backfill", "--account", account).returncode == 0
    schedulers = [stay(both, "schedule") for _ in range(2)]
    wait_until(lambda: syncs_done(both) == 2)
    assert [stay.stop(one) for one in schedulers] == [130, 130]
    assert len(both.sql("SELECT FROM jobs")) == 2


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


def test_one_account_s_bad_key_does_not_stop_the_others(lab: Labs, stay: Staying) -> None:
    good, refused, missing = demo_accounts(3)
    every = with_keys(lab(accounts=demo_accounts(3)), [good, refused, missing])
    every.command.environment["SECRET_1"] = DEMO_SECRET
    del every.command.environment["KEY_2"]
    scheduler = stay(every, "schedule")
    wait_until(lambda: syncs_done(every) == 1)
    wait_until(lambda: {row["account"] for row in every.sql("SELECT account FROM jobs WHERE error IS NOT NULL")}
               == {"account2", "account3"})  # fmt: skip
    assert stay.stop(scheduler) == 130
    _, said = stay.said(scheduler)
    assert "account=account3 " in said
    assert "KEY_2 is not set; no retry before the next run" in said
    assert "retry in 10 min" in said
    assert_all_stored(every, "main")
    assert refused.secret not in said


def test_an_added_account_is_scheduled_after_a_restart(lab: Labs, stay: Staying) -> None:
    every = with_keys(lab(accounts=demo_accounts(2)), list(demo_accounts(2)))
    added = every.command.directory / "accounts" / "account2.toml"
    added.rename(every.command.directory / "for-later")
    scheduler = stay(every, "schedule")
    wait_until(lambda: syncs_done(every) == 1)
    assert stay.stop(scheduler) == 130
    (every.command.directory / "for-later").rename(added)
    scheduler = stay(every, "schedule")
    wait_until(lambda: syncs_done(every) == 2)
    assert stay.stop(scheduler) == 130
    assert_all_stored(every, "main", "account2")


def test_a_corrected_key_is_used_for_the_next_job(lab: Labs, stay: Staying, tmp_path: Path) -> None:
    mended, secret = lab(), tmp_path / "secret"
    secret.touch(mode=0o600)
    secret.write_text("x" * 64)
    del mended.command.environment["BINANCE_API_SECRET"]
    scheduler = stay(mended, "schedule", BINANCE_API_SECRET_FILE=str(secret))
    wait_until(lambda: mended.sql("SELECT FROM jobs WHERE status = 'todo' AND error IS NOT NULL"))
    secret.write_text(DEMO_SECRET)
    with psycopg.connect(mended.database_url) as owner:
        owner.execute("UPDATE procrastinate_jobs SET scheduled_at = now() WHERE status = 'todo'")
    wait_until(lambda: syncs_done(mended) == 1)
    assert stay.stop(scheduler) == 130
    assert_all_stored(mended, "main")


def test_it_runs_on_the_embedded_postgres_and_stops_it_at_its_end(lab: Labs, stay: Staying) -> None:
    """In memory: a signal leaves the server two seconds, and a busy disk takes longer to write everything down."""
    own = lab(histories={"main": []})
    with data_directory() as home:
        here = {"FORCE_ORDERS_DATABASE_URL": "", "FORCE_ORDERS_DATA_DIR": str(home)}
        scheduler = stay(own, "schedule", **here)
        wait_until(lambda: "sync succeeded" in stay.said(scheduler)[1])
        assert stay.stop(scheduler) == 130
        assert not (home / "postgres" / "postmaster.pid").exists()
        ended = "SELECT command || ' ' || status AS ended FROM jobs ORDER BY id DESC LIMIT 1"
        assert "sync succeeded" in own("db", "query", ended, **here).stdout


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


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--at", "25:00"], "--at '25:00' is not a time of day; write it like 02:15 (UTC)"),
        (["--cron", "every night"], "is not a cron expression; write five fields like '15 2 * * *'"),
        (["--at", "02:15", "--cron", "15 2 * * *"], "give one of them"),
        (["--account", "nobody"], "there is no account 'nobody'; known: main"),
        (["--queues", "housekeeping"], "the queue housekeeping is reserved for the scheduler"),
        (["--metrics", "everywhere"], "everywhere"),
        (["--jobs", "0"], "--jobs"),
    ],
)
def test_invalid_options_are_refused_with_exit_code_2_and_one_line(lab: Labs, words: list[str], said: str) -> None:
    refused = lab(histories={"main": []})
    done = refused("schedule", *words)
    assert (done.returncode, done.stdout) == (2, "")
    (line,) = done.stderr.splitlines()
    assert said in line
    assert refused.stats()["requests"] == 0


def test_metrics_are_served_while_it_runs_and_no_longer(lab: Labs, stay: Staying) -> None:
    watched = lab(histories={"main": []})
    scheduler = stay(watched, "schedule", "--metrics", "0", FORCE_ORDERS_EGRESS="frankfurt")
    wait_until(lambda: syncs_done(watched) == 1)
    _, said = stay.said(scheduler)
    (port,) = re.findall(r"metrics: 127\.0\.0\.1:(\d+)", said)
    found = values(scrape(int(port)))
    assert found["force_orders_database_up"] == {(): 1}
    assert found["force_orders_request_outcomes_total"][("answered",)] == watched.stats()["requests"]
    assert found["force_orders_watermark_age_seconds"][("main", "usdm")] < 3_600
    assert found["force_orders_days_until_loss"][("main", "usdm")] > KEPT_DAYS - 1
    assert found["force_orders_weight_used"].keys() == {("frankfurt",)}
    assert found["force_orders_jobs"] == {("todo",): 0, ("doing",): 0, ("succeeded",): 4, ("failed",): 0}
    assert found["force_orders_runs_total"] == {("backfill", "succeeded"): 2, ("sync", "succeeded"): 1}
    assert stay.stop(scheduler) == 130
    with pytest.raises(OSError, match="refused"):
        scrape(int(port))


def test_a_scheduled_run_of_many_accounts_sends_one_notification_after_its_last_job(lab: Labs, stay: Staying) -> None:
    good, refused = demo_accounts(2)
    both = with_keys(lab(histories={good.name: [], refused.name: []}, accounts=[good, refused]), [good, refused])
    both.command.environment["SECRET_1"] = DEMO_SECRET
    assert both("backfill", "--account", good.name).returncode == 0
    with listening() as channel:
        told = named(both.command, channel.url())
        scheduler = stay(both, "schedule", FORCE_ORDERS_ATTEMPTS="1", **told)
        wait_until(lambda: both.sql("SELECT FROM jobs WHERE account = 'account2' AND error IS NOT NULL"))
        assert channel.heard == [], "one job of the scheduled run is still to be retried"
        with psycopg.connect(both.database_url) as owner:
            owner.execute(
                "UPDATE procrastinate_jobs SET status = 'failed' WHERE status = 'todo' AND lock = 'account2/usdm'"
            )
        wait_until(lambda: channel.heard)
        wait_until(
            lambda: both.sql("SELECT FROM procrastinate_jobs WHERE status = 'succeeded' AND task_name = 'notify'")
        )
        assert stay.stop(scheduler) == 130
    (message,) = channel.heard
    assert "failed" in message["title"]
    assert message["title"] == "force-orders: 1 of 2 accounts read; 1 failed"
    assert message["message"].startswith("1 failed:\n- account2: ")
    assert message["message"].count("succeeded") == 1


def an_hour_later(lab: Lab) -> None:
    """As if the night had been enqueued an hour earlier, and it were time to look at it again."""
    with psycopg.connect(lab.database_url) as owner:
        owner.execute("UPDATE procrastinate_events SET at = at - interval '61 minutes'")
        owner.execute(
            "UPDATE procrastinate_jobs SET scheduled_at = now() WHERE status = 'todo' AND task_name = 'notify'"
        )


def test_a_night_that_nobody_worked_on_is_news_and_so_is_its_ping(lab: Labs, stay: Staying) -> None:
    accounts = list(demo_accounts(3))
    idle = with_keys(lab(accounts=accounts, histories={one.name: [] for one in accounts}), accounts)
    with listening() as channel:
        scheduler = stay(
            idle, "schedule", "--enqueue-only", **named(idle.command, channel.url()), **pinged(idle, channel)
        )
        wait_until(lambda: idle.sql("SELECT FROM procrastinate_jobs WHERE task_name = 'notify' AND attempts > 0"))
        assert (channel.heard, channel.paths) == ([], ["/ping/start"])
        an_hour_later(idle)
        wait_until(lambda: channel.heard)
        assert stay.stop(scheduler) == 130
    (message,) = channel.heard
    assert message["title"] == "force-orders: 0 of 3 accounts read; no worker is running"
    assert message["message"].startswith(
        "No worker is running for the queue default: force-orders worker --queues default\n"
        "3 not read yet:\n- account2, account3, main\n"
    )
    assert channel.paths == ["/ping/start", "/ping/1"]
    assert "enqueued 3 jobs, due at " in stay.said(scheduler)[1]


def test_an_account_whose_secret_is_wrong_holds_back_nobody_s_news(lab: Labs, stay: Staying) -> None:
    good, refused = demo_accounts(2)
    both = with_keys(lab(histories={good.name: [], refused.name: []}, accounts=[good, refused]), [good, refused])
    both.command.environment["SECRET_1"] = DEMO_SECRET
    assert both("backfill", "--account", good.name).returncode == 0
    with listening() as channel:
        scheduler = stay(both, "schedule", FORCE_ORDERS_ATTEMPTS="1", **named(both.command, channel.url()))
        wait_until(lambda: both.sql("SELECT FROM jobs WHERE account = 'account2' AND error IS NOT NULL"))
        wait_until(lambda: syncs_done(both) == 1)
        an_hour_later(both)
        wait_until(lambda: channel.heard)
        assert stay.stop(scheduler) == 130
    (message,) = channel.heard
    assert message["title"] == "force-orders: 1 of 2 accounts read; 1 not yet"
    assert message["message"].startswith("1 not read yet:\n- account2: ")


def test_a_night_in_which_all_was_read_pings_success_and_sends_nothing(lab: Labs, stay: Staying) -> None:
    nightly = lab(histories={"main": []})
    assert nightly("backfill").returncode == 0
    with listening() as channel:
        scheduler = stay(nightly, "schedule", **named(nightly.command, channel.url()), **pinged(nightly, channel))
        wait_until(lambda: len(channel.paths) == 2)
        assert stay.stop(scheduler) == 130
    assert (channel.heard, channel.paths) == ([], ["/ping/start", "/ping"])


def pinged(lab: Lab, service: Listener) -> dict[str, str]:
    file = lab.command.directory / "ping.url"
    file.write_text(f"http://127.0.0.1:{service.port}/ping\n")
    file.chmod(0o600)
    return {"FORCE_ORDERS_PING_URL_FILE": str(file)}


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


def test_the_scheduler_shows_and_stores_no_secret(lab: Labs, stay: Staying) -> None:
    good, refused = demo_accounts(2)
    both = with_keys(lab(accounts=[good, refused], histories={good.name: [], refused.name: []}), [good, refused])
    both.command.environment["SECRET_1"] = DEMO_SECRET
    both.tell("faults", [{"kind": "reset", "at": 4}])
    words = ("--log-level", "debug", "schedule", "--metrics", "0")
    scheduler = stay(both, *words)
    wait_until(lambda: both.sql("SELECT FROM jobs WHERE account = 'account2' AND error IS NOT NULL"))
    wait_until(lambda: both.sql("SELECT FROM jobs WHERE account = 'main' AND run_status = 'succeeded'"))
    assert stay.stop(scheduler) == 130
    said = "".join(stay.said(scheduler))
    assert "INFO" in said.upper()
    assert leaks(said + stored(both)) == set()
