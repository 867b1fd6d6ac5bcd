"""Liquidations in Portfolio Margin that leave no order: their capital flows are stored, and proven like orders."""

import json
from dataclasses import replace
from decimal import Decimal
from typing import Any

import requests

from etl.simulator.accounts import MAIN
from etl.simulator.scenario import Scenario
from tests.acceptance.lab import DAY, HOUR, Lab, Labs
from tests.waiting import wait_until

FLOWS = "/sapi/v1/margin/capital-flow"
UNIFIED = replace(MAIN, wallets=("usdm", "coinm", "margin"), portfolio_margin_from_ms=0)
HIDDEN = Scenario(risk_based_liquidations="margin")
MARGIN = {"FORCE_ORDERS_MARKETS": "pm-margin", "FORCE_ORDERS_ATTEMPTS": "1"}


def margin_order(number: int, at: int) -> dict[str, Any]:
    row = {"avgPrice": "0.00388359", "executedQty": f"{number + 1}.39", "symbol": "BNBBTC"}
    side = "BUY" if number % 3 else "SELL"
    return row | {"orderId": number, "side": side, "updatedTime": at, "isIsolated": False}


def unified(lab: Labs, scenario: Scenario = HIDDEN, orders: int = 0) -> Lab:
    """An account in Portfolio Margin, with so many margin orders in the last 80 days that it does not show."""
    made = lab(scenario, accounts=(UNIFIED,), histories={"main": []})
    made.command.environment.update(MARGIN)
    tell_orders(made, [margin_order(number, made.now() - (2 + number % 80) * DAY + number) for number in range(orders)])
    return made


def tell_orders(lab: Lab, orders: list[dict[str, Any]]) -> None:
    lab.tell("orders?market=margin", orders)


def liquidations(lab: Lab) -> list[dict[str, Any]]:
    """What the simulator has, as its own JSON."""
    answer = requests.get(f"{lab.simulator.url}/sim/capital-flows", timeout=30)
    rows: list[dict[str, Any]] = json.loads(answer.content)
    return [row for row in rows if "LIQUIDATION" in row["type"]]


def stored(lab: Lab) -> list[dict[str, Any]]:
    return lab.sql("""
        SELECT id, tran_id AS "tranId", (extract(epoch FROM time) * 1000)::bigint AS timestamp, asset, symbol, type,
               amount::text AS amount FROM capital_flows ORDER BY id
    """)


def gaps(lab: Lab) -> list[dict[str, Any]]:
    return lab.sql("SELECT * FROM capital_flow_gaps ORDER BY gap_start")


def requested(lab: Lab) -> int:
    return int(lab.stats()["requests_by_path"].get(FLOWS, 0))


def fault(lab: Lab, kind: str, at: object) -> None:
    lab.tell("faults", [{"kind": kind, "path": FLOWS, "at": at}])


def test_liquidations_without_an_order_are_stored_to_the_digit(lab: Labs) -> None:
    one = unified(lab, orders=200)
    done = one("backfill")
    assert done.returncode == 0, done.stderr
    assert one.sql("SELECT count(*) AS orders FROM force_orders") == [{"orders": 0}], "and none left an order"
    assert len(stored(one)) > 800
    assert stored(one) == liquidations(one)
    assert gaps(one) == []
    shown = one.sql("SELECT amount FROM report_liquidation_flows WHERE account = 'main'")
    assert sum(row["amount"] for row in shown) == sum(Decimal(row["amount"]) for row in liquidations(one))


def test_what_is_proven_of_flows_says_nothing_of_orders(lab: Labs) -> None:
    one = unified(lab)
    assert one("backfill").returncode == 0
    assert one.sql("SELECT DISTINCT account, market, symbol FROM coverage") == [
        {"account": "main", "market": "pm-margin", "symbol": "*"}
    ]
    (row,) = one.sql("SELECT account, market, upper(proven) AS until FROM capital_flow_coverage")
    assert (row["account"], row["market"]) == ("main", "pm-margin")
    assert row["until"] <= one.watermark()["watermark"]


def test_a_night_costs_one_request_and_adds_what_is_new(lab: Labs) -> None:
    one = unified(lab, orders=200)
    assert one("backfill").returncode == 0
    one.tell("clock", {"advance_ms": DAY})
    tell_orders(one, [margin_order(1_001, one.now() - 2 * HOUR)])
    one.tell("reset-stats", {})
    done = one("sync")
    assert done.returncode == 0, done.stderr
    assert requested(one) == 1
    assert stored(one) == liquidations(one)
    assert one.last_run()["weight"] == one.stats()["weight"]


def test_a_full_page_is_asked_for_in_pieces(lab: Labs) -> None:
    one = unified(lab)
    at = one.now() - 3 * DAY
    tell_orders(one, [margin_order(number, at + number * 10) for number in range(400)])
    done = one("backfill", "--since", "5d")
    assert done.returncode == 0, done.stderr
    assert requested(one) > 2
    assert stored(one) == liquidations(one)
    assert gaps(one) == []


def test_more_flows_in_a_millisecond_than_a_page_shows_leave_a_named_gap_and_the_rest_proven(lab: Labs) -> None:
    one = unified(lab)
    at = one.now() - 3 * DAY
    tell_orders(one, [margin_order(number, at) for number in range(700)])
    tell_orders(one, [margin_order(1_000, at + HOUR)])
    done = one("backfill", "--since", "5d")
    assert done.returncode == 3
    assert "saturated" in done.stderr
    assert {gap["reason"] for gap in gaps(one)} == {"saturated"}
    assert sum((gap["gap_end"] - gap["gap_start"]).total_seconds() for gap in gaps(one)) < 0.02
    assert {row["id"] for row in stored(one) if row["timestamp"] > at + 100} == {
        row["id"] for row in liquidations(one) if row["timestamp"] > at + 100
    }
    assert one("sync").returncode == 0, "the nightly job is not red for ever because of an old hole"


