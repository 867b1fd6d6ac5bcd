"""What is told of a scheduled night, and when: a message where something is wrong, a ping in any case."""

import psycopg
import pytest

from etl.simulator.accounts import DEMO_SECRET, demo_accounts
from tests.acceptance.lab import Lab, Labs
from tests.acceptance.listening import Listener, listening, named
from tests.acceptance.long_running import Staying, with_keys
from tests.acceptance.scheduling import keeping_three_weeks, syncs_done
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
