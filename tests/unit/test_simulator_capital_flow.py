"""Capital flows: what liquidations in margin move, and the only trace of those that leave no order."""

from collections import Counter
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from etl.simulator.accounts import MAIN
from etl.simulator.history import Generated, Profile
from etl.simulator.scenario import DAY_MS, WEEK_MS
from tests.unit.desk import START, Desk

FLOWS = "/sapi/v1/margin/capital-flow"
HOLDER = replace(MAIN, wallets=("usdm", "coinm", "margin"))
UNIFIED = replace(HOLDER, portfolio_margin_from_ms=0)
AT = START - DAY_MS
BURSTY = Generated(Profile("bursty", orders_a_day=20.0), "flows", days=40)
MARKETS = {"pm-usdm": "um", "pm-coinm": "cm", "pm-margin": "margin"}
LIQUIDATIONS = {"BUY_LIQUIDATION", "SELL_LIQUIDATION", "REPAY_LIQUIDATION", "OTHER_LIQUIDATION", "LIQUIDATION_FEE"}


def order(number: int = 1, at: int = AT, side: str = "SELL", isolated: bool = False) -> dict[str, Any]:
    return {
        "avgPrice": "0.004",
        "executedQty": "30",
        "orderId": number,
        "side": side,
        "symbol": "BNBBTC",
        "isIsolated": isolated,
        "updatedTime": at,
    }


def desk_of(*rows: Any, **switches: Any) -> Desk:
    desk = Desk(accounts=(HOLDER,), **switches)
    desk.sim("orders", list(rows), market="margin")
    return desk


def unified(**switches: Any) -> Desk:
    return Desk(accounts=(UNIFIED,), history=dict.fromkeys(("usdm", "coinm", "margin"), BURSTY), **switches)


def test_a_sale_moves_both_assets_and_costs_a_fee() -> None:
    rows = desk_of(order()).read(FLOWS)
    assert [(one["type"], one["asset"], one["amount"], one["timestamp"] - AT) for one in rows] == [
        ("TRANSFER", "BTC", "0.03", -3_600_000),
        ("BORROW", "BTC", "0.12", -1_800_000),
        ("SELL_LIQUIDATION", "BNB", "-30", 0),
        ("SELL_LIQUIDATION", "BTC", "0.12", 0),
        ("LIQUIDATION_FEE", "BTC", "-0.0006", 1),
        ("REPAY_LIQUIDATION", "BTC", "-0.12", 2),
    ]
    assert {*rows[0]} == {"id", "tranId", "timestamp", "asset", "symbol", "type", "amount"}
    assert {one["symbol"] for one in rows} == {"BNBBTC"}
    assert [one["id"] for one in rows] == sorted({one["id"] for one in rows})


def test_a_purchase_moves_them_the_other_way() -> None:
    rows = desk_of(order(side="BUY")).read(FLOWS, type="BUY_LIQUIDATION")
    assert [(one["asset"], one["amount"]) for one in rows] == [("BNB", "30"), ("BTC", "-0.12")]


def test_an_id_stays_when_an_earlier_order_becomes_known() -> None:
    desk = desk_of(order())
    before = desk.read(FLOWS)
    desk.sim("orders", [order(2, AT - 500)], market="margin")
    after = {one["id"]: one for one in desk.read(FLOWS)}
    assert [after[one["id"]] for one in before] == before


def test_flows_are_selected_by_asset_type_and_isolated_pair() -> None:
    desk = desk_of(order(), order(2, isolated=True))
    assert {one["asset"] for one in desk.read(FLOWS, asset="BNB")} == {"BNB"}
    assert len(desk.read(FLOWS, type="LIQUIDATION_FEE")) == 1
    assert len(desk.read(FLOWS, symbol="BNBBTC")) == len(desk.read(FLOWS)) == 6


