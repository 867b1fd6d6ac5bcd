"""The fills of an order: they add up to it to the last digit, in every market and shape."""

from collections import Counter
from dataclasses import replace
from decimal import Decimal
from typing import Any, get_args

import pytest

from etl.simulator.accounts import MAIN
from etl.simulator.fills import fills_of
from etl.simulator.history import Generated, Profile
from etl.simulator.markets import COINM, MARKETS, USDM
from etl.simulator.orders import order_from_row
from etl.simulator.scenario import RowShape
from tests.documented import ROWS
from tests.unit.desk import Desk

HISTORY = Generated(Profile("bursty", orders_a_day=12.0), "fills", days=40)
OF_FUTURES = ("usdm", "coinm", "pm-usdm", "pm-coinm")
SUMS = (("qty", "executedQty"), ("quoteQty", "cumQuote"), ("baseQty", "cumBase"))
SHORTEST = {
    "symbol", "id", "orderId", "side", "price", "qty", "realizedPnl",
    "commission", "commissionAsset", "time", "positionSide", "buyer", "maker",
}  # fmt: skip
KEYS = {
    ("usdm", "2026-08"): SHORTEST | {"quoteQty", "baseQty", "marginAsset", "pair"},
    ("usdm", "2025"): SHORTEST | {"quoteQty"},
    ("coinm", "2026-08"): SHORTEST | {"quoteQty", "baseQty", "marginAsset", "pair"},
    ("coinm", "2025"): SHORTEST | {"baseQty", "marginAsset", "pair"},
    ("pm-usdm", "2026-08"): SHORTEST | {"quoteQty"},
    ("pm-usdm", "2025"): SHORTEST | {"quoteQty"},
    ("pm-coinm", "2026-08"): SHORTEST | {"baseQty", "marginAsset", "pair"},
    ("pm-coinm", "2025"): SHORTEST | {"baseQty", "marginAsset", "pair"},
}


def desk_of(market: str, **switches: Any) -> Desk:
    account = replace(MAIN, portfolio_margin_from_ms=0 if market.startswith("pm-") else None)
    return Desk(accounts=(account,), history=dict.fromkeys(("usdm", "coinm"), HISTORY), **switches)


def by_order(fills: list[dict[str, Any]]) -> dict[tuple[str, int], list[dict[str, Any]]]:
    grouped: dict[tuple[str, int], list[dict[str, Any]]] = {}
    for fill in fills:
        grouped.setdefault((fill["symbol"], fill["orderId"]), []).append(fill)
    return grouped


def total(rows: list[dict[str, Any]], key: str) -> Decimal:
    return sum((Decimal(row[key]) for row in rows), Decimal(0))


@pytest.mark.parametrize("shape", get_args(RowShape))
@pytest.mark.parametrize("market", OF_FUTURES)
def test_the_fills_of_every_order_add_up_to_it_exactly(market: str, shape: str) -> None:
    books = desk_of(market, row_shape=shape).sim("books", market=market)
    fills = by_order(books["fills"])
    for order in books["orders"]:
        own = fills.pop((order["symbol"], order["orderId"]), [])
        assert 0 <= len(own) <= 4
        assert bool(own) is (Decimal(order["executedQty"]) > 0)
        for part, whole in SUMS:
            if own and whole in order and part in own[0]:
                assert total(own, part) == Decimal(order[whole]), (order, own)
        assert all(order["time"] <= fill["time"] <= order["updateTime"] for fill in own)
        assert {fill["side"] for fill in own} <= {order["side"]}
        assert {fill["positionSide"] for fill in own} <= {order["positionSide"]}
    assert fills == {}, "each fill has its order"
    assert len(books["fills"]) > 900
    assert {frozenset(fill) for fill in books["fills"]} == {frozenset(KEYS[market, shape])}


@pytest.mark.parametrize("market", ["usdm", "pm-usdm"])
def test_a_fill_is_worth_its_price_times_its_quantity(market: str) -> None:
    fills = desk_of(market).sim("books", market=market)["fills"]
    assert all(Decimal(one["price"]) * Decimal(one["qty"]) == Decimal(one["quoteQty"]) for one in fills)
    prices = [{fill["price"] for fill in some} for some in by_order(fills).values()]
    assert max(map(len, prices)) > 1, "fills of one order have several prices"


