"""The nightly jobs of an account with several markets: of the settings, and as they are found."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import psycopg
import pytest

from etl.simulator.scenario import Scenario
from tests.acceptance.lab import DAY, Lab, Labs
from tests.acceptance.listening import listening, named
from tests.acceptance.long_running import Staying
from tests.waiting import wait_until

KEPT_DAYS = 20
BOTH = {"FORCE_ORDERS_MARKETS": "usdm,coinm"}
AUTO = {"FORCE_ORDERS_MARKETS": "auto"}


@pytest.fixture
def stay(tmp_path: Path) -> Iterator[Staying]:
    with ExitStack() as running:
        (tmp_path / "said").mkdir()
        yield Staying(tmp_path / "said", running)


@pytest.fixture
def one(lab: Labs) -> Lab:
    """An account whose whole history was read in two markets; the exchange keeps three weeks."""
    made = lab(Scenario(retention_days=KEPT_DAYS), histories={"main": []})
    made.command.environment["FORCE_ORDERS_RETENTION_DAYS"] = str(KEPT_DAYS)
    assert made("backfill", **BOTH).returncode == 0
    return made


def synced(lab: Lab) -> list[str]:
    rows = lab.sql("SELECT market FROM jobs WHERE command = 'sync' AND status = 'succeeded' ORDER BY market")
    return [row["market"] for row in rows]


def assert_night_is_told(lab: Lab) -> None:
    wait_until(lambda: lab.sql("SELECT FROM procrastinate_jobs WHERE status = 'succeeded' AND task_name = 'notify'"))


def test_a_night_has_a_job_of_each_market_of_the_settings(one: Lab, stay: Staying) -> None:
    for _ in range(2):
        scheduler = stay(one, "schedule", **BOTH)
        wait_until(lambda: "schedule: 1 account, " in stay.said(scheduler)[1])  # noqa: B023 - in this round
        wait_until(lambda: synced(one) == ["coinm", "usdm"])
        assert_night_is_told(one)
        assert stay.stop(scheduler) == 130


def test_without_markets_in_the_settings_a_night_has_a_job_of_each_that_is_stored(one: Lab, stay: Staying) -> None:
    scheduler = stay(one, "schedule", **AUTO)
    wait_until(lambda: synced(one) == ["coinm", "usdm"])
    assert_night_is_told(one)
    assert stay.stop(scheduler) == 130
    (first, *_) = one.sql("SELECT market FROM jobs ORDER BY id")
    assert first["market"] == "usdm"


def test_an_account_begins_with_the_first_market_that_is_stored(one: Lab, stay: Staying) -> None:
    with psycopg.connect(one.database_url) as owner:
        owner.execute("""
            INSERT INTO account_markets (account, market, state, "exists", source, seen_at)
            VALUES ('main', 'usdm', 'absent', false, '/sapi/v1/account/info', now()),
                   ('main', 'coinm', 'read', true, '/sapi/v1/account/info', now())
        """)
    scheduler = stay(one, "schedule", **AUTO)
    wait_until(lambda: synced(one) == ["coinm"])
    assert_night_is_told(one)
    assert stay.stop(scheduler) == 130
    assert len(one.sql("SELECT FROM jobs")) == 1


def test_a_market_that_is_weeks_behind_is_made_up_for_in_its_own_jobs(one: Lab, stay: Staying) -> None:
    with psycopg.connect(one.database_url) as owner:
        owner.execute(
            "UPDATE coverage SET proven = proven - tstzmultirange(tstzrange(now() - interval '15 days', NULL))"
            " WHERE market = 'coinm'"
        )
    scheduler = stay(one, "schedule", **AUTO)
    wait_until(lambda: synced(one) == ["coinm", "coinm", "usdm"])
    assert stay.stop(scheduler) == 130
    weeks = one.sql("SELECT DISTINCT market FROM jobs WHERE command = 'backfill'")
    assert [row["market"] for row in weeks] == ["coinm"]
    marks = one.sql("SELECT watermark FROM watermarks WHERE symbol = '*'")
    assert all(one.now() - mark["watermark"].timestamp() * 1000 < DAY for mark in marks)


def test_the_news_of_a_night_counts_accounts_and_names_markets(one: Lab, stay: Staying) -> None:
    one.tell("faults", [{"kind": "key", "path": "/dapi/v1/forceOrders"}])
    with listening() as channel:
        scheduler = stay(one, "schedule", FORCE_ORDERS_ATTEMPTS="1", **BOTH, **named(one.command, channel.url()))
        wait_until(lambda: one.sql("SELECT FROM jobs WHERE market = 'coinm' AND error IS NOT NULL AND status = 'todo'"))
        with psycopg.connect(one.database_url) as owner:
            owner.execute(
                "UPDATE procrastinate_jobs SET status = 'failed' WHERE status = 'todo' AND lock = 'main/coinm'"
            )
        wait_until(lambda: channel.heard)
        assert stay.stop(scheduler) == 130
    (message,) = channel.heard
    assert message["title"] == "force-orders: 0 of 1 account read; 1 failed"
    assert message["message"].startswith("1 failed:\n- main (coinm): ")