def test_a_page_holds_the_latest_and_from_an_id_the_first_after_it() -> None:
    desk = desk_of(*(order(number, AT + number * 10) for number in range(1, 301)))
    everything = desk.sim("capital-flows")
    assert len(everything) > 1_500
    assert desk.read(FLOWS) == everything[-500:]
    assert desk.read(FLOWS, limit=5000) == everything[-1000:]
    assert desk.read(FLOWS, fromId=everything[9]["id"], limit=3) == everything[10:13]
    walked: list[Any] = []
    while page := desk.read(FLOWS, fromId=walked[-1]["id"] if walked else 0, limit=1000):
        walked += page
    assert walked == everything


@pytest.mark.parametrize(
    ("window", "expected"),
    [
        ({}, 1),
        ({"startTime": START - 9 * DAY_MS}, 2),
        ({"endTime": START - 7 * DAY_MS}, 2),
        ({"startTime": START - 9 * DAY_MS, "endTime": START - 7 * DAY_MS}, 2),
        ({"startTime": START - WEEK_MS, "endTime": START}, 1),
    ],
)
def test_the_window_is_a_week_at_most_and_the_last_by_default(window: dict[str, Any], expected: int) -> None:
    desk = desk_of(order(), order(2, START - 8 * DAY_MS))
    (fee,) = desk.read(FLOWS, type="LIQUIDATION_FEE", **window)
    assert fee["timestamp"] == {1: AT, 2: START - 8 * DAY_MS}[expected] + 1


def test_a_longer_window_is_refused_and_an_older_one_is_empty() -> None:
    desk = desk_of(order(at=START - 95 * DAY_MS))
    assert desk.refused(FLOWS, startTime=START - WEEK_MS - 1, endTime=START) == (400, -1127)
    assert desk.read(FLOWS, startTime=START - 96 * DAY_MS, endTime=START - 94 * DAY_MS) == []


def test_an_account_without_margin_has_no_flows() -> None:
    assert Desk().refused(FLOWS) == (400, -3003)


def test_an_order_that_was_not_filled_moves_nothing() -> None:
    assert desk_of(order() | {"executedQty": "0"}, {"at_ms": AT, "row": "no order"}).read(FLOWS) == []


@pytest.mark.parametrize(
    ("hidden", "left"),
    [
        ("none", {"pm-usdm", "pm-coinm", "pm-margin"}),
        ("margin", {"pm-usdm", "pm-coinm"}),
        ("all", set[str]()),
    ],
)
def test_liquidations_can_leave_no_order_and_only_flows(hidden: str, left: set[str]) -> None:
    desk = unified(risk_based_liquidations=hidden)
    shown = {name: desk.sim("history", market=name) for name in MARKETS}
    liquidated = {
        name
        for name, rows in shown.items()
        if any(one.get("clientOrderId", "autoclose-").startswith("autoclose-") for one in rows)
    }
    assert liquidated == left
    assert any(one["clientOrderId"] == "adl_autoclose" for one in shown["pm-usdm"]), "an ADL is an order all the same"
    assert desk.read("/papi/v1/margin/forceOrders")["total"] == 0 or hidden == "none"
    kinds = Counter(one["type"] for one in desk.sim("capital-flows"))
    assert kinds.keys() == LIQUIDATIONS | {"TRANSFER", "BORROW"}


def test_the_flows_of_margin_are_the_same_whether_or_not_orders_are_shown() -> None:
    assert unified().sim("capital-flows") == unified(risk_based_liquidations="margin").sim("capital-flows")


def test_futures_that_left_no_order_show_what_they_lost_in_their_margin_asset() -> None:
    margin, everything = (unified(risk_based_liquidations=one).sim("capital-flows") for one in ("margin", "all"))
    lost = [one for one in everything if one["symbol"].endswith("_PERP")]
    assert len(everything) > len(margin)
    assert {one["type"] for one in lost} == {"OTHER_LIQUIDATION"}
    assert {(one["symbol"], one["asset"]) for one in lost} >= {("BTCUSD_PERP", "BTC"), ("ETHUSD_PERP", "ETH")}
    assert all(Decimal(one["amount"]) < 0 for one in lost)


def test_a_classic_accounts_liquidations_always_leave_orders() -> None:
    desk = desk_of(order(), risk_based_liquidations="all")
    assert desk.read("/sapi/v1/margin/forceLiquidationRec")["total"] == 1