def test_a_failure_is_one_line_and_a_gap_that_the_next_run_closes(lab: Labs) -> None:
    one = unified(lab, orders=200)
    fault(one, "garbage", 3)
    done = one("backfill")
    assert done.returncode == 3
    (line,) = [line for line in done.stderr.splitlines() if "capital flows" in line]
    assert "account main: the capital flows of 6 d" in line
    assert [gap["reason"] for gap in gaps(one)] == ["failed"]
    assert one.gaps() == [], "the orders are proven all the same"
    assert one("sync").returncode == 0
    assert gaps(one) == []
    assert stored(one) == liquidations(one)


def test_an_endpoint_that_refuses_the_account_costs_one_request_and_no_proof_of_orders(lab: Labs) -> None:
    one = unified(lab, orders=200)
    one.tell("faults", [{"kind": "code", "path": FLOWS, "code": -3003, "msg": "Margin account does not exist."}])
    done = one("backfill")
    assert done.returncode == 3
    assert done.stderr.count("-3003") == 1
    assert requested(one) == 1
    assert one.gaps() == []
    assert one.last_run()["status"] == "incomplete"
    assert one("sync").returncode == 3, "as long as the flows are unknown"


def test_a_ban_ends_the_run_and_takes_no_proof_of_orders(lab: Labs) -> None:
    one = unified(lab, orders=200)
    one.tell("faults", [{"kind": "ban", "path": FLOWS, "at": 2, "seconds": 3_600}])
    done = one("backfill", FORCE_ORDERS_PATIENCE_SECONDS="0")
    assert done.returncode == 4
    assert one.gaps() == []
    assert one.watermark()["watermark"] is not None
    assert one.stats()["requests_during_ban"] == 0
    assert len(one.sql("SELECT FROM capital_flow_coverage WHERE proven <> '{}'")) == 1, "nor of the flows read before"


def test_a_run_that_was_killed_keeps_what_it_proved(lab: Labs) -> None:
    one = unified(lab, replace(HIDDEN, latency_ms=20), orders=200)
    process = one.command.start("backfill")
    wait_until(lambda: one.sql("SELECT FROM capital_flow_coverage WHERE proven <> '{}'"))
    process.kill()
    process.communicate()
    one.tell("scenario", {"latency_ms": 0})
    (before,) = one.sql("SELECT upper(proven) - lower(proven) AS width FROM capital_flow_coverage")
    one.tell("reset-stats", {})
    assert one("backfill").returncode == 0
    windows = -(-(90 * 86_400 - before["width"].total_seconds()) // (7 * 86_400))
    assert requested(one) <= windows + 1, "only the rest is asked for"
    assert stored(one) == liquidations(one)
    assert gaps(one) == []


def test_an_exchange_that_leaves_out_a_stored_flow_is_not_believed(lab: Labs) -> None:
    one = unified(lab)
    tell_orders(one, [margin_order(1, one.now() - 2 * HOUR)])
    assert one("backfill").returncode == 0
    one.tell("clock", {"advance_ms": HOUR})
    one.tell("scenario", {"visibility_delay_ms": 6 * HOUR})
    done = one("sync")
    assert done.returncode == 3
    assert "the exchange left out the capital flow" in done.stderr
    assert len(stored(one)) > 0


def test_rows_that_cannot_be_read_are_kept_as_received_and_the_others_are_stored(lab: Labs) -> None:
    one = unified(lab)
    tell_orders(one, [margin_order(1, one.now() - 2 * HOUR)])
    good = liquidations(one)
    unreadable, too_large = good[0] | {"id": 1, "amount": "much"}, good[0] | {"id": 2, "new": "@"}
    page = json.dumps([*good, unreadable, too_large]).replace('"@"', "1e999999")
    one.tell("faults", [{"kind": "status", "status": 200, "body": page, "path": FLOWS, "at": 1}])
    done = one("backfill", "--since", "5d")
    assert done.returncode == 3
    assert stored(one) == good
    assert gaps(one) == []
    (first, second) = one.sql("SELECT market, reason, raw FROM quarantined_orders ORDER BY reason")
    assert {first["market"], second["market"]} == {"capital-flow"}
    assert (first["reason"], first["raw"]) == ("amount is not a decimal", unreadable)
    assert second["reason"].startswith("the database cannot keep it: ")
    assert second["raw"].endswith('"new": 1e999999}'), "as text: it is no jsonb"
    assert one.last_run()["quarantined"] == 2
    listed = one("quarantine", "list")
    assert listed.returncode == 3
    assert "amount is not a decimal" in " ".join(listed.stdout.split())


def test_neither_a_classic_account_nor_a_verification_asks_for_flows(lab: Labs) -> None:
    one = unified(lab)
    assert one("backfill").returncode == 0
    one.tell("reset-stats", {})
    assert one("verify").returncode == 0
    assert requested(one) == 0
    one.tell("accounts", {"portfolio_margin_from_ms": None})
    assert one("sync", FORCE_ORDERS_MARKETS="usdm").returncode == 0
    assert requested(one) == 0
