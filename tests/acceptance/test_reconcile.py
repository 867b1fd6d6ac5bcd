"""The second witness: a lost order is found and named, by the command and by the night, and its alarm can end."""

import json

from etl.simulator.scenario import Scenario
from tests.acceptance.lab import DAY, Labs
from tests.acceptance.reconciling import (
    ALL_ORDERS,
    OFF,
    UNFILLED,
    backfilled,
    forced,
    forced_day,
    lose,
    orders_found,
    reconciled,
    requests_to,
    traded,
    verdicts,
)
from tests.waiting import wait_until


def test_both_lists_agree_on_every_day(lab: Labs) -> None:
    one = backfilled(traded(lab))
    (said,) = reconciled(one)["reconciliations"]
    assert {day["verdict"] for day in said["days"]} == {"agreed"}, said
    assert len(said["days"]) == 19
    assert said["orders_compared"] == 3
    assert said["orders_listed"] > 3, "the owner has orders, too"
    assert said["orders"] == []
    done = one("reconcile")
    assert (done.returncode, done.stderr) == (0, "")
    assert "19 days agreed" in done.stdout
    assert orders_found(one) == []


def test_a_lost_order_is_found_and_named(lab: Labs) -> None:
    one = traded(lab)
    lose(one, 1)
    backfilled(one)
    assert one.sql("SELECT count(*) AS n FROM force_orders") == [{"n": 2}]
    done = one("reconcile")
    assert done.returncode == 3
    (line,) = done.stderr.splitlines()
    assert "BTCUSDT 1 (missing)" in line
    assert "force-orders coverage accept --account main --symbol BTCUSDT --order 1 --why TEXT" in line
    assert "18 days agreed" in done.stdout
    assert "1 disputed (BTCUSDT 1 missing)" in done.stdout
    (row,) = one.sql("SELECT * FROM reconciliation_orders")
    assert row["raw"]["clientOrderId"] == forced(one, 1)["clientOrderId"]
    assert one.sql("SELECT count(*) AS n FROM force_orders") == [{"n": 2}], "it is no force order"
    assert one("complete", row["order_time"].date().isoformat()).returncode == 3


def test_the_night_finds_it_too_and_the_next_one_asks_again(lab: Labs) -> None:
    one = traded(lab)
    lose(one, 1)
    backfilled(one)
    one.tell("reset-stats", {})
    done = one("sync")
    assert done.returncode == 3
    (line,) = done.stderr.splitlines()
    assert "BTCUSDT 1 (missing)" in line
    assert requests_to(one, ALL_ORDERS) == 1
    assert one.last_run()["status"] == "incomplete"
    assert one("sync").returncode == 3
    assert "BTCUSDT 1" in one("status").stdout


def test_without_disputes_the_night_costs_five_more(lab: Labs) -> None:
    one = backfilled(traded(lab))
    assert one("sync", **OFF).returncode == 0, "the first night also asks what the exchange lists"
    spent = []
    for setting in (OFF, {}):
        done = one("sync", **setting)
        assert (done.returncode, done.stderr) == (0, "")
        spent.append((one.last_run()["requests"], one.last_run()["weight"]))
    (requests, weight), (more_requests, more_weight) = spent
    assert (more_requests - requests, more_weight - weight) == (1, 5)
    assert verdicts(one) == {"agreed"}
    assert len(one.sql("SELECT day FROM reconciled_days")) == 6


def test_a_backfill_reconciles_nothing(lab: Labs) -> None:
    one = backfilled(traded(lab))
    assert requests_to(one, ALL_ORDERS) == 0
    assert one.sql("SELECT * FROM reconciliations") == []


def test_an_order_that_appears_again_is_stored_and_no_longer_disputed(lab: Labs) -> None:
    one = traded(lab, scenario=Scenario(visibility_delay_ms=3 * DAY), rows=({"number": 1},))
    assert one("backfill", "--since", "20d").returncode == 0
    assert reconciled(one, code=3)["disputed"][0]["order_id"] == 1
    one.tell("scenario", {"visibility_delay_ms": 0})
    (said,) = reconciled(one)["reconciliations"]
    assert [(order["order_id"], order["kind"]) for order in said["orders"]] == [(1, "late")]
    assert (said["late"], said["missing"]) == (1, 0)
    assert {day["verdict"] for day in said["days"]} == {"agreed"}
    assert [*one.table()] == [("BTCUSDT", 1)]
    assert one("verify").returncode == 0
    assert one("status", "--check").stderr == ""


def test_an_order_that_a_later_night_stores_is_no_longer_disputed(lab: Labs) -> None:
    one = traded(lab, scenario=Scenario(visibility_delay_ms=3 * DAY), rows=({"number": 1},))
    assert one("sync").returncode == 3
    assert verdicts(one) == {"agreed", "not checkable", "disputed"} or verdicts(one) == {"agreed", "disputed"}
    one.tell("scenario", {"visibility_delay_ms": 0})
    done = one("sync", **OFF)
    assert (done.returncode, done.stderr) == (0, "")
    assert "disputed" not in verdicts(one), "the view knows what was stored since"
    assert one("sync").returncode == 0
    assert one.sql("SELECT * FROM disputed_orders") == []


