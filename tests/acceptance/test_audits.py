"""Each night reads a few old proven windows again, and believes no answer for ever."""

from typing import Any

import pytest

from etl.simulator.scenario import Scenario
from tests.acceptance.judge import Trials
from tests.acceptance.lab import DAY, FORCE_ORDERS, HOUR, Lab, Labs, assert_table_equals_history, order_row
from tests.acceptance.long_running import Staying
from tests.acceptance.market_tables import CLASSIC, LONG, assert_is_the_history, histories
from tests.acceptance.misbehaving import Exchange, now, order, series
from tests.acceptance.scheduling import syncs_done
from tests.waiting import wait_until

NIGHT = {"FORCE_ORDERS_AUDIT_WINDOWS": "2"}
ALL = {"FORCE_ORDERS_AUDIT_WINDOWS": "20"}
NOTHING = {"kind": "status", "status": 200, "body": "[]", "path": FORCE_ORDERS}
"""Every request for force orders is answered with an empty list."""


def requests_for_orders(lab: Lab) -> int:
    return int(lab.stats()["requests_by_path"].get(FORCE_ORDERS, 0))


def audits(lab: Lab) -> list[dict[str, Any]]:
    return lab.sql("SELECT * FROM verifications ORDER BY id")


def with_orders(lab: Labs, *days_ago: int, **options: Any) -> Lab:
    made = lab(histories={"main": []}, **options)
    made.tell("orders", [order_row("BTCUSDT", days, made.now() - days * DAY) for days in days_ago])
    return made


