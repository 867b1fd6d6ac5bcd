"""What is known of a span is taken back of every symbol, and becomes a gap."""

import pytest
from sqlalchemy import Connection, text

from etl.core.findings import Finding, Verdict
from etl.core.timeline import DAY, Window
from etl.store import coverage, coverage_reset
from etl.store.coverage_reset import Reach
from tests.postgres.samples import ACCOUNT, proven

MARKET, T = "usdm", 1_700_000_000_000 // DAY * DAY
EVERYTHING = Reach(ACCOUNT)


def day(first: int, last: int) -> Window:
    return Window(T + first * DAY, T + last * DAY)


@pytest.fixture
def known(connection: Connection) -> Connection:
    """Ten days of all symbols and three more of one; the fifth day is saturated; another account and market as well."""
    findings = [
        *(proven(T, T + 4 * DAY), proven(T + 5 * DAY, T + 10 * DAY), Finding(day(4, 5), Verdict.SATURATED)),
        proven(T - 3 * DAY, T, "BTCUSDT"),
    ]
    for account, market in ((ACCOUNT, MARKET), (ACCOUNT, "coinm"), ("hedge", MARKET)):
        coverage.ask(connection, account, market, None, T)
        coverage.record(connection, account, market, findings)
    return connection


def gaps(connection: Connection, account: str = ACCOUNT, market: str = MARKET) -> list[tuple[str, Window, str]]:
    found = [one for one in coverage.read_gaps(connection) if (one.account, one.market) == (account, market)]
    return [(one.symbol, one.window, one.reason) for one in found]


def test_the_inside_becomes_a_gap_of_every_symbol(known: Connection) -> None:
    reach = Reach(ACCOUNT, MARKET, None, T + 2 * DAY, T + 6 * DAY)
    assert coverage_reset.proven_within(known, reach) == [day(2, 4), day(5, 6)]
    assert coverage_reset.reset(known, reach, kept_since=0)
    assert gaps(known) == [(symbol, day(2, 6), "not_fetched") for symbol in ("*", "BTCUSDT")]
    assert {reason for _, _, reason in gaps(known, "hedge")} == {reason for _, _, reason in gaps(known, market="coinm")}
    assert gaps(known, "hedge")[0] == ("*", day(4, 5), "saturated")
    assert not coverage_reset.reset(known, reach, kept_since=0), "nothing is known of it any more"


def test_without_a_market_it_is_every_market_and_no_other_account(known: Connection) -> None:
    assert coverage_reset.reset(known, EVERYTHING, kept_since=0)
    left = known.execute(text("SELECT DISTINCT account FROM coverage WHERE proven <> '{}' OR saturated <> '{}'"))
    assert [row.account for row in left] == ["hedge"]
    unasked = known.execute(text("SELECT DISTINCT account FROM coverage WHERE asked_since IS NULL"))
    assert [row.account for row in unasked] == ["hedge"], "what is taken back counts as asked for"


def test_of_a_symbol_what_was_read_without_symbol_is_taken_back_too(known: Connection) -> None:
    coverage.record(known, ACCOUNT, MARKET, [proven(T - 9 * DAY, T - 8 * DAY, "ETHUSDT")])
    assert coverage_reset.reset(known, Reach(ACCOUNT, MARKET, "BTCUSDT"), kept_since=0)
    left = known.execute(
        text("SELECT symbol FROM coverage WHERE account = 'main' AND market = 'usdm' AND proven <> '{}'")
    )
    assert [row.symbol for row in left] == ["ETHUSDT"]


def test_the_beginning_becomes_a_gap_though_it_was_read_before_it_was_asked_for(known: Connection) -> None:
    coverage.record(known, ACCOUNT, MARKET, [proven(T - DAY, T)])
    assert coverage_reset.reset(known, Reach(ACCOUNT, MARKET, None, None, T + DAY), kept_since=0)
    assert gaps(known)[0] == ("*", day(-1, 1), "not_fetched")


def test_what_cannot_be_read_again_is_a_gap_for_that_reason(known: Connection) -> None:
    assert coverage_reset.reset(known, Reach(ACCOUNT, MARKET, None, T, T + 7 * DAY), kept_since=T + 3 * DAY)
    of_all = [gap for gap in gaps(known) if gap[0] == "*"]
    assert of_all == [("*", day(0, 3), "beyond_retention"), ("*", day(3, 7), "not_fetched")]


def test_proof_of_the_future_is_taken_back(known: Connection) -> None:
    coverage.record(known, ACCOUNT, MARKET, [proven(T + 10 * DAY, T + 400 * DAY)])
    assert coverage_reset.reset(known, Reach(ACCOUNT, None, None, T + 10 * DAY), kept_since=0)
    (mark,) = [one for one in coverage.read_watermarks(known) if (one[0], one[1], one[2]) == (ACCOUNT, MARKET, "*")]
    assert mark.newest_proof == T + 10 * DAY
