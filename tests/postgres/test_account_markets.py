"""Which markets an account has, and the gap of one that exists and is not read."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import Connection, text

from etl.commands.list_accounts import read_stored_accounts
from etl.core.account_markets import AccountMarket, MarketState
from etl.core.findings import Finding, Verdict
from etl.core.planning import Rules
from etl.core.timeline import DAY, Window, to_datetime
from etl.monitoring.gaps import closing_lines, shared
from etl.monitoring.metrics import metrics
from etl.monitoring.status import read_brief_status, read_status
from etl.store import account_markets, coverage
from etl.store.coverage import Gap
from tests.postgres.samples import ACCOUNT, proven
from tests.scraped import values

NOW = 1_790_856_000_000
RULES = Rules(now=NOW, settle_lag=0, keeps=90 * DAY, widest=7 * DAY)
REASON = "market_not_read"


def day(number: int) -> int:
    """The hundredth is today."""
    return NOW + (number - 100) * DAY


UNREAD = AccountMarket(
    ACCOUNT, "coinm", MarketState.NOT_PERMITTED, exists=True, source="/sapi/v1/account/info", seen_at=day(100)
)


def remember(connection: Connection, *markets: AccountMarket) -> None:
    for one in markets:
        account_markets.remember(connection, one)
    connection.commit()


def read(connection: Connection, market: str, start: int, end: int, account: str = ACCOUNT) -> None:
    coverage.ask(connection, account, market, None, start)
    coverage.record(connection, account, market, [proven(start, end)])
    connection.commit()


def unread(connection: Connection, account: str = ACCOUNT) -> list[tuple[str, str, int, int]]:
    gaps = coverage.read_gaps(connection, [account])
    connection.rollback()
    return [(gap.market, gap.symbol, gap.window.start, gap.window.end) for gap in gaps if gap.reason == REASON]


def test_what_is_remembered_comes_back_by_market(connection: Connection) -> None:
    other = replace(UNREAD, market="margin", exists=None, state=MarketState.UNKNOWN, reason="no answer", since=day(3))
    remember(connection, other, UNREAD, replace(UNREAD, account="other"))
    assert account_markets.of_account(connection, ACCOUNT) == [UNREAD, other]
    assert account_markets.of_account(connection, "nobody") == []


def test_what_is_found_later_counts_and_a_beginning_stays(connection: Connection) -> None:
    remember(connection, replace(UNREAD, since=day(3)))
    later = replace(UNREAD, state=MarketState.ABSENT, exists=False, seen_at=day(101), reason="gone", source="other")
    remember(connection, later)
    assert account_markets.of_account(connection, ACCOUNT) == [replace(later, since=day(3))]


def test_a_closed_market_stays_closed_until_it_is_read(connection: Connection) -> None:
    remember(connection, replace(UNREAD, state=MarketState.READ))
    account_markets.close(connection, ACCOUNT, "coinm", day(90), source="-2015", reason="a switch")
    remember(connection, UNREAD)
    (closed,) = account_markets.of_account(connection, ACCOUNT)
    assert (closed.state, closed.exists, closed.closed_at) == (MarketState.CLOSED, False, day(90))
    remember(connection, replace(UNREAD, state=MarketState.READ))
    (again,) = account_markets.of_account(connection, ACCOUNT)
    assert (again.state, again.closed_at) == (MarketState.READ, None)


def test_a_market_that_exists_and_is_not_read_is_a_gap_of_the_accounts_history(connection: Connection) -> None:
    read(connection, "usdm", day(10), day(90))
    read(connection, "margin", day(20), day(95))
    remember(connection, UNREAD)
    assert unread(connection) == [("coinm", "*", day(10), day(95))]


@pytest.mark.parametrize(
    "change",
    [
        {"state": MarketState.READ},
        {"state": MarketState.ABSENT, "exists": False},
        {"state": MarketState.UNKNOWN, "exists": None},
    ],
    ids=str,
)
def test_no_other_market_is_one(connection: Connection, change: dict[str, Any]) -> None:
    read(connection, "usdm", day(10), day(90))
    remember(connection, replace(UNREAD, **change))
    assert unread(connection) == []


def test_an_account_that_was_never_read_has_no_gap_unless_a_market_of_it_is_read(connection: Connection) -> None:
    remember(connection, UNREAD)
    assert unread(connection) == []
    remember(connection, replace(UNREAD, market="usdm", state=MarketState.READ))
    assert unread(connection) == [("coinm", "*", UNREAD.seen_at - 90 * DAY, UNREAD.seen_at)]


def test_where_nothing_is_proven_the_gap_ends_where_the_market_was_seen(connection: Connection) -> None:
    coverage.ask(connection, ACCOUNT, "usdm", None, day(10))
    remember(connection, UNREAD)
    assert unread(connection) == [("coinm", "*", day(10), UNREAD.seen_at)]


def test_what_was_read_of_the_market_before_is_no_part_of_the_gap(connection: Connection) -> None:
    read(connection, "coinm", day(10), day(50))
    coverage.record(connection, ACCOUNT, "coinm", [Finding(Window(day(50), day(60)), Verdict.FAILED)])
    read(connection, "usdm", day(10), day(90))
    remember(connection, UNREAD)
    assert unread(connection) == [("coinm", "*", day(60), day(90))]


def test_the_only_market_of_an_account_is_unread_since_its_proof_ends(connection: Connection) -> None:
    read(connection, "coinm", day(10), day(50))
    remember(connection, UNREAD)
    assert unread(connection) == [("coinm", "*", day(50), UNREAD.seen_at)]


def test_a_market_that_was_read_by_name_is_unread_from_the_least_of_its_symbols_on(connection: Connection) -> None:
    coverage.record(connection, ACCOUNT, "coinm", [proven(day(10), day(50), "A"), proven(day(10), day(60), "B")])
    read(connection, "usdm", day(10), day(90))
    remember(connection, UNREAD)
    assert unread(connection) == [("coinm", "*", day(50), day(90))]


def test_a_market_that_began_with_a_switch_is_unread_since_then(connection: Connection) -> None:
    read(connection, "usdm", day(10), day(70))
    remember(connection, replace(UNREAD, market="pm-usdm", since=day(70)))
    assert unread(connection) == [("pm-usdm", "*", day(70), UNREAD.seen_at)]
    read(connection, "margin", day(10), day(90))
    assert unread(connection) == [("pm-usdm", "*", day(70), day(90))]


def test_a_closed_market_has_a_gap_from_its_proof_to_its_end(connection: Connection) -> None:
    read(connection, "usdm", day(10), day(70))
    for at, gap in ((day(80), [("usdm", "*", day(70), day(80))]), (day(70), []), (day(60), [])):
        account_markets.close(connection, ACCOUNT, "usdm", at, source="-2015", reason="a switch")
        connection.commit()
        assert unread(connection) == gap


def test_the_gap_of_an_account_is_not_another_s(connection: Connection) -> None:
    read(connection, "usdm", day(10), day(90))
    read(connection, "usdm", day(30), day(40), account="other")
    remember(connection, replace(UNREAD, account="other"))
    assert unread(connection) == []
    assert unread(connection, "other") == [("coinm", "*", day(30), day(40))]


def days(connection: Connection, market: str) -> list[tuple[str, str, str | None]]:
    """The runs of equal days in the report of coverage: the first day of each."""
    query = text("""
        SELECT day::text, coverage, reasons
          FROM (SELECT *, lag(row(coverage, reasons)) OVER (ORDER BY day) AS before FROM report_coverage
                 WHERE account = :account AND market = :market) AS days
         WHERE before IS DISTINCT FROM row(coverage, reasons) ORDER BY day
    """)
    found = connection.execute(query, {"account": ACCOUNT, "market": market}).all()
    connection.rollback()
    return [tuple(row) for row in found]


def midnight(number: int) -> int:
    return day(number) // DAY * DAY


def name(instant: int) -> str:
    return to_datetime(instant).date().isoformat()


def test_a_report_of_coverage_has_the_days_of_a_market_that_was_never_read(connection: Connection) -> None:
    read(connection, "usdm", midnight(10), midnight(20))
    remember(connection, UNREAD)
    found = days(connection, "coinm")
    assert found[0] == (name(midnight(10)), "not", REASON)
    assert found[1:] == [(name(midnight(20)), "not", None)]


def test_in_a_report_of_coverage_a_switch_leaves_no_hole(connection: Connection) -> None:
    at = midnight(20) + DAY // 3
    read(connection, "usdm", midnight(10), at)
    account_markets.close(connection, ACCOUNT, "usdm", at, source="-2015", reason="a switch")
    remember(connection, replace(UNREAD, market="pm-usdm", state=MarketState.READ, since=at))
    read(connection, "pm-usdm", at, midnight(30))
    assert days(connection, "usdm") == [(name(midnight(10)), "proven", None)]
    assert days(connection, "pm-usdm") == [(name(at), "proven", None), (name(midnight(30)), "not", None)]
    last = connection.scalar(text("SELECT max(day)::text FROM report_coverage WHERE market = 'usdm'"))
    assert last == name(at)


@pytest.mark.parametrize("reader", [read_status, read_brief_status], ids=["full", "brief"])
def test_the_status_names_a_market_of_which_nothing_was_asked(
    connection: Connection, reader: Callable[..., Any]
) -> None:
    read(connection, "usdm", day(10), NOW)
    remember(connection, UNREAD)
    scopes = {scope.market: scope for scope in reader(connection, RULES).scopes}
    gap = Gap(ACCOUNT, "coinm", "*", Window(day(10), NOW), REASON)
    assert (scopes["usdm"].gaps, scopes["coinm"].gaps) == ((), (gap,))
    assert (scopes["coinm"].watermark, scopes["coinm"].unread, scopes["coinm"].days_until_loss) == (None, None, None)
    (line,) = closing_lines(shared([gap]), RULES.floor)
    assert line.startswith(f"{REASON}: ")


def test_the_metric_of_gaps_names_the_reason(connection: Connection) -> None:
    read(connection, "usdm", day(10), NOW)
    remember(connection, UNREAD)
    found = values(metrics(connection, RULES).decode())
    assert found["force_orders_gap_seconds"] == {(ACCOUNT, "coinm", REASON): 90 * DAY // 1000}


@pytest.mark.parametrize("reader", [read_status, read_brief_status], ids=["full", "brief"])
def test_the_status_waits_for_nothing_of_a_market_that_the_account_has_no_more(
    connection: Connection, reader: Callable[..., Any]
) -> None:
    read_until_a_switch(connection)
    (scope,) = (scope for scope in reader(connection, RULES).scopes if scope.market == "usdm")
    assert (scope.watermark, scope.age, scope.unread, scope.days_until_loss) == (day(20), None, None, None)
    assert [gap.reason for gap in scope.gaps] == [REASON], "what is missing of it is still said"


def test_the_metrics_wait_for_nothing_of_a_market_that_the_account_has_no_more(connection: Connection) -> None:
    read_until_a_switch(connection)
    found = values(metrics(connection, RULES).decode())
    for name in ("read_until_timestamp_seconds", "unread_since_timestamp_seconds", "days_until_loss"):
        assert set(found[f"force_orders_{name}"]) == {(ACCOUNT, "pm-usdm")}
    assert not found.get("force_orders_gap_seconds"), "nothing closes what is missing of it"


def test_the_watermark_of_an_account_is_that_of_the_markets_that_it_has(connection: Connection) -> None:
    read_until_a_switch(connection)
    assert read_stored_accounts(connection, [ACCOUNT])[ACCOUNT].watermark == NOW


def read_until_a_switch(connection: Connection) -> None:
    """USDⓈ-M until day 20, a switch to Portfolio Margin on day 30, and that until now."""
    remember(connection, replace(UNREAD, market="usdm", state=MarketState.READ))
    remember(connection, replace(UNREAD, market="pm-usdm", state=MarketState.READ, since=day(20)))
    read(connection, "usdm", day(10), day(20))
    read(connection, "pm-usdm", day(20), NOW)
    account_markets.close(connection, ACCOUNT, "usdm", day(30), source="-2015", reason="a switch")
    connection.commit()
