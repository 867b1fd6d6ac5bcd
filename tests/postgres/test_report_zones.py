"""A report in a time zone: days, weekdays and hours against Python's own clocks, over every change of them."""

from collections import Counter
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import Connection, text

from etl.core.account_markets import AccountMarket, MarketState
from etl.core.completeness import Period, judge
from etl.core.findings import Finding, Verdict
from etl.core.markets import USDM
from etl.core.planning import Rules
from etl.core.timeline import DAY, HOUR, Window, to_datetime, to_millis
from etl.errors import ConfigError
from etl.reporting.completeness import read_days
from etl.reporting.queries import first_day, read_report
from etl.reporting.report_data import ReportData
from etl.reporting.report_tables import headline
from etl.store import account_markets, coverage
from tests.postgres.reported import at, write
from tests.postgres.samples import ACCOUNT, proven

MARCH = to_millis(datetime(2026, 3, 1, tzinfo=UTC))
SPAN = Window(MARCH, MARCH + 31 * DAY)
NOW = Rules(now=MARCH + 40 * DAY, settle_lag=600_000, keeps=90 * DAY, widest=7 * DAY)
ZONES = ["UTC", "Europe/Berlin", "America/New_York", "Asia/Tokyo", "Asia/Kolkata", "Australia/Lord_Howe"]
"""Two change their clocks in March, one is half an hour off, and the last is too and changes by half an hour."""


def read(connection: Connection, zone: str, span: Window = SPAN) -> ReportData:
    return read_report(connection, span, [ACCOUNT], NOW, zone=zone)


@pytest.fixture
def march(connection: Connection) -> Connection:
    """An order every seven hours of March 2026, of which all is proven but a day, five hours and what is unreadable."""
    coverage.ask(connection, ACCOUNT, USDM, None, MARCH)
    known = [proven(MARCH, MARCH + 8 * DAY), proven(MARCH + 9 * DAY, MARCH + 28 * DAY + 20 * HOUR)]
    known += [proven(MARCH + 29 * DAY + HOUR, MARCH + 31 * DAY)]
    coverage.record(
        connection, ACCOUNT, USDM, [*known, Finding(Window(MARCH + 8 * DAY, MARCH + 9 * DAY), Verdict.FAILED)]
    )
    write(connection, *(at(instant, n + 1) for n, instant in enumerate(instants())))
    write(connection, at(MARCH + 15 * DAY, 900, price="seven", updateTime=MARCH + 15 * DAY))
    connection.commit()
    return connection


def instants() -> list[int]:
    return [*range(MARCH + 30 * 60_000, MARCH + 31 * DAY, 7 * HOUR)]


def local(instant: int, zone: str) -> datetime:
    return to_datetime(instant).astimezone(ZoneInfo(zone))


@pytest.mark.parametrize("zone", ZONES)
def test_days_weekdays_and_hours_are_those_of_the_zone(march: Connection, zone: str) -> None:
    data = read(march, zone)
    moments = [local(instant, zone) for instant in instants()]
    assert {row.day: row.orders for row in data.daily} == Counter(moment.date() for moment in moments)
    assert {(row.weekday, row.hour): row.orders for row in data.hours} == Counter(
        (moment.weekday(), moment.hour) for moment in moments
    )
    assert {row.day: row.orders for row in data.coverage if row.orders} == Counter(moment.date() for moment in moments)


@pytest.mark.parametrize("zone", ZONES)
def test_a_day_of_the_zone_is_proven_by_its_own_instants(march: Connection, zone: str) -> None:
    days = read(march, zone).coverage
    whole, failed = Window(MARCH, MARCH + 31 * DAY), Window(MARCH + 8 * DAY, MARCH + 9 * DAY)
    holes = [failed, Window(MARCH + 28 * DAY + 20 * HOUR, MARCH + 29 * DAY + HOUR)]
    doubted = Window(MARCH + 15 * DAY, MARCH + 16 * DAY)
    first, last = local(SPAN.start, zone).date(), local(SPAN.end - 1, zone).date()
    assert [row.day for row in days] == [first + timedelta(days=n) for n in range((last - first).days + 1)]
    for row in days:
        start = start_of(row.day, zone)
        own = Window(start, start_of(row.day + timedelta(days=1), zone))
        assert to_millis(row.starts_at) == start
        missing = [hole for hole in holes if hole.intersect(own)]
        is_within = whole.start <= own.start and own.end <= whole.end
        expected = "proven" if is_within and not missing else "partly"
        if expected == "proven" and own.intersect(doubted):
            expected = "quarantined"
        if any(hole.start <= own.start and own.end <= hole.end for hole in missing):
            expected = "not"
        assert row.coverage == expected, row
        assert ("failed" in (row.reasons or "")) == (failed in missing)


def start_of(day: date, zone: str) -> int:
    return to_millis(datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(zone)).astimezone(UTC))


@pytest.mark.parametrize("zone", ZONES)
def test_the_state_of_a_day_and_the_verdict_are_those_of_the_calendar(march: Connection, zone: str) -> None:
    data = read(march, zone)
    first, last = local(SPAN.start, zone).date(), local(SPAN.end - 1, zone).date()
    days = read_days(march, first, last, zone)
    assert [(row.account, row.market, row.day, row.state) for row in data.coverage] == [*days]
    assert data.verdict == judge(days, Period(first, last), zone, [ACCOUNT])
    assert not data.verdict.is_complete


def test_days_of_utc_are_those_of_the_view(march: Connection) -> None:
    unread = AccountMarket(
        ACCOUNT, "coinm", MarketState.NOT_PERMITTED, exists=True, source="test", seen_at=MARCH + 20 * DAY
    )
    account_markets.remember(march, unread)
    march.commit()
    view = march.execute(
        text("SELECT account, market, day, coverage, reasons, orders FROM report_coverage WHERE day < '2026-04-01'")
    ).all()
    march.rollback()
    assert {row.market for row in view} == {"coinm", "usdm"}
    assert sorted(tuple(row) for row in view) == sorted(row[:-2] for row in read(march, "UTC").coverage)


@pytest.mark.parametrize("zone", ZONES)
def test_a_history_begins_with_a_day_of_the_zone(march: Connection, zone: str) -> None:
    found = first_day(march, [ACCOUNT], zone=zone)
    assert found == start_of(local(MARCH, zone).date(), zone)


def test_the_zone_is_named_and_one_that_is_not_there_is_refused(march: Connection) -> None:
    assert headline(read(march, "Asia/Tokyo")).endswith("; months and days are those of Asia/Tokyo")
    assert "zone" not in headline(read(march, "UTC"))
    for ask in (read, lambda connection, zone: first_day(connection, [ACCOUNT], zone=zone)):
        with pytest.raises(ConfigError, match=r"there is no time zone UTC\+3; write a name such as Europe/Berlin"):
            ask(march, "UTC+3")