def twice_a_day(lab: Lab, since: int = 8, until: int = 90) -> list[dict[str, Any]]:
    """Orders in every window of an audit, which is 21 hours long at least."""
    return [order_row("BTCUSDT", n, lab.now() - n * DAY // 2) for n in range(2 * since, 2 * until)]


def test_a_first_run_that_was_answered_with_nothing_is_found_out_by_an_audit_and_read_again(lab: Labs) -> None:
    lied = lab()
    lied.tell("faults", [NOTHING])
    first = lied("backfill")
    assert (first.returncode, lied.table()) == (0, {})
    assert "not one force order in 89 d 23 h" in first.stdout
    assert "verify --repair" in first.stdout
    lied.tell("faults", [])
    night = lied("sync", **ALL)
    assert night.returncode == 3, "what is proven no longer says so"
    assert "an audit of old windows found" in night.stderr
    assert "the next run reads them again" in night.stderr
    assert {gap["reason"] for gap in lied.gaps()} == {"disputed"}
    assert audits(lied)[0]["missing"] == audits(lied)[0]["repaired"] > 0
    assert lied("sync", **NIGHT).returncode == 0
    assert lied.gaps() == []
    assert_table_equals_history(lied)


def test_only_a_long_reading_without_any_order_is_worth_a_line(lab: Labs) -> None:
    quiet = with_orders(lab)
    assert "not one force order" not in quiet("backfill", "--since", "3d").stdout
    assert "account main: the exchange showed not one force order in 86 d 2" in quiet("backfill").stdout
    assert "not one force order" not in quiet("backfill").stdout
    assert "not one force order" not in quiet("sync").stdout


def test_one_order_that_a_night_draws_doubts_all_that_was_proven_with_it(lab: Labs) -> None:
    lied = with_orders(lab)
    assert lied("backfill").returncode == 0
    lied.tell("orders", twice_a_day(lied))
    assert lied("sync", **NIGHT).returncode == 3
    assert 0 < len(lied.table()) < 164
    (gap,) = [gap for gap in lied.gaps() if gap["symbol"] == "*"]
    assert 80 <= (gap["gap_end"] - gap["gap_start"]).days <= 83
    assert lied("sync").returncode == 0
    assert len(lied.table()) == 164


def test_a_quiet_night_reads_two_windows_for_a_hundred_and_keeps_the_evidence(lab: Labs) -> None:
    quiet = with_orders(lab, 60, 30)
    assert quiet("backfill").returncode == 0
    quiet.tell("reset-stats", {})
    done = quiet("sync", **NIGHT)
    assert (done.returncode, done.stderr) == (0, "")
    assert "; audited: 2 old windows" in done.stdout
    assert requests_for_orders(quiet) == 2 + 2, "of the last week and today, and two old ones"
    (row,), run = audits(quiet), quiet.last_run()
    assert (row["run_id"], row["is_sample"], row["unread_reason"]) == (run["id"], True, None)
    assert (row["missing"], row["different"], row["extra"]) == (0, 0, 0)


def test_an_exchange_that_answers_only_audits_with_nothing_takes_back_no_proof(lab: Labs) -> None:
    forgetful = with_orders(lab, *range(8, 89))
    assert forgetful("backfill").returncode == 0
    assert forgetful("sync").returncode == 0
    forgetful.tell("reset-stats", {})
    assert forgetful("sync").returncode == 0
    of_a_night = requests_for_orders(forgetful)
    forgetful.tell("faults", [NOTHING | {"at": [of_a_night + 1, None]}])
    done = forgetful("sync", **ALL)
    assert done.returncode == 3
    assert "unlike what the exchange shows now, for example BTCUSDT" in done.stderr
    assert "(extra)" in done.stderr
    assert forgetful.gaps() == []
    assert len(forgetful.table()) == 81
    forgetful.tell("faults", [])
    assert forgetful("sync", **ALL).returncode == 0


def test_an_order_that_an_audit_shows_beyond_its_window_doubts_the_proof_of_its_own_time(trial: Trials) -> None:
    pinned = trial(Exchange([]))
    assert pinned("backfill").returncode == 0
    pinned.exchange.rows = [order("BTCUSDT", 1, now() - 40 * DAY)]
    pinned.exchange.answer = lambda asked: pinned.exchange.rows if asked.start < now() - 9 * DAY else []
    night = pinned("sync", FORCE_ORDERS_AUDIT_WINDOWS="1")
    assert night.returncode == 3
    assert "found 1 order that the exchange had not shown, for example BTCUSDT 1" in night.stderr
    assert pinned.reasons() == {"disputed"}
    pinned.exchange.answer = pinned.exchange.page
    assert (pinned("sync").returncode, pinned.missing(), pinned.gaps()) == (0, [], [])


def test_an_order_that_was_set_aside_when_it_was_shown_accuses_nobody_when_it_can_be_read(trial: Trials) -> None:
    odd = trial(Exchange([order("BTCUSDT", 1, now() - 40 * DAY, price="@odd@")]))
    odd.exchange.texts["@odd@"] = '"much"'
    assert odd("backfill").returncode == 3
    odd.exchange.texts["@odd@"] = '"1"'
    night = odd("sync", **ALL)
    assert (night.returncode, night.stderr, odd.gaps(), len(odd.stored())) == (0, "", [], 1)


def test_a_key_that_the_exchange_sends_since_today_makes_no_night_red(trial: Trials) -> None:
    """As `pair` and `cumBase` came in August 2026."""
    grown = trial(Exchange([order("BTCUSDT", 1, now() - 40 * DAY)]))
    assert grown("backfill").returncode == 0
    grown.exchange.rows[0] |= {"newKey": 1, "price": grown.exchange.rows[0]["price"] + "0"}
    night = grown("sync", **ALL)
    assert (night.returncode, night.stderr) == (0, "")
    assert grown.sql("SELECT different FROM verifications") == [{"different": 1}]
    grown.exchange.rows[0]["price"] = "1"
    assert grown("sync", **ALL).returncode == 3


def test_an_order_of_one_symbol_doubts_what_the_same_run_proved_of_the_other(trial: Trials) -> None:
    lied = trial(Exchange([]))
    assert lied("backfill", "--symbol", "BTCUSDT", "--symbol", "ETHUSDT").returncode == 0
    # An order of each symbol every 12 hours: a window of an audit has 21 hours at least.
    lied.exchange.rows = series(360, now() - 90 * DAY + HOUR, now() - HOUR, ["BTCUSDT", "ETHUSDT"])
    assert lied("sync", FORCE_ORDERS_AUDIT_WINDOWS="1").returncode == 3
    assert {gap["symbol"] for gap in lied.gaps()} == {"BTCUSDT", "ETHUSDT"}
    assert (lied("sync").returncode, lied.missing(), lied.gaps()) == (0, [], [])


def test_what_changed_late_is_stored_and_doubts_nothing(lab: Labs) -> None:
    late = with_orders(lab, 30)
    assert late("backfill").returncode == 0
    at = late.now() - 30 * DAY
    late.tell("orders", [order_row("BTCUSDT", 30, at, updateTime=at + 2 * HOUR, status="FILLED")])
    done = late("sync", **ALL)
    assert (done.returncode, done.stderr) == (0, "")
    assert (audits(late)[0]["different"], audits(late)[0]["repaired"]) == (1, 1)
    assert late.last_run()["updated"] == 1


@pytest.mark.parametrize(
    "fault",
    [{"kind": "status", "status": 503}, {"kind": "reset"}, {"kind": "object"}, {"kind": "code", "code": -1121}],
    ids=lambda fault: fault["kind"],
)
def test_an_audit_that_fails_takes_nothing_from_the_night(fault: dict[str, Any], lab: Labs) -> None:
    quiet = with_orders(lab, 30)
    assert quiet("backfill").returncode == 0
    quiet.tell("reset-stats", {})
    assert quiet("sync").returncode == 0
    quiet.tell("faults", [fault | {"path": FORCE_ORDERS, "at": [requests_for_orders(quiet) + 1, None]}])
    done = quiet("sync", **NIGHT, FORCE_ORDERS_ATTEMPTS="1")
    assert (done.returncode, done.stderr, quiet.gaps()) == (0, "", [])
    assert "audited" not in done.stdout


def test_a_ban_during_an_audit_ends_the_night_and_keeps_what_it_proved_and_found(lab: Labs) -> None:
    banned = with_orders(lab)
    assert banned("backfill").returncode == 0
    banned.tell("reset-stats", {})
    assert banned("sync").returncode == 0
    banned.tell("orders", twice_a_day(banned))
    ban = {"kind": "ban", "seconds": 7200, "path": FORCE_ORDERS, "at": requests_for_orders(banned) + 2}
    banned.tell("faults", [ban])
    done = banned("sync", **NIGHT)
    assert done.returncode == 4
    assert "an audit of old windows found" in done.stderr
    assert len(banned.table()) > 0
    assert {gap["reason"] for gap in banned.gaps()} == {"disputed"}
    assert banned.stats()["requests_during_ban"] == 0


def test_a_backfill_and_a_night_without_audits_read_nothing_old(lab: Labs) -> None:
    quiet = with_orders(lab, 30)
    assert quiet("backfill", **ALL).returncode == 0
    assert "audited" not in quiet("sync").stdout
    assert audits(quiet) == []


def test_a_first_night_does_not_audit_what_it_has_just_read(lab: Labs) -> None:
    new = with_orders(lab, 30)
    assert "audited" not in new("sync", **ALL).stdout


@pytest.mark.parametrize("market", ["coinm", "margin"])
def test_each_market_is_audited_by_itself(market: str, lab: Labs) -> None:
    both = lab(Scenario(), (CLASSIC,), histories=histories(LONG))
    both.command.environment["FORCE_ORDERS_MARKETS"] = f"usdm,{market}"
    assert both("backfill").returncode == 0
    old = f"market = '{market}' AND order_time < now() - interval '9 days'"
    lost = both.sql(f"DELETE FROM force_orders WHERE {old} RETURNING 1")
    done = both("sync", **ALL)
    assert done.returncode == 3
    assert f"account main ({market}): an audit of old windows found {len(lost)} orders" in done.stderr
    assert "account main: an audit" not in done.stderr
    assert {gap["market"] for gap in both.gaps()} == {market}
    assert both("sync").returncode == 0
    assert_is_the_history(both, "usdm", market)


def test_the_job_of_a_worker_audits_as_the_command_does(lab: Labs, stay: Staying) -> None:
    quiet = with_orders(lab, 30)
    assert quiet("backfill").returncode == 0
    quiet.command.environment.update(NIGHT)
    scheduler = stay(quiet, "schedule")
    wait_until(lambda: syncs_done(quiet) == 1)
    assert stay.stop(scheduler) == 130
    (row,) = audits(quiet)
    assert (row["is_sample"], row["missing"], row["extra"]) == (True, 0, 0)
