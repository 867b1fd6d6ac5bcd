"""`force-orders schedule` runs each account's nightly job on schedule, once, through crashes and restarts."""

import re
from pathlib import Path

import psycopg
import pytest

from etl.simulator.accounts import DEMO_SECRET, demo_accounts
from tests.acceptance.lab import Lab, Labs
from tests.acceptance.leaks import leaks, stored
from tests.acceptance.long_running import Staying, with_keys
from tests.acceptance.scheduling import KEPT_DAYS, assert_all_stored, keeping_three_weeks, syncs_done
from tests.databases import data_directory
from tests.scraped import scrape, values
from tests.waiting import wait_until


@pytest.fixture
def lab(lab: Labs) -> Labs:
    return keeping_three_weeks(lab)


def move_last_run_back(lab: Lab, days: int) -> None:
    """As if the scheduler had last enqueued a run so many days earlier."""
    with psycopg.connect(lab.database_url) as owner:
        owner.execute(
            "UPDATE procrastinate_periodic_defers SET defer_timestamp = defer_timestamp - %s", [days * 86_400]
        )


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
    assert found["force_orders_weight_used"].keys() == {("frankfurt", "futures")}
    assert found["force_orders_jobs"] == {("todo",): 0, ("doing",): 0, ("succeeded",): 4, ("failed",): 0}
    assert found["force_orders_runs_total"] == {("backfill", "succeeded"): 2, ("sync", "succeeded"): 1}
    assert stay.stop(scheduler) == 130
    with pytest.raises(OSError, match="refused"):
        scrape(int(port))


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
