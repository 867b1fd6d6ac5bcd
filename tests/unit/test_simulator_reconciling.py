"""The traps of a reconciliation: each list can say something else than the others, and each way is a switch."""

import re
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from etl.simulator.accounts import MAIN
from etl.simulator.history import Generated, Profile
from etl.simulator.scenario import DAY_MS, WEEK_MS
from tests.documented import ROW
from tests.unit.desk import FORCE_ORDERS, START, Desk

ALL_ORDERS, TRADES, INCOME = "/fapi/v1/allOrders", "/fapi/v1/userTrades", "/fapi/v1/income"
HISTORY = Generated(Profile("bursty", orders_a_day=12.0), "reconciling", days=40)
AT = START - DAY_MS
BTC: dict[str, Any] = {"symbol": "BTCUSDT"}
UNFILLED: dict[str, Any] = {"status": "EXPIRED", "executedQty": "0", "cumQuote": "0", "avgPrice": "0.00000"}
EXCHANGES_OWN = re.compile(r"autoclose-\d{13}\d{6}")


def order(number: int, at: int = AT, **more: Any) -> dict[str, Any]:
    return ROW | {"orderId": number, "time": at, "updateTime": at + 1} | more


def desk_of(*rows: Any, **switches: Any) -> Desk:
    desk = Desk(**{"own_orders_a_day": 0, **switches})
    desk.sim("orders", list(rows))
    return desk


def ids(rows: list[dict[str, Any]]) -> list[int]:
    return [row["orderId"] for row in rows]


