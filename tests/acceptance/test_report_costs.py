"""What liquidations cost: the view report_costs beside the simulator's own books, to the digit."""

import json
from collections import defaultdict
from collections.abc import Iterable
from decimal import Decimal
from typing import Any

import pytest
import requests

from etl.simulator.scenario import Scenario
from tests.acceptance.lab import DAY, HOUR, Lab, Labs, order_row
from tests.acceptance.market_tables import LONG, account_of, histories

NIGHT = {"FORCE_ORDERS_COST_WEIGHT": "1000000"}
FUTURES = ("usdm", "coinm", "pm-usdm", "pm-coinm")

Sums = dict[str, Decimal]


def books(lab: Lab, market: str) -> dict[str, list[dict[str, Any]]]:
    answer = requests.get(f"{lab.simulator.url}/sim/books?market={market}", timeout=30)
    found: dict[str, list[dict[str, Any]]] = json.loads(answer.content)
    return found


def total(amounts: Iterable[tuple[str, str]]) -> Sums:
    sums: Sums = defaultdict(Decimal)
    for asset, amount in amounts:
        sums[asset] += Decimal(amount)
    return {asset: amount for asset, amount in sums.items() if amount}


def expected(lab: Lab, market: str) -> Sums:
    """What the forced orders changed in the wallet, by asset, from the exchange's own books."""
    rows = lab.sql(f"SELECT symbol, order_id, margin_asset FROM report_force_orders WHERE market = '{market}'")
    forced = {(row["symbol"], row["order_id"]): row["margin_asset"] for row in rows}
    own = books(lab, market)
    fills = [one for one in own["fills"] if (one["symbol"], one["orderId"]) in forced]
    fees = [one for one in own["income"] if one["incomeType"] == "INSURANCE_CLEAR"]
    return total(
        [
            *((forced[one["symbol"], one["orderId"]], one["realizedPnl"]) for one in fills),
            *((one["commissionAsset"], str(-Decimal(one["commission"]))) for one in fills),
            *((one["asset"], one["income"]) for one in fees),
        ]
    )


def reported(lab: Lab, where: str = "true") -> Sums:
    rows = lab.sql(f"SELECT asset, sum(total)::text AS total FROM report_costs WHERE {where} GROUP BY asset")
    return total((row["asset"], row["total"]) for row in rows if row["total"] is not None)


def market_of(lab: Labs, market: str, **switches: Any) -> Lab:
    made = lab(Scenario(**switches), (account_of(market),), histories=histories(LONG))
    made.command.environment.update({"FORCE_ORDERS_MARKETS": market, **NIGHT})
    return made


@pytest.mark.parametrize("market", FUTURES)
def test_the_costs_of_a_market_are_those_of_the_exchange_s_books(lab: Labs, market: str) -> None:
    made = market_of(lab, market)
    done = made("sync")
    assert (done.returncode, done.stderr) == (0, "")
    assert reported(made) == expected(made, market)
    assert made.sql("SELECT FROM cost_gaps") == []
    assert made.sql("SELECT DISTINCT is_complete FROM report_costs") == [{"is_complete": True}]
    keys = made.sql("SELECT DISTINCT symbol, order_id FROM report_costs WHERE order_id IS NOT NULL")
    assert len(keys) == len(made.sql("SELECT FROM force_orders")) > 50


@pytest.mark.parametrize(
    "switches",
    [
        pytest.param({"fee_in_bnb": True}, id="commission in BNB"),
        pytest.param({"income_tran_id": "0"}, id="tran_id 0"),
        pytest.param({"clearance_trade_id": False}, id="fees without trade"),
    ],
)
def test_the_sums_are_the_same_whatever_the_rows_look_like(lab: Labs, switches: dict[str, Any]) -> None:
    made = market_of(lab, "usdm", **switches)
    assert made("sync").returncode == 0
    assert reported(made) == expected(made, "usdm")
    attributed = made.sql("SELECT order_id FROM report_costs WHERE is_attributed")
    fees = [one for one in books(made, "usdm")["income"] if one["incomeType"] == "INSURANCE_CLEAR"]
    assert len(attributed) == sum(not one["tradeId"] for one in fees) > 0
    assert {row["order_id"] for row in attributed} == {None}, "a fee that is only near an order is no fact of it"


