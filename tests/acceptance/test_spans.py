"""Which instants a typed span means, through every command that takes one, and how far back the exchange is asked."""

import re
from datetime import UTC, datetime
from typing import Any

import pytest

import etl
from etl.simulator.scenario import Scenario
from tests.acceptance.endings import assert_one_line
from tests.acceptance.lab import DAY, HOUR, Lab, Labs, order_row

DAYS = (4, 3, 2)
"""So many days ago there is an order, at noon."""


def date(instant: int) -> str:
    return f"{datetime.fromtimestamp(instant / 1000, UTC):%Y-%m-%d}"


@pytest.fixture
def midday(lab: Labs) -> Lab:
    """An order at noon of each of DAYS."""
    made = lab(histories={"main": []})
    noon = made.now() // DAY * DAY + DAY // 2
    made.tell("orders", [order_row("BTCUSDT", days, noon - days * DAY) for days in DAYS])
    return made


def days_ago(lab: Lab, days: int) -> str:
    return date(lab.now() - days * DAY)


def span_of(said: str) -> tuple[str, str]:
    ((since, until),) = re.findall(r"span (\S+Z) to (\S+Z)", said)
    return since, until


def test_a_bare_date_as_an_end_includes_its_day_in_every_command(midday: Lab) -> None:
    since, until = days_ago(midday, 4), days_ago(midday, 3)
    words = ("--since", since, "--until", until)
    taken = f"{since}T00:00Z", f"{days_ago(midday, 2)}T00:00Z"
    assert span_of(midday("backfill", *words, "--plan").stdout) == taken
    done = midday("backfill", *words)
    assert (done.returncode, done.stderr) == (0, "")
    assert span_of(done.stdout) == taken
    assert sorted(order_id for _, order_id in midday.table()) == [3, 4]
    checked = midday("verify", *words)
    assert (checked.returncode, span_of(checked.stdout)) == (0, taken), checked.stderr
    assert midday("report", *words).stdout.startswith("2 orders of main from ")
    assert midday("report", "--until", since).stdout.startswith("1 order of main from ")
    exported = midday("export", "--until", since, "--out", "x.csv")
    assert exported.stderr == "force-orders: exported 1 order to x.csv\n"


def test_today_as_an_end_means_now(midday: Lab) -> None:
    done = midday("backfill", "--since", days_ago(midday, 4), "--until", days_ago(midday, 0))
    assert (done.returncode, done.stderr) == (0, "")
    assert len(midday.table()) == 3
    tomorrow = days_ago(midday, -1)
    assert_one_line(midday("backfill", "--until", tomorrow), 2, "--until", "future")


def test_the_entry_point_takes_the_same_instants_and_returns_them(midday: Lab, monkeypatch: Any) -> None:
    for name, value in midday.command.environment.items():
        monkeypatch.setenv(name, value)
    done = etl.run_backfill(since=days_ago(midday, 4), until=days_ago(midday, 3))
    assert done.inserted == 2
    assert (done.since, done.until) == tuple(
        datetime.fromisoformat(f"{days_ago(midday, days)}T00:00Z") for days in (4, 2)
    )


WORD = r"force-orders: --since 400d lies before what the exchange keeps; reading from \S+Z\n"


def test_a_typo_in_the_year_leaves_no_gap_and_is_said(midday: Lab) -> None:
    planned = midday("backfill", "--since", "400d", "--plan")
    assert planned.returncode == 0
    assert re.fullmatch(WORD, planned.stderr)
    done = midday("backfill", "--since", "400d")
    assert done.returncode == 0, done.stderr
    assert re.fullmatch(WORD, done.stderr)
    assert midday.gaps() == []
    covered = midday.watermark()["covered_since"]
    assert covered.timestamp() * 1000 > midday.now() - 90 * DAY
    assert span_of(done.stdout)[0] == f"{covered:%Y-%m-%dT%H:%M:%SZ}".replace(":00Z", "Z")
    checked = midday("verify", "--since", "400d")
    assert (checked.returncode, bool(re.fullmatch(WORD, checked.stderr))) == (3, True), checked.stderr
    assert "beyond_retention" in checked.stdout, "what is gone was asked for and cannot be compared"


def test_a_typo_in_the_year_hands_out_no_job_for_what_is_gone(midday: Lab) -> None:
    handed_out = midday("backfill", "--since", "400d", "--distributed")
    assert "enqueued 13 jobs" in handed_out.stdout
    assert re.fullmatch(WORD, handed_out.stderr)
    handed_out = midday("backfill", "--since", "400d", "--distributed", "--beyond-retention")
    assert "enqueued 58 jobs" in handed_out.stdout, "310 days are 45 weeks more"
    assert handed_out.stderr == ""


def test_a_gap_beyond_retention_is_recorded_where_it_is_wanted(midday: Lab) -> None:
    done = midday("backfill", "--since", "100d", "--beyond-retention")
    assert done.returncode == 3, done.stderr
    assert {gap["reason"] for gap in midday.gaps()} == {"beyond_retention"}
    assert (midday.gaps()[0]["gap_end"] - midday.gaps()[0]["gap_start"]).total_seconds() > 9.9 * 86_400


def test_nothing_is_left_out_where_the_exchange_keeps_everything(lab: Labs) -> None:
    endless = lab(Scenario(retention_days=0), histories={"main": []})
    endless.tell("orders", [order_row("BTCUSDT", 1, endless.now() - 99 * DAY)])
    done = endless("backfill", "--since", "100d", FORCE_ORDERS_RETENTION_DAYS="0")
    assert (done.returncode, done.stderr) == (0, "")
    assert len(endless.table()) == 1
    assert endless.watermark()["covered_since"].timestamp() * 1000 < endless.now() - 100 * DAY + HOUR


@pytest.mark.parametrize("verb", ["backfill", "verify"])
def test_a_span_of_which_nothing_is_kept_ends_with_2_before_any_request(midday: Lab, verb: str) -> None:
    midday.tell("reset-stats", {})
    done = midday(verb, "--since", "400d", "--until", "300d")
    assert_one_line(done, 2, "lies before what the exchange keeps")
    assert midday.stats()["requests"] == 0


def test_the_entry_point_warns_of_what_it_leaves_out(
    midday: Lab, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    for name, value in midday.command.environment.items():
        monkeypatch.setenv(name, value)
    done = etl.run_backfill(since="400d")
    assert (done.status, done.gaps) == ("succeeded", ())
    assert "--since 400d lies before what the exchange keeps" in caplog.text
