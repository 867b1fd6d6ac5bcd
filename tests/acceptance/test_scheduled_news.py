"""What is told of a scheduled night, and when: a message where something is wrong, a ping in any case."""

import os
import time
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import psycopg
import pytest

from etl.fleet.nights import NEWS_AFTER_S
from etl.simulator.accounts import DEMO_SECRET, demo_accounts
from tests.acceptance.lab import Lab, Labs
from tests.acceptance.listening import Listener, listening, named
from tests.acceptance.long_running import Staying, with_keys
from tests.acceptance.scheduling import keeping_three_weeks, syncs_done
from tests.roles import ROLES
from tests.waiting import wait_until


@pytest.fixture
def lab(lab: Labs) -> Labs:
    return keeping_three_weeks(lab)


def test_a_scheduled_run_of_many_accounts_sends_one_notification_after_its_last_job(lab: Labs, stay: Staying) -> None:
    good, refused = demo_accounts(2)
    both = with_keys(lab(histories={good.name: [], refused.name: []}, accounts=[good, refused]), [good, refused])
    both.command.environment["SECRET_1"] = DEMO_SECRET
    assert both("backfill", "--account", good.name).returncode == 0
    with listening() as channel:
        told = named(both.command, channel.url())
        scheduler = stay(both, "schedule", FORCE_ORDERS_ATTEMPTS="1", **told)
        wait_until(
            lambda: both.sql("SELECT FROM jobs WHERE account = 'account2' AND error IS NOT NULL AND status = 'todo'")
        )
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
        wait_until(
            lambda: both.sql("SELECT FROM jobs WHERE account = 'account2' AND error IS NOT NULL AND status = 'todo'")
        )
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


LOOKED = "SELECT FROM procrastinate_jobs WHERE task_name = 'notify' AND attempts"


def two_hours_ago() -> str:
    """A time of day: the night that a scheduler makes up for at its start is overdue."""
    return (datetime.now(UTC) - timedelta(hours=2)).strftime("%H:%M")


def test_a_night_of_which_the_database_tells_nothing_is_news_once_and_its_own_news_follows(
    lab: Labs, stay: Staying
) -> None:
    (account,) = demo_accounts(1)
    refused = with_keys(lab(histories={account.name: []}), [account])
    with listening() as channel, psycopg.connect(refused.database_url, autocommit=True) as owner:
        owner.execute(f"REVOKE ALL ON runs FROM {ROLES['writer']}")
        told = named(refused.command, channel.url()) | pinged(refused, channel)
        scheduler = stay(refused, "schedule", "--enqueue-only", "--at", two_hours_ago(), **told)
        for attempts in (1, 2):
            wait_until(partial(refused.sql, f"{LOOKED} >= {attempts}"))
            an_hour_later(refused)
        assert channel.titles == ["force-orders: schedule failed"]
        assert "permission denied for table runs" in channel.heard[0]["message"]
        assert channel.paths == ["/ping/start", "/ping/5"]
        owner.execute(f"GRANT ALL ON runs TO {ROLES['writer']}")
        an_hour_later(refused)
        wait_until(lambda: channel.heard[1:])
        assert stay.stop(scheduler) == 130
    assert channel.titles[1:] == ["force-orders: 0 of 1 account read; no worker is running"]
    assert channel.paths == ["/ping/start", "/ping/5", "/ping/1"]


def test_a_scheduler_that_is_started_again_and_again_without_a_database_is_news_once_an_hour(
    lab: Labs, tmp_path: Path
) -> None:
    alone = lab(histories={"main": []})
    with listening() as channel:
        told = named(alone.command, channel.url()) | pinged(alone, channel)
        gone = {
            "FORCE_ORDERS_DATABASE_URL": f"postgresql://w@/x?host={tmp_path}",
            "FORCE_ORDERS_DATA_DIR": str(tmp_path / "d"),
        }
        for _ in range(2):
            done = alone("schedule", **gone, **told)
            assert (done.returncode, "the database cannot be used" in done.stderr) == (5, True)
        assert channel.titles == ["force-orders: schedule failed"]
        assert channel.paths == ["/ping/5", "/ping/5"]
        hour_old = time.time() - NEWS_AFTER_S
        os.utime(tmp_path / "d" / "schedule-told", (hour_old, hour_old))
        alone("schedule", **gone, **told)
        assert len(channel.heard) == 2
        assert alone("worker", **gone, **told).returncode == 5
    assert len(channel.heard) == 2, "a worker leaves the news to the scheduler"


def pinged(lab: Lab, service: Listener) -> dict[str, str]:
    file = lab.command.directory / "ping.url"
    file.write_text(f"http://127.0.0.1:{service.port}/ping\n")
    file.chmod(0o600)
    return {"FORCE_ORDERS_PING_URL_FILE": str(file)}