def test_each_order_has_what_its_own_fills_say(lab: Labs) -> None:
    made = market_of(lab, "usdm")
    assert made("sync").returncode == 0
    fills = books(made, "usdm")["fills"]
    rows = made.sql("SELECT * FROM report_costs WHERE order_id IS NOT NULL")
    for row in rows:
        own = [one for one in fills if (one["symbol"], one["orderId"]) == (row["symbol"], row["order_id"])]
        assert row["realized_pnl"] == sum(Decimal(one["realizedPnl"]) for one in own)
        assert row["commission"] == -sum(Decimal(one["commission"]) for one in own)
        assert row["total"] == row["realized_pnl"] + row["commission"] + row["clearance_fee"]


def test_what_is_not_read_is_no_zero_and_says_why(lab: Labs) -> None:
    made = market_of(lab, "usdm")
    assert made("backfill").returncode == 0
    rows = made.sql("SELECT * FROM report_costs")
    filled = [row for row in rows if "fills not read" in (row["incomplete_because"] or "")]
    assert len(filled) == len(made.sql("SELECT FROM force_orders WHERE executed_qty > 0")) > 50
    assert {row["total"] for row in filled} == {None}
    assert {row["is_complete"] for row in filled} == {False}
    reasons = made.sql("SELECT DISTINCT what, reason FROM cost_gaps")
    assert reasons == [{"what": "fills", "reason": "not_read"}]


def test_fills_that_were_not_read_in_time_are_named(lab: Labs) -> None:
    made = market_of(lab, "usdm")
    made.tell("orders", [order_row("BTCUSDT", 7, made.now() - 85 * DAY)])
    assert made("backfill").returncode == 0
    then = "now() - interval '100 days'"
    made.sql(f"UPDATE force_orders SET order_time = {then}, update_time = {then} WHERE order_id = 7 RETURNING 1")
    (gap,) = made.sql("SELECT what, reason FROM cost_gaps WHERE order_id = 7")
    assert gap == {"what": "fills", "reason": "beyond_retention"}


def test_margin_orders_say_that_their_costs_are_not_available(lab: Labs) -> None:
    made = market_of(lab, "margin")
    assert made("sync").returncode == 0
    assert {row["reason"] for row in made.sql("SELECT reason FROM cost_gaps")} == {"not_available"}


def test_a_fee_far_from_every_order_is_named_and_never_given_to_one(lab: Labs) -> None:
    made = market_of(lab, "usdm", risk_based_liquidations="none")
    made.tell("orders", [order_row("BTCUSDT", 7, made.now() - 2 * HOUR)])
    assert made("sync").returncode == 0
    made.sql("DELETE FROM force_order_fills WHERE order_id = 7 RETURNING 1")
    made.sql("DELETE FROM force_orders WHERE order_id = 7 RETURNING 1")
    rows = made.sql("SELECT * FROM report_costs WHERE order_time IS NULL")
    assert [(row["order_id"], row["is_complete"]) for row in rows] == [(None, False)]
    assert rows[0]["incomplete_because"] == "no force order of this symbol within a minute"
    assert rows[0]["clearance_fee"] < 0


def test_a_night_with_ten_new_orders_costs_less_than_two_hundred(lab: Labs) -> None:
    made = lab(histories={"main": {}})
    made.command.environment["FORCE_ORDERS_MARKETS"] = "usdm"
    assert made("backfill").returncode == 0
    assert made("sync", FORCE_ORDERS_COST_WEIGHT="3000").returncode == 0
    start = made.now() - 5 * HOUR
    made.tell("orders", [order_row(f"{name}USDT", 1, start + 60_000 * place) for place, name in enumerate(SYMBOLS)])
    whole = {"COST_WEIGHT": "3000", "RECONCILE_DAYS": "7", "AUDIT_WINDOWS": "2"}
    done = made("sync", **{f"FORCE_ORDERS_{name}": value for name, value in whole.items()})
    assert (done.returncode, done.stderr) == (0, "")
    run = made.last_run()
    assert (run["inserted"], made.sql("SELECT count(*) FROM fill_checks")[0]["count"]) == (10, 10)
    assert run["weight"] < 200


SYMBOLS = ("BTC", "ETH", "SOL", "XRP", "DOGE", "ADA", "BNB", "LTC", "DOT", "AVAX")
