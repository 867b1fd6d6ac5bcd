"""An account is switched to Portfolio Margin amid its history: its markets end, and those of Portfolio Margin begin."""

from datetime import datetime

from etl.core.account_markets import ACCOUNT_INFO
from etl.core.timeline import to_millis
from etl.simulator.scenario import Scenario
from tests.acceptance.lab import DAY, HOUR, Lab, Labs
from tests.acceptance.market_tables import CLASSIC, gaps, proven, row_of, table
from tests.combining import each_value_once

SUCCESSORS = {"usdm": "pm-usdm", "coinm": "pm-coinm"}
NIGHTS = (24, 45, 46)
"""Hours after the backfill. By the second the exchange is asked for the account's markets again, by the third not."""
AWAY = {"kind": "status", "status": 404, "path": ACCOUNT_INFO}


def backfilled(lab: Labs, *, shows_earlier: bool, tells: bool) -> Lab:
    """A classic account, an order in each market two days before, backfilled 23 hours ago."""
    scenario = Scenario(clock_offset_ms=-23 * HOUR, papi_shows_earlier=shows_earlier)
    made = lab(scenario, (CLASSIC,), histories={"main": {}})
    made.command.environment["FORCE_ORDERS_MARKETS"] = "auto"
    made.tell("faults", [] if tells else [AWAY])
    trade(made, 1, made.now() - 2 * DAY)
    done = made("backfill")
    assert (done.returncode, done.stderr) == (0, "")
    return made


def trade(lab: Lab, order_id: int, time: int) -> None:
    """An order in each market of futures, or its successor if the account is in Portfolio Margin at that time."""
    for market in SUCCESSORS:
        lab.tell(f"orders?market={market}", [row_of(market, order_id, time)])


def switch(lab: Lab) -> int:
    """Six hours after the backfill, with an order an hour before and one an hour after; returns that instant."""
    at = lab.now() + 6 * HOUR
    trade(lab, 2, at - HOUR)
    lab.tell("accounts", {"portfolio_margin_from_ms": at})
    trade(lab, 3, at + HOUR)
    return at


def closed_at(lab: Lab, market: str) -> datetime:
    (row,) = lab.sql(f"SELECT state, closed_at FROM account_markets WHERE market = '{market}'")
    assert row["state"] == "closed"
    moment: datetime = row["closed_at"]
    return moment


def nights(lab: Lab) -> list[tuple[int, str]]:
    """The exit codes of the nightly runs after a switch, and what they say."""
    found, hours = [], 0
    for night in NIGHTS:
        lab.tell("clock", {"advance_ms": (night - hours) * HOUR})
        done, hours = lab("sync"), night
        found.append((done.returncode, done.stderr))
    return found


@each_value_once(tells=[True, False], shows_earlier=[False, True])
def test_a_switch_loses_nothing_that_is_still_shown_and_names_the_rest(
    lab: Labs, shows_earlier: bool, tells: bool
) -> None:
    switched = backfilled(lab, shows_earlier=shows_earlier, tells=tells)
    watermarks = {market: proven(switched, market)[-1].end for market in SUCCESSORS}
    switch(switched)
    codes, said = zip(*nights(switched), strict=True)
    assert codes == ((3, 0, 0) if tells else (1, 3, 0)), "it is said once what is lost, and never again"
    assert tells == ("switched to Portfolio Margin" not in said[0])
    assert said[codes.index(3)].count("what was not read of it until then is a gap for ever") == 2
    assert {line for line, code in zip(said, codes, strict=True) if code == 0} == {""}
    assert switched.sql("SELECT FROM cooldowns") == [], "that a key is refused in one market is no ban"
    for market, successor in SUCCESSORS.items():
        assert {order_id for _, order_id in table(switched, market)} == {1}
        kept = {3} if not shows_earlier else {2, 3} if tells else {1, 2, 3}
        assert {order_id for _, order_id in table(switched, successor)} == kept
        (gap,) = gaps(switched, market)
        assert gap["reason"] == "market_not_read"
        assert (to_millis(gap["gap_start"]), gap["gap_end"]) == (watermarks[market], closed_at(switched, market))
        assert proven(switched, market)[-1].end == watermarks[market]
        (begun,) = proven(switched, successor)
        if tells:  # else nobody ever said that the account was not in Portfolio Margin, and all of it is read
            assert begun.start == min(watermarks.values())
        assert gaps(switched, successor) == []


def test_a_refusal_for_which_a_switch_may_be_the_reason_says_so_until_it_is_known(lab: Labs) -> None:
    switched = backfilled(lab, shows_earlier=False, tells=False)
    switch(switched)
    switched.tell("clock", {"advance_ms": DAY})
    refused = switched("sync")
    assert refused.returncode == 1
    assert refused.stderr.count("or the account was switched to Portfolio Margin") == 2, "a line for each market"
    assert [gap["reason"] for market in SUCCESSORS for gap in gaps(switched, market)] == ["market_not_read"] * 2
    named = switched("sync", FORCE_ORDERS_MARKETS="usdm")
    assert (named.returncode, "switched to Portfolio Margin" in named.stderr) == (1, True)
    checked = switched("accounts", "check")
    assert checked.returncode == 0, checked.stdout
    assert "pm-usdm, pm-coinm, pm-margin" in checked.stdout


def test_a_key_that_is_older_than_the_switch_reads_no_market_and_is_warned_of(lab: Labs) -> None:
    switched = backfilled(lab, shows_earlier=True, tells=True)
    at = switch(switched)
    switched.tell("accounts", {"key_created_ms": at - DAY})
    switched.tell("clock", {"advance_ms": DAY})
    for night in ("first", "second"):
        refused = switched("sync")
        assert refused.returncode in (1, 3), night
        assert "Portfolio Margin" in refused.stderr, night
    checked = switched("accounts", "check")
    assert checked.returncode == 1
    assert "after a switch to Portfolio Margin make a new key" in checked.stdout
