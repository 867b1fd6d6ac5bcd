"""Is September complete? One line and an exit code, and whatever is not known is never a yes."""

import psycopg
import pytest

from tests.acceptance.endings import assert_one_line
from tests.acceptance.exporting import exporting
from tests.acceptance.lab import ask
from tests.command import Command


@pytest.fixture
def complete(command: Command, writer_url: str) -> Command:
    return exporting(command, writer_url)


def change(database_url: str, statement: str) -> None:
    with psycopg.connect(database_url) as connection:
        connection.execute(statement.encode())


def answer(complete: Command, *words: str, **environment: str) -> tuple[int, str]:
    done = complete("complete", *words, **environment)
    assert done.stderr == ""
    assert done.stdout.count("\n") == 1
    return done.returncode, done.stdout.strip()


def test_a_month_that_is_proven_is_complete(complete: Command, database_url: str) -> None:
    ask(database_url)
    whole = (0, "complete: 2026-08 (UTC): main usdm; 31 days proven")
    assert answer(complete, "2026-08") == whole
    assert answer(complete, "2026-08", "--account", "main", "--market", "usdm") == whole
    assert answer(complete, "2026-08-02..2026-08-03")[0] == 0


def test_an_empty_database_is_not_complete(complete: Command) -> None:
    nothing = "not complete: 2026-08 (UTC): nothing is stored, and no account is set"
    assert answer(complete, "2026-08") == (3, nothing)


def test_months_never_asked_for_and_the_future_are_not_complete(complete: Command, database_url: str) -> None:
    ask(database_url)
    span = "2026-07-01..2026-07-31"
    assert answer(complete, "2026-07") == (3, f"not complete: 2026-07 (UTC): main usdm never asked {span}")
    assert answer(complete, "9998-01")[1].endswith("main usdm future 9998-01-01..9998-01-31")
    assert answer(complete, "2026-08-31..2026-09-01")[1].endswith("main usdm not 2026-09-01")


def test_a_day_of_another_zone_ends_elsewhere(complete: Command, database_url: str) -> None:
    ask(database_url)
    assert answer(complete, "2026-08", "--tz", "Asia/Tokyo") == (
        3,
        "not complete: 2026-08 (Asia/Tokyo): main usdm partly 2026-08-01",
    )
    assert answer(complete, "2026-08-02..2026-08-31", "--tz", "Asia/Tokyo")[0] == 0


def test_the_setting_is_the_zone_of_the_days_unless_another_is_named(complete: Command, database_url: str) -> None:
    ask(database_url)
    zone = {"FORCE_ORDERS_TIME_ZONE": "Asia/Tokyo"}
    assert answer(complete, "2026-08", **zone) == answer(complete, "2026-08", "--tz", "Asia/Tokyo")
    assert answer(complete, "2026-08", "--tz", "UTC", **zone)[0] == 0
    refused = complete("complete", "2026-08", FORCE_ORDERS_TIME_ZONE="Mars/Base")
    assert_one_line(refused, 2, "FORCE_ORDERS_TIME_ZONE: must be the name of a time zone, such as Europe/Berlin")


def test_a_row_that_cannot_be_read_is_not_complete(complete: Command, database_url: str) -> None:
    ask(database_url)
    change(
        database_url,
        "INSERT INTO quarantined_orders (account, market, raw, reason, run_id, seen_at) VALUES ('main', 'usdm',"
        """ '{"time": 1786017600000}', 'unreadable', 1, '2026-08-10Z')""",
    )
    assert answer(complete, "2026-08") == (3, "not complete: 2026-08 (UTC): main usdm quarantined 2026-08-06")


def test_a_market_that_is_not_read_is_not_complete(complete: Command, database_url: str) -> None:
    ask(database_url)
    change(
        database_url,
        "INSERT INTO account_markets (account, market, state, exists, source, seen_at)"
        " VALUES ('main', 'coinm', 'not_permitted', true, 'test', '2026-09-01Z')",
    )
    assert answer(complete, "2026-08") == (
        3,
        "not complete: 2026-08 (UTC): main coinm never asked 2026-08-01..2026-08-31",
    )
    assert answer(complete, "2026-08", "--market", "usdm")[0] == 0


def test_an_account_of_the_settings_that_was_never_read_is_not_complete(complete: Command, database_url: str) -> None:
    ask(database_url, account="desk")
    keys = {"BINANCE_API_KEY": "key", "BINANCE_API_SECRET": "secret"}
    assert answer(complete, "2026-08")[0] == 0
    unknown = "not complete: 2026-08 (UTC): main nothing is known of 2026-08-01..2026-08-31"
    assert answer(complete, "2026-08", **keys) == (3, unknown)
    assert answer(complete, "2026-08", "--account", "desk", **keys)[0] == 0


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["2026-08", "--account", "nobody"], "there is no account 'nobody'"),
        (["2026-08", "--tz", "Mars/Base"], "there is no time zone Mars/Base"),
        (["2026-08", "--market", "spot"], "spot"),
        (["august"], "'august' is not a period; write 2026, 2026-09 or 2026-09-01..2026-09-30"),
        (["2026-09..2026-08"], "ends before it begins"),
    ],
)
def test_what_cannot_be_asked_ends_with_2(complete: Command, database_url: str, words: list[str], why: str) -> None:
    ask(database_url)
    assert_one_line(complete("complete", *words), 2, why)
