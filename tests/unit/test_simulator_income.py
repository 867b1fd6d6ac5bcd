"""Income: what fills realized and cost, the clearance of liquidations, funding and transfers, as each API writes it."""

from collections import Counter
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from etl.simulator.accounts import MAIN
from etl.simulator.history import Generated, Profile
from etl.simulator.scenario import DAY_MS
from tests.documented import ROW
from tests.unit.desk import START, Desk

HISTORY = Generated(Profile("bursty", orders_a_day=12.0), "income", days=40)
OF_FUTURES = ("usdm", "coinm", "pm-usdm", "pm-coinm")
AT = START - DAY_MS


def desk_of(market: str = "usdm", **switches: Any) -> Desk:
    account = replace(MAIN, portfolio_margin_from_ms=0 if market.startswith("pm-") else None)
    return Desk(accounts=(account,), history=dict.fromkeys(("usdm", "coinm"), HISTORY), **switches)


def books_of(market: str = "usdm", **switches: Any) -> dict[str, list[dict[str, Any]]]:
    books: dict[str, list[dict[str, Any]]] = desk_of(market, **switches).sim("books", market=market)
    return books


def forced(number: int, **more: Any) -> dict[str, Any]:
    return ROW | {"orderId": number, "time": AT, "updateTime": AT + 9} | more


def income_of(*rows: dict[str, Any], **switches: Any) -> list[dict[str, Any]]:
    desk = Desk(own_orders_a_day=0, **switches)
    desk.sim("orders", list(rows))
    found: list[dict[str, Any]] = desk.read("/fapi/v1/income", limit=1000)
    return found


@pytest.mark.parametrize("market", OF_FUTURES)
def test_each_fill_has_what_it_realized_and_cost_under_its_trade_id(market: str) -> None:
    books = books_of(market)
    moved = {
        (one["symbol"], one["tradeId"], one["incomeType"]): Decimal(one["income"])
        for one in books["income"]
        if one["incomeType"] in ("REALIZED_PNL", "COMMISSION")
    }
    for fill in books["fills"]:
        name = fill["symbol"], str(fill["id"])
        assert moved.pop((*name, "COMMISSION")) == -Decimal(fill["commission"])
        assert moved.pop((*name, "REALIZED_PNL"), Decimal(0)) == Decimal(fill["realizedPnl"])
    assert moved == {}


@pytest.mark.parametrize(("market", "kind"), [("usdm", int), ("coinm", str), ("pm-usdm", str), ("pm-coinm", str)])
def test_fapi_alone_writes_the_transaction_as_a_number(market: str, kind: type) -> None:
    rows = books_of(market)["income"]
    assert {type(one["tranId"]) for one in rows} == {kind}
    assert {frozenset(one) for one in rows} == {
        frozenset({"symbol", "incomeType", "income", "asset", "time", "info", "tranId", "tradeId"})
    }
    assert [one["time"] for one in rows] == sorted(one["time"] for one in rows)


def test_a_transaction_is_unique_in_its_type_but_transfers_without_one_repeat() -> None:
    rows = books_of()["income"]
    counts = Counter((one["incomeType"], one["tranId"]) for one in rows)
    assert {name for name, count in counts.items() if count > 1} == {("TRANSFER", 0)}
    repeated = Counter(str(one) for one in rows)
    assert max(repeated.values()) == 2, "two rows that cannot be distinguished"
    assert counts["TRANSFER", 0] < sum(one["incomeType"] == "TRANSFER" for one in rows)


def test_every_transaction_can_be_zero() -> None:
    assert {one["tranId"] for one in books_of(income_tran_id="0")["income"]} == {0}
    assert {one["tranId"] for one in books_of("coinm", income_tran_id="0")["income"]} == {"0"}


def test_a_liquidation_is_cleared_and_an_adl_or_a_settlement_is_not() -> None:
    rows = income_of(
        forced(2),
        forced(4, clientOrderId="adl_autoclose"),
        forced(6, clientOrderId="settlement_autoclose-1"),
    )
    (cleared,) = [one for one in rows if one["incomeType"] == "INSURANCE_CLEAR"]
    assert Decimal(cleared["income"]) < 0
    assert (cleared["symbol"], cleared["asset"], cleared["time"]) == ("BTCUSDT", "USDT", AT + 9)
    fills = {one["tradeId"] for one in rows if one["incomeType"] == "COMMISSION"}
    assert cleared["tradeId"] in fills


def test_some_liquidations_without_a_fill_are_cleared_too() -> None:
    rows = income_of(*(forced(number, status="EXPIRED", executedQty="0", cumQuote="0") for number in range(10)))
    assert [one["incomeType"] for one in rows] == ["INSURANCE_CLEAR"] * 4
    assert {one["tradeId"] for one in rows} == {""}


def test_a_clearance_can_name_no_trade() -> None:
    rows = income_of(forced(2), clearance_trade_id=False)
    assert {one["tradeId"] for one in rows if one["incomeType"] == "INSURANCE_CLEAR"} == {""}


def test_fees_can_be_paid_in_bnb_where_the_exchange_allows_it() -> None:
    linear, coin = (books_of(market, fee_in_bnb=True) for market in ("usdm", "coinm"))
    assert {one["commissionAsset"] for one in linear["fills"]} == {"BNB"}
    assert {one["asset"] for one in linear["income"] if one["incomeType"] == "COMMISSION"} == {"BNB"}
    assert "BNB" not in {one["asset"] for one in linear["income"] if one["incomeType"] == "REALIZED_PNL"}
    assert "BNB" not in {one["commissionAsset"] for one in coin["fills"]}
    for one in linear["fills"]:
        assert Decimal("0.3") < Decimal(one["commission"]) * 640 / (Decimal(one["quoteQty"]) * Decimal("0.0005")) < 3


def test_the_switch_of_fees_holds_for_what_was_derived_before() -> None:
    desk = desk_of()
    assert "BNB" not in {one["commissionAsset"] for one in desk.sim("books")["fills"]}
    desk.sim("scenario", {"fee_in_bnb": True})
    assert {one["commissionAsset"] for one in desk.sim("books")["fills"]} == {"BNB"}


def test_income_is_selected_by_type_and_symbol() -> None:
    desk = desk_of()
    assert {one["incomeType"] for one in desk.read("/fapi/v1/income", incomeType="FUNDING_FEE")} == {"FUNDING_FEE"}
    assert {one["symbol"] for one in desk.read("/fapi/v1/income", symbol="ETHUSDT")} == {"ETHUSDT"}
    assert {one["symbol"] for one in desk.read("/fapi/v1/income", incomeType="TRANSFER")} == {""}
    assert desk.read("/fapi/v1/income", incomeType="WELCOME_BONUS") == []


def test_an_owner_who_does_nothing_has_the_income_of_forced_orders_alone() -> None:
    assert Desk(own_orders_a_day=0).sim("books") == {"orders": [], "fills": [], "income": []}
    kinds = {one["incomeType"] for one in books_of(own_orders_a_day=0)["income"]}
    assert kinds == {"REALIZED_PNL", "COMMISSION", "INSURANCE_CLEAR"}


def test_a_liquidation_that_left_no_order_leaves_its_clearance() -> None:
    books = books_of("pm-usdm", risk_based_liquidations="all", own_orders_a_day=0)
    words = {one["clientOrderId"].partition("-")[0] for one in books["orders"]}
    assert words == {"adl_autoclose", "settlement_autoclose"}
    cleared = [one for one in books["income"] if one["incomeType"] == "INSURANCE_CLEAR"]
    assert len(cleared) > 100
    assert {one["tradeId"] for one in cleared} == {""}