def test_the_fills_of_an_order_have_its_average_price() -> None:
    books = desk_of("usdm").sim("books")
    fills = by_order(books["fills"])
    for order in books["orders"]:
        if own := fills.get((order["symbol"], order["orderId"])):
            assert total(own, "quoteQty") / total(own, "qty") == Decimal(order["avgPrice"])


@pytest.mark.parametrize("market", OF_FUTURES)
def test_trade_ids_are_unique_in_a_symbol_and_count_up_with_time(market: str) -> None:
    fills = desk_of(market).sim("books", market=market)["fills"]
    assert max(Counter((one["symbol"], one["id"]) for one in fills).values()) == 1
    for symbol in {one["symbol"] for one in fills}:
        own = [(one["id"], one["time"]) for one in fills if one["symbol"] == symbol]
        assert own == sorted(own, key=lambda pair: pair[0])
        assert [time for _, time in own] == sorted(time for _, time in own)


def test_a_liquidation_is_a_loss_and_an_adl_either() -> None:
    books = desk_of("usdm", own_orders_a_day=0).sim("books")
    words = {(one["symbol"], one["orderId"]): one["clientOrderId"].partition("-")[0] for one in books["orders"]}
    signs: dict[str, set[bool]] = {}
    for fill in books["fills"]:
        signs.setdefault(words[fill["symbol"], fill["orderId"]], set()).add(Decimal(fill["realizedPnl"]) > 0)
    assert signs["autoclose"] == {False}
    assert signs["adl_autoclose"] == {False, True}


@pytest.mark.parametrize(("market", "worth"), [("usdm", "quoteQty"), ("coinm", "baseQty")])
def test_a_fee_is_a_share_of_what_was_traded_in_the_margin_asset(market: str, worth: str) -> None:
    for one in desk_of(market).sim("books", market=market)["fills"]:
        assert one["commissionAsset"] == one["marginAsset"]
        assert abs(Decimal(one["commission"]) - Decimal(one[worth]) * Decimal("0.0005")) < Decimal("0.00000001")
        assert one["buyer"] is (one["side"] == "BUY")


@pytest.mark.parametrize("name", [name for name in ROWS if not name.endswith("margin")])
def test_the_documented_row_has_fills(name: str) -> None:
    row, market = ROWS[name], MARKETS[name.partition(" ")[0]]
    fills = [fill.document(market, "2026-08") for fill in fills_of(order_from_row(row), market)]
    assert total(fills, "qty") == Decimal(row["executedQty"])
    if "cumQuote" in row:
        assert sum((one.quote for one in fills_of(order_from_row(row), market)), Decimal(0)) == Decimal(row["cumQuote"])
    if market.wallet == "coinm":
        assert total(fills, "baseQty") == Decimal(row["cumBase"])


@pytest.mark.parametrize("quote", ["10.9", "10.91320999999", "0", "7"])
def test_fills_add_up_to_what_the_order_says_even_where_it_contradicts_itself(quote: str) -> None:
    rows = [ROWS["usdm"] | {"cumQuote": quote, "executedQty": "0.009", "orderId": number} for number in range(1, 30)]
    for row in rows:
        fills = fills_of(order_from_row(row), USDM)
        assert sum((fill.quote for fill in fills), Decimal(0)) == Decimal(quote)
        assert sum((fill.quantity for fill in fills), Decimal(0)) == Decimal("0.009")


@pytest.mark.parametrize(
    "wrong",
    [
        {"executedQty": "0"},
        {"executedQty": "many"},
        {"executedQty": "NaN"},
        {"executedQty": "Infinity"},
        {"executedQty": "-1"},
        {"executedQty": None},
        {"avgPrice": "0"},
        {"avgPrice": "?"},
        {"cumQuote": []},
        {"price": "?"},
        {"orderId": "x"},
    ],
)
def test_a_row_whose_numbers_cannot_be_read_has_no_fills(wrong: dict[str, Any]) -> None:
    assert fills_of(order_from_row(ROWS["usdm"] | wrong), USDM) == []
    assert fills_of(order_from_row({"time": 1, "symbol": "BTCUSD_PERP", "orderId": 1}), COINM) == []


def test_the_same_order_has_the_same_fills_wherever_it_is_derived() -> None:
    first, again = (desk_of("usdm").sim("books")["fills"] for _ in range(2))
    assert first == again
    desk = desk_of("usdm")
    desk.sim("orders", [ROWS["usdm"]])
    assert [one for one in desk.sim("books")["fills"] if one["time"] > ROWS["usdm"]["updateTime"]] == first
