"""The exchange's clock, the database's and the machine's: nothing later than the earliest is proven."""

import shlex

import psycopg
import pytest

from etl.simulator.scenario import Scenario
from tests.acceptance.lab import DAY, FORCE_ORDERS, HOUR, Lab, Labs, order_row

SETTLE_S = 600


def age_of_the_watermark(lab: Lab) -> float:
    """Seconds, by the database's clock."""
    (row,) = lab.sql(
        "SELECT extract(epoch FROM clock_timestamp() - watermark) AS age FROM watermarks WHERE symbol = '*'"
    )
    return float(row["age"])


@pytest.mark.parametrize("days", [30, -30, 1.1, -1.1])
def test_clocks_that_are_more_than_a_day_apart_end_the_run_before_the_first_page_and_all_are_named(
    lab: Labs, days: float
) -> None:
    apart = lab(Scenario(clock_offset_ms=int(days * DAY)))
    done = apart("backfill")
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert "more than a day apart" in line
    for clock in ("at the exchange", "in the database", "on this machine"):
        assert clock in line
    assert apart.stats()["requests_by_path"] == {"/fapi/v1/time": 1}
    assert apart.last_run()["status"] == "failed"
    assert apart.sql("SELECT FROM coverage") == []


def test_an_exchange_that_leads_by_hours_proves_nothing_of_the_future_and_loses_nothing(lab: Labs) -> None:
    leading = lab(Scenario(clock_offset_ms=20 * HOUR), histories={"main": []})
    assert leading("backfill").returncode == 0
    assert SETTLE_S <= age_of_the_watermark(leading) < SETTLE_S + 60
    late = leading.now() - 19 * HOUR
    leading.tell("orders", [order_row("BTCUSDT", 1, late)])
    leading.tell("clock", {"advance_ms": -20 * HOUR + HOUR})
    assert leading("sync").returncode == 0
    assert SETTLE_S <= age_of_the_watermark(leading) < SETTLE_S + 120
    assert list(leading.table()) == [("BTCUSDT", 1)]


def test_an_exchange_that_is_behind_limits_what_is_proven_too(lab: Labs) -> None:
    behind = lab(Scenario(clock_offset_ms=-20 * HOUR), histories={"main": []})
    done = behind("backfill")
    assert (done.returncode, done.stderr) == (0, "")
    assert 0 <= age_of_the_watermark(behind) - SETTLE_S - 20 * 3_600 < 60


def test_a_clock_that_is_off_is_said_once_in_the_log_of_the_run(lab: Labs) -> None:
    elsewhere = lab(Scenario(clock_offset_ms=-HOUR), histories={"main": []})
    said = elsewhere("--log-level", "info", "backfill").stderr
    assert said.count("this machine's clock is 1 h ahead of the exchange's") == 1


def prove_until(lab: Lab, until: str) -> None:
    """As a run whose clock was ahead has left it."""
    with psycopg.connect(lab.database_url) as owner:
        owner.execute(f"""
            INSERT INTO coverage (account, market, symbol, proven)
            VALUES ('main', 'usdm', '*', tstzmultirange(tstzrange(now() - interval '60 days', {until})))
        """)


def test_a_watermark_in_the_future_is_red_with_the_command_that_takes_it_back(lab: Labs) -> None:
    future = lab()
    prove_until(future, "now() + interval '30 days'")
    done = future("status", "--check")
    assert done.returncode == 3
    (line,) = done.stderr.splitlines()
    assert "account main: the watermark 20" in line
    assert "lies in the future" in line
    command = shlex.split(line[line.index("force-orders coverage reset") :])
    assert command[:5] == ["force-orders", "coverage", "reset", "--account", "main"]
    (proven,) = future.sql("SELECT lower(proven) AS since FROM coverage")
    assert command[5] == "--since"
    assert command[6] == proven["since"].replace(microsecond=0, tzinfo=None).isoformat() + "Z"
    assert command[7] == "--why"


def test_a_watermark_of_this_minute_is_not_one_of_the_future(lab: Labs) -> None:
    fine = lab()
    prove_until(fine, "now() + interval '30 seconds'")
    assert (fine("status", "--check").returncode, fine("status", "--check").stderr) == (0, "")


def test_no_page_is_asked_for_where_the_clocks_are_apart_even_by_a_verification(lab: Labs) -> None:
    apart = lab(Scenario(clock_offset_ms=-3 * DAY))
    assert apart("verify").returncode == 1
    assert FORCE_ORDERS not in apart.stats()["requests_by_path"]