def test_a_late_order_of_a_sealed_day_is_sealed_anew(lab: Labs) -> None:
    one = traded(lab, scenario=Scenario(visibility_delay_ms=20 * DAY), rows=({"number": 1, "days": 12},))
    backfilled(one)
    one.tell("scenario", {"visibility_delay_ms": 0})
    assert reconciled(one)["reconciliations"][0]["late"] == 1
    done = one("db", "check")
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_dispute_ends_by_decision_and_does_not_come_back(lab: Labs) -> None:
    one = traded(lab)
    lose(one, 1)
    backfilled(one)
    assert one("reconcile").returncode == 3
    check = one("status", "--check")
    assert check.returncode == 3
    assert "BTCUSDT 1" in check.stderr
    accept = ("coverage", "accept", "--account", "main", "--symbol", "BTCUSDT", "--order", "1", "--why", "it was sold")
    done = one(*accept)
    assert (done.returncode, done.stdout) == (0, "order 1 of account main is no longer disputed\n")
    assert one(*accept).stdout == "order 1 of account main is not disputed\n"
    (decision,) = one.sql("SELECT kind, market, details FROM decisions")
    assert decision == {"kind": "disputed", "market": "usdm", "details": {"symbol": "BTCUSDT", "order_id": 1}}
    assert one("status", "--check").returncode == 0
    (said,) = reconciled(one)["reconciliations"]
    assert (said["accepted"], said["missing"]) == (1, 0)
    assert one("sync").returncode == 0
    assert verdicts(one) == {"agreed"}
    assert one("complete", f"{forced_day(one, 2)}").returncode == 0
    assert [*one.table()] == [("BTCUSDT", 2), ("ETHUSDT", 3)], "and it is no force order"


def test_an_unfilled_lost_order_stays_disputed_when_the_list_forgets_it(lab: Labs) -> None:
    one = traded(lab, rows=({"number": 1} | UNFILLED,))
    lose(one, 1)
    backfilled(one)
    assert reconciled(one, code=3)["disputed"][0]["order_id"] == 1
    one.tell("scenario", {"unfilled_kept_days": 1})
    assert one("sync").returncode == 3
    assert "disputed" in verdicts(one)


def test_nothing_compared_is_no_agreement(lab: Labs) -> None:
    one = traded(lab)
    done = one("reconcile")
    assert done.returncode == 3
    assert "nothing was compared" in done.stdout
    assert one("backfill", "--since", "20d").returncode == 0
    one.tell("faults", [{"kind": "status", "path": ALL_ORDERS, "status": 404}])
    done = one("reconcile")
    assert done.returncode == 3
    assert "nothing was compared" in done.stdout
    assert "there is no such endpoint on this host" in done.stdout
    assert verdicts(one) == {"not checkable"}


def test_a_day_that_agreed_stays_so_when_it_cannot_be_compared_any_more(lab: Labs) -> None:
    one = backfilled(traded(lab))
    reconciled(one)
    one.tell("faults", [{"kind": "status", "path": ALL_ORDERS, "status": 404}])
    done = one("sync")
    assert (done.returncode, done.stderr) == (0, ""), "no second witness is no failure of the night"
    assert verdicts(one) == {"agreed"}


def test_a_span_is_compared_in_whole_days(lab: Labs) -> None:
    one = backfilled(traded(lab))
    day = forced_day(one, 2)
    (said,) = reconciled(one, "--since", f"{day}T10:00Z", "--until", f"{day}T11:00Z")["reconciliations"]
    assert [one["day"] for one in said["days"]] == [day]
    assert said["orders_compared"] == 1


def test_what_is_not_proven_is_not_checkable(lab: Labs) -> None:
    one = backfilled(traded(lab), since="4d")
    (said,) = reconciled(one, "--since", "10d")["reconciliations"]
    first, last = said["days"][0], said["days"][-1]
    assert (first["verdict"], first["reason"]) == ("not checkable", "not all of it is proven here")
    assert last["verdict"] == "agreed"


def test_the_span_is_checked_before_anything_is_asked(lab: Labs) -> None:
    one = traded(lab)
    done = one("reconcile", "--since", "2026-10-31", "--until", "2026-10-01")
    assert done.returncode == 2
    assert "is not before --until" in done.stderr


def test_what_the_night_found_is_shown(lab: Labs) -> None:
    one = traded(lab)
    lose(one, 1)
    backfilled(one)
    assert one("sync").returncode == 3
    shown = one("status").stdout
    assert "days held against the list of all orders" in shown
    said = json.loads(one("status", "--json").stdout)
    (newest,) = said["reconciliations"]
    assert (newest["agreed"], newest["disputed"]) == (5, 1)
    assert [(order["symbol"], order["order_id"], order["kind"]) for order in said["disputed"]] == [
        ("BTCUSDT", 1, "missing")
    ]
    report = one("report").stdout
    assert "days held against the list of all orders: 5 agreed, 1 disputed (BTCUSDT 1 missing)" in report


def test_a_killed_reconciliation_is_made_anew(lab: Labs) -> None:
    one = traded(lab)
    lose(one, 1)
    backfilled(one)
    one.tell("faults", [{"kind": "hang", "path": ALL_ORDERS, "at": 1}])
    running = one.command.start("reconcile")
    wait_until(lambda: requests_to(one, ALL_ORDERS) == 1)
    running.kill()
    running.end()
    assert one.sql("SELECT * FROM reconciliations") == []
    assert "BTCUSDT 1 (missing)" in one("reconcile").stderr


def test_many_lost_orders_are_asked_for_again_over_several_nights(lab: Labs) -> None:
    one = traded(lab, rows=[{"number": number} for number in range(1, 24)])
    for number in range(1, 24):
        lose(one, number)
    backfilled(one)
    one.tell("reset-stats", {})
    assert one("sync").returncode == 3
    assert len(one.sql("SELECT * FROM disputed_orders")) == 20
    assert "and 17 more" in one.last_run()["error"]
    assert one("sync").returncode == 3
    assert len(one.sql("SELECT * FROM disputed_orders")) == 23
