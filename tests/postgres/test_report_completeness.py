"""Each day of a calendar has one state: nothing that is unknown looks like a yes."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from etl.core.account_markets import AccountMarket, MarketState
from etl.core.differences import Difference, DifferenceKind
from etl.core.findings import Finding, Verdict
from etl.core.timeline import DAY, HOUR, Window, to_millis
from etl.core.verifying import ScopeResult
from etl.core.wallets import Wallet
from etl.store import account_markets, coverage, decisions, verifications
from etl.store.decisions import Decision
from tests.postgres.reported import MARKET, at, write
from tests.postgres.samples import ACCOUNT, proven

START = to_millis(datetime(2026, 3, 1, tzinfo=UTC))
"""A Sunday, long ago on every machine that runs this."""
UNREAD = AccountMarket(
    ACCOUNT, "coinm", MarketState.NOT_PERMITTED, exists=True, source="/sapi/v1/account/info", seen_at=START + 9 * DAY
)


def day(number: int) -> int:
    """The start of a day of March 2026."""
    return START + (number - 1) * DAY


def record(
    connection: Connection, *found: Finding, account: str = ACCOUNT, market: str = MARKET, since: int = 3
) -> None:
    coverage.ask(connection, account, market, None, day(since))
    coverage.record(connection, account, market, list(found))
    connection.commit()


def states(
    connection: Connection, first: str = "2026-03-01", last: str = "2026-03-09", zone: str = "UTC"
) -> dict[tuple[str, str], list[str]]:
    """By account and market, the states of the days in their order, each day once."""
    values = {"first": first, "last": last, "zone": zone}
    rows = connection.execute(text("SELECT * FROM report_completeness(:first, :last, :zone)"), values).all()
    connection.rollback()
    found: dict[tuple[str, str], list[tuple[date, str]]] = {}
    for account, market, of_day, state in rows:
        found.setdefault((account, market), []).append((of_day, state))
    for days in found.values():
        assert [of_day for of_day, _ in days] == [days[0][0] + timedelta(days=n) for n in range(len(days))]
    return {wallet: [state for _, state in days] for wallet, days in found.items()}


def test_each_day_has_one_state(connection: Connection) -> None:
    lost = Finding(Window(day(3), day(4)), Verdict.BEYOND_RETENTION)
    disputed = Finding(Window(day(7) + HOUR, day(7) + 2 * HOUR), Verdict.DISPUTED)
    failed = Finding(Window(day(8), day(9)), Verdict.FAILED)
    rest = proven(day(7), day(7) + HOUR), proven(day(7) + 2 * HOUR, day(8))
    record(connection, lost, proven(day(4), day(6)), proven(day(6), day(6) + HOUR), *rest, disputed, failed)
    write(connection, at(day(5), price="seven", updateTime=day(5)))
    assert states(connection) == {
        (ACCOUNT, MARKET): [
            "never asked",
            "never asked",
            "beyond retention",
            "proven",
            "quarantined",
            "partly",
            "disputed",
            "not",
            "not",
        ]
    }


def test_a_day_of_which_one_symbol_is_known_is_proven_in_part(connection: Connection) -> None:
    record(connection, proven(day(3), day(4), "BTCUSDT"))
    assert states(connection, "2026-03-03", "2026-03-04") == {(ACCOUNT, MARKET): ["partly", "not"]}


def test_what_a_later_answer_proves_is_disputed_no_more(connection: Connection) -> None:
    record(connection, Finding(Window(day(3), day(4)), Verdict.DISPUTED, "BTCUSDT"))
    assert states(connection, "2026-03-03", "2026-03-03") == {(ACCOUNT, MARKET): ["disputed"]}
    record(connection, proven(day(3), day(4)))
    assert states(connection, "2026-03-03", "2026-03-03") == {(ACCOUNT, MARKET): ["proven"]}


def verified(connection: Connection, *differences: Difference, first: int = 3, last: int = 8) -> None:
    """Record that a verification compared these days and found this."""
    span = Window(day(first), day(last))
    result = ScopeResult(Wallet(ACCOUNT, MARKET), None, span, [span], [], 9, [*differences], 0)
    run_id = connection.scalar(text("SELECT count(*) FROM verifications"))
    verifications.record(connection, run_id or 0, [result], is_sample=False)
    connection.commit()


MISSING = Difference(Wallet(ACCOUNT, MARKET), "BTCUSDT", 7, day(5), day(5), DifferenceKind.MISSING)


def test_an_order_that_differs_from_the_exchange_s_is_disputed_until_a_comparison_agrees(
    connection: Connection,
) -> None:
    record(connection, proven(day(3), day(9)))
    found = ["proven", "proven", "disputed", "proven", "proven", "proven"]
    verified(connection, MISSING)
    assert states(connection, "2026-03-03", "2026-03-08") == {(ACCOUNT, MARKET): found}
    verified(connection, first=6)
    assert states(connection, "2026-03-03", "2026-03-08") == {(ACCOUNT, MARKET): found}, "it was not compared again"
    verified(connection)
    assert states(connection, "2026-03-03", "2026-03-08") == {(ACCOUNT, MARKET): ["proven"] * 6}


def test_what_was_repaired_or_accepted_is_not_disputed(connection: Connection) -> None:
    record(connection, proven(day(3), day(9)))
    verified(connection, replace(MISSING, is_repaired=True), replace(MISSING, kind=DifferenceKind.EXTRA, order_id=8))
    assert states(connection, "2026-03-05", "2026-03-05") == {(ACCOUNT, MARKET): ["disputed"]}
    details = {"symbol": "BTCUSDT", "order_id": 8}
    decisions.record(connection, Decision.VANISHED, ACCOUNT, "it was shown to me", market=MARKET, details=details)
    assert states(connection, "2026-03-05", "2026-03-05") == {(ACCOUNT, MARKET): ["proven"]}


def test_more_differences_than_are_listed_dispute_all_that_was_compared(connection: Connection) -> None:
    record(connection, proven(day(3), day(9)))
    many = [replace(MISSING, order_id=n) for n in range(verifications.DIFFERENCES_KEPT + 1)]
    verified(connection, *many, first=4, last=6)
    found = states(connection, "2026-03-03", "2026-03-06")
    assert found == {(ACCOUNT, MARKET): ["proven", "disputed", "disputed", "proven"]}


def test_today_is_never_whole_and_tomorrow_is_the_future(connection: Connection) -> None:
    today = connection.execute(text("SELECT timezone('UTC', now())::date")).scalar_one()
    start = to_millis(datetime(today.year, today.month, today.day, tzinfo=UTC))
    record(connection, proven(start - DAY, start + 1))
    yesterday, tomorrow = today - timedelta(days=1), today + timedelta(days=1)
    assert states(connection, str(yesterday), str(tomorrow)) == {(ACCOUNT, MARKET): ["proven", "partly", "future"]}


def test_nothing_stored_is_no_answer(connection: Connection) -> None:
    assert states(connection) == {}


def test_an_account_with_orders_that_was_never_read_was_never_asked_for(connection: Connection) -> None:
    write(connection, at(day(3)), account="other")
    assert set(states(connection)["other", MARKET]) == {"never asked"}


def test_a_market_that_is_not_read_is_never_complete(connection: Connection) -> None:
    record(connection, proven(day(3), day(9)))
    account_markets.remember(connection, UNREAD)
    account_markets.remember(connection, replace(UNREAD, market="margin", state=MarketState.ABSENT, exists=False))
    found = states(connection, "2026-03-03", "2026-03-08")
    assert found == {(ACCOUNT, MARKET): ["proven"] * 6, (ACCOUNT, "coinm"): ["never asked"] * 6}

    record(connection, proven(day(3), day(6)), market="coinm")
    assert states(connection, "2026-03-03", "2026-03-08")[ACCOUNT, "coinm"] == ["proven"] * 3 + ["not"] * 3


def test_a_market_has_the_days_of_its_life_in_the_account(connection: Connection) -> None:
    switch = day(5) + 6 * HOUR
    record(connection, proven(day(3), switch))
    record(connection, proven(switch, day(9)), market="pm-usdm")
    closed = replace(UNREAD, market=MARKET, state=MarketState.CLOSED, exists=False, closed_at=switch)
    got = replace(UNREAD, market="pm-usdm", state=MarketState.READ, since=switch)
    for one in (closed, got):
        account_markets.remember(connection, one)
    assert states(connection, "2026-03-03", "2026-03-08") == {
        (ACCOUNT, MARKET): ["proven"] * 3,
        (ACCOUNT, "pm-usdm"): ["proven"] * 4,
    }


@pytest.mark.parametrize(
    ("zone", "begin", "hours"),
    [
        pytest.param("UTC", "2026-03-29T00:00Z", 24, id="UTC"),
        pytest.param("Europe/Berlin", "2026-03-28T23:00Z", 23, id="the clocks go forward"),
        pytest.param("Asia/Kolkata", "2026-03-28T18:30Z", 24, id="a half hour off"),
        pytest.param("America/New_York", "2026-03-29T04:00Z", 24, id="west"),
        pytest.param("America/Santiago", "2026-03-29T03:00Z", 24, id="far south"),
    ],
)
def test_a_day_is_one_of_the_zone_to_the_millisecond(connection: Connection, zone: str, begin: str, hours: int) -> None:
    start = to_millis(datetime.fromisoformat(begin))
    record(connection, proven(start, start + hours * HOUR))
    assert states(connection, "2026-03-28", "2026-03-30", zone) == {(ACCOUNT, MARKET): ["not", "proven", "not"]}
    connection.execute(text("UPDATE coverage SET proven = '{}'"))
    record(connection, proven(start, start + hours * HOUR - 1))
    assert states(connection, "2026-03-29", "2026-03-29", zone) == {(ACCOUNT, MARKET): ["partly"]}


def test_the_day_on_which_the_clocks_go_back_has_25_hours(connection: Connection) -> None:
    start = to_millis(datetime.fromisoformat("2025-10-25T22:00Z"))
    record(connection, proven(start, start + 24 * HOUR))
    assert states(connection, "2025-10-26", "2025-10-26", "Europe/Berlin") == {(ACCOUNT, MARKET): ["partly"]}
    record(connection, proven(start, start + 25 * HOUR))
    assert states(connection, "2025-10-26", "2025-10-26", "Europe/Berlin") == {(ACCOUNT, MARKET): ["proven"]}


def test_the_session_s_time_zone_changes_nothing(connection: Connection) -> None:
    record(connection, proven(day(3), day(5)))
    write(connection, at(day(4), price="seven", updateTime=day(4)))
    before = states(connection)
    connection.execute(text("SET timezone = 'America/New_York'"))
    connection.commit()
    assert states(connection) == before


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        pytest.param("'2026-03-01', '2026-03-02', 'UTC', 'nobody'", "there is no account nobody", id="account"),
        pytest.param("'2026-03-01', '2026-03-02', 'Mars/Base'", "there is no time zone Mars/Base", id="zone"),
        pytest.param("'2026-03-01', '2026-03-02', 'UTC+3'", r"there is no time zone UTC\+3", id="a zone of POSIX"),
        pytest.param("'2026-03-02', '2026-03-01'", "a calendar needs a first and a last day", id="backwards"),
        pytest.param("'-infinity', '2026-03-01'", "a calendar needs a first and a last day", id="endless"),
        pytest.param("NULL, '2026-03-01'", "a calendar needs a first and a last day", id="no begin"),
    ],
)
def test_what_cannot_be_answered_is_an_error_and_not_an_empty_answer(
    connection: Connection, arguments: str, why: str
) -> None:
    record(connection, proven(day(3), day(5)))
    with pytest.raises(DBAPIError, match=why):
        connection.execute(text(f"SELECT * FROM report_completeness({arguments})"))


def test_one_account_can_be_asked_for_alone(connection: Connection) -> None:
    record(connection, proven(day(3), day(5)))
    record(connection, proven(day(3), day(5)), account="other")
    question = "SELECT DISTINCT account FROM report_completeness('2026-03-03', '2026-03-04', of_account => 'other')"
    assert connection.scalars(text(question)).all() == ["other"]


def test_the_function_says_what_it_means(connection: Connection) -> None:
    said = connection.scalar(text("SELECT obj_description('report_completeness'::regproc, 'pg_proc')"))
    for state in ("proven", "quarantined", "disputed", "partly", "not", "beyond retention", "never asked", "future"):
        assert f"{state}:" in str(said)