def beside(rows: list[dict[str, Any]], known: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rows of other orders than the known ones."""
    names = {(one["symbol"], one["orderId"]) for one in known}
    return [one for one in rows if (one["symbol"], one["orderId"]) not in names]


def test_orders_without_a_fill_vanish_from_all_orders_after_three_days() -> None:
    rows = [order(days, START - days * DAY_MS - 1, **UNFILLED) for days in range(1, 6)]
    desk = desk_of(*rows, order(9, START - 5 * DAY_MS), order(8, START - 5 * DAY_MS, **UNFILLED | {"status": "NEW"}))
    assert sorted(ids(desk.read(ALL_ORDERS))) == [1, 2, 8, 9]
    assert len(desk.read(FORCE_ORDERS)) == 7
    desk.sim("scenario", {"unfilled_kept_days": 0})
    assert sorted(ids(desk.read(ALL_ORDERS))) == [1, 2, 3, 4, 5, 8, 9]
    desk.sim("scenario", {"unfilled_kept_days": 1})
    assert sorted(ids(desk.read(ALL_ORDERS))) == [8, 9]


@pytest.mark.parametrize(
    ("where", "forced", "listed"),
    [("both", [1, 2], [1, 2]), ("force_orders", [1, 2], [1]), ("all_orders", [1], [1, 2])],
)
def test_a_settlement_can_be_in_one_list_only(where: str, forced: list[int], listed: list[int]) -> None:
    desk = desk_of(order(1), order(2, clientOrderId="settlement_autoclose-1"), settlements_in=where)
    assert ids(desk.read(FORCE_ORDERS)) == ids(desk.sim("history")) == forced
    assert ids(desk.read(ALL_ORDERS)) == listed
    assert {*ids(desk.read(TRADES, **BTC))} == {1, 2}


def test_all_orders_of_fapi_can_need_a_symbol() -> None:
    desk = desk_of(order(1), all_orders_without_symbol="-1102")
    assert desk.refused(ALL_ORDERS) == (400, -1102)
    assert ids(desk.read(ALL_ORDERS, **BTC)) == [1]
    assert desk.read("/dapi/v1/allOrders", pair="BTCUSD") == []


def test_all_orders_can_filter_by_another_time_than_forced_orders() -> None:
    window: dict[str, Any] = {"startTime": AT, "endTime": AT + 10}
    for mine, other in (("time", "updateTime"), ("updateTime", "time")):
        desk = desk_of(
            order(1, updateTime=AT + 50), order(2, AT - 50, updateTime=AT), all_orders_filter=mine, filter_field=other
        )
        expected = {"time": [1], "updateTime": [2]}
        assert ids(desk.read(ALL_ORDERS, **window)) == expected[mine]
        assert ids(desk.read(FORCE_ORDERS, **window)) == expected[other]


def test_forced_orders_can_come_later_than_everything_else() -> None:
    desk = desk_of(order(1, START - 500), visibility_delay_ms=1000)
    assert desk.read(FORCE_ORDERS) == []
    assert ids(desk.read(ALL_ORDERS)) == [1]
    assert desk.read(TRADES, **BTC)
    assert desk.read(INCOME)
    desk.real_ms += 1000
    assert ids(desk.read(FORCE_ORDERS)) == [1]


def test_trades_and_income_can_come_later_than_orders() -> None:
    desk = desk_of(order(1, START - 500), records_delay_ms=1000)
    assert ids(desk.read(FORCE_ORDERS)) == ids(desk.read(ALL_ORDERS)) == [1]
    assert desk.read(TRADES, **BTC) == desk.read(INCOME) == []
    desk.real_ms += 1000
    assert desk.read(TRADES, **BTC)
    assert desk.read(INCOME)


def test_the_future_is_in_no_list() -> None:
    desk = desk_of(order(1, START + 500))
    assert desk.read(ALL_ORDERS) == desk.read(TRADES, **BTC) == desk.read(INCOME) == []
    assert desk.sim("books") == {"orders": [], "fills": [], "income": []}


def test_a_trade_can_be_missing_until_later_while_its_income_is_there() -> None:
    desk = desk_of(order(3), order(4), late_trades_ms=2 * DAY_MS)
    expected = desk.sim("books")["fills"]
    shown = desk.read(TRADES, **BTC)
    late = [one for one in expected if one not in shown]
    assert ids(late) == [3]
    assert str(late[0]["id"]) in {one["tradeId"] for one in desk.read(INCOME)}
    assert sum(Decimal(one["qty"]) for one in shown if one["orderId"] == 3) < Decimal(ROW["executedQty"])
    desk.real_ms += 2 * DAY_MS
    assert desk.read(TRADES, **BTC) == expected


@pytest.mark.parametrize("code", ["-4141", "-1121"])
def test_a_closed_contract_is_refused_by_name_and_listed_nowhere(code: str) -> None:
    rows = [order(number, symbol=symbol) for number, symbol in enumerate(("BTCUSDT", "ETHUSDT", "SOLUSDT"))]
    desk = desk_of(*rows, closed_symbols="ETHUSDT,BTCUSDT", closed_symbol_code=code)
    for path in (ALL_ORDERS, TRADES):
        assert desk.refused(path, symbol="ETHUSDT") == (400, int(code))
        assert ids(desk.read(path, symbol="SOLUSDT"))[:1] == [2]
    assert ids(desk.read(ALL_ORDERS)) == [2]
    assert len(desk.read(FORCE_ORDERS)) == 3
    assert desk.read(INCOME, symbol="BTCUSDT") == []
    assert desk.read(INCOME, symbol="ETHUSDT")


def test_rows_that_cannot_be_read_are_listed_as_they_are_and_have_no_fills() -> None:
    at_ms = START - 5 * DAY_MS
    odd = [{"symbol": 5, "status": []}, "no order", None]
    rows = [{"at_ms": at_ms + number, "row": row} for number, row in enumerate(odd)]
    desk = desk_of(*rows, order(1, AT + 2))
    assert desk.read(ALL_ORDERS) == [*odd, order(1, AT + 2)]
    assert {*ids(desk.read(TRADES, **BTC))} == {1}
    assert ids(desk.read(ALL_ORDERS, **BTC)) == [1]


@pytest.mark.parametrize(("layout", "is_alike"), [("other", False), ("exchange", True)])
def test_an_owner_can_name_orders_like_forced_ones(layout: str, is_alike: bool) -> None:
    desk = Desk(history=HISTORY, own_autoclose_a_day=3, own_autoclose_layout=layout)
    forced, listed = desk.sim("history"), desk.sim("books")["orders"]
    own = beside(listed, forced)
    posing = [one for one in own if one["clientOrderId"].startswith("autoclose-")]
    assert len(posing) > 250
    assert {bool(EXCHANGES_OWN.fullmatch(one["clientOrderId"])) for one in posing} == {is_alike}
    assert {one["timeInForce"] for one in posing} == {"GTC"}
    assert all(re.fullmatch(r"[.A-Z:/a-z0-9_-]{1,36}", one["clientOrderId"]) for one in own)
    trades = {str(one["id"]) for one in desk.sim("books")["fills"] if one["orderId"] in {*ids(posing)}}
    cleared = {one["tradeId"] for one in desk.sim("books")["income"] if one["incomeType"] == "INSURANCE_CLEAR"}
    assert not trades & cleared


def test_the_owners_orders_are_some_a_day_and_change_no_history() -> None:
    quiet, busy = (Desk(history=HISTORY, own_orders_a_day=number) for number in (0, 5))
    assert quiet.sim("history") == busy.sim("history") == quiet.sim("books")["orders"]
    own = beside(busy.sim("books")["orders"], busy.sim("history"))
    week = [one for one in own if START - WEEK_MS <= one["time"] < START and one["updateTime"] < START]
    assert 30 <= len(week) <= 35
    assert {one["status"] for one in own} == {"FILLED", "CANCELED"}
    assert {re.split("[_-]", one["clientOrderId"])[0] for one in own} == {"web", "x", "ios", "electron"}


def test_the_owners_orders_count_on_as_ids_do_and_collide_with_none() -> None:
    orders = Desk(history=HISTORY, order_id_offset=8_389_766_251_307_928_000).sim("books")["orders"]
    assert len({(one["symbol"], one["orderId"]) for one in orders}) == len(orders)
    assert min(ids(orders)) > 8_389_766_251_307_928_000
    first = Desk().sim("books")["orders"][-1]
    desk = desk_of(order(first["orderId"], symbol=first["symbol"]), own_orders_a_day=2)
    alike = [one for one in desk.sim("books")["orders"] if one["orderId"] == first["orderId"]]
    assert [one["clientOrderId"] for one in alike] == [ROW["clientOrderId"]]


def test_an_owner_trades_on_while_the_clock_runs() -> None:
    desk = Desk(history=HISTORY)
    before = desk.sim("books")
    desk.real_ms += 3 * DAY_MS
    after = desk.sim("books")
    for key, rows in before.items():
        assert after[key][: len(rows)] == rows
        assert after[key][-1]["time"] > START + DAY_MS


def test_a_lost_order_is_missing_from_forced_orders_alone() -> None:
    desk = desk_of(order(1), order(2), order(2, symbol="ETHUSDT"))
    assert desk.sim("lose", {"symbol": "BTCUSDT", "orderId": 2}) == {"lost": 1}
    assert [(one["symbol"], one["orderId"]) for one in desk.read(FORCE_ORDERS)] == [("BTCUSDT", 1), ("ETHUSDT", 2)]
    assert desk.sim("history") == desk.read(FORCE_ORDERS)
    assert ids(desk.sim("history", lost="true")) == ids(desk.read(ALL_ORDERS)) == [1, 2, 2]
    assert {*ids(desk.read(TRADES, **BTC))} == {1, 2}
    desk.sim("orders", [order(3, AT + 5)])
    assert ids(desk.read(FORCE_ORDERS, **BTC)) == [1, 3]


def test_what_is_lost_must_exist_and_be_named() -> None:
    desk = desk_of(order(1))
    assert "no forced order 7 of BTCUSDT" in desk.sim("lose", {"symbol": "BTCUSDT", "orderId": 7}, 400)["error"]
    assert "what is lost is" in desk.sim("lose", {"orderId": 1}, 400)["error"]


def test_an_order_is_lost_in_its_market_only() -> None:
    account = replace(MAIN, portfolio_margin_from_ms=0)
    desk = Desk(accounts=(account,), own_orders_a_day=0)
    desk.sim("orders", [order(1)])
    desk.sim("lose", {"symbol": "BTCUSDT", "orderId": 1}, market="pm-usdm")
    assert desk.read("/papi/v1/um/forceOrders", account) == []
    assert ids(desk.read("/papi/v1/um/allOrders", account, **BTC)) == [1]
    assert "no forced order" in desk.sim("lose", {"symbol": "BTCUSDT", "orderId": 1}, 400)["error"]


def test_a_later_version_of_an_order_brings_its_fills() -> None:
    desk = desk_of(order(1, **UNFILLED | {"status": "NEW"}))
    assert desk.read(TRADES, **BTC) == []
    desk.sim("orders", [order(1, updateTime=AT + 40)])
    fills = desk.read(TRADES, **BTC)
    assert sum(Decimal(one["qty"]) for one in fills) == Decimal(ROW["executedQty"])
    assert ids(desk.read(ALL_ORDERS)) == [1]
