"""allOrders, userTrades and income: what a page holds."""

from dataclasses import replace
from typing import Any

import pytest

from etl.simulator.history import Generated, Profile
from etl.simulator.scenario import DAY_MS, WEEK_MS
from tests.unit.desk import START, Desk
from tests.unit.recording import (
    AT,
    CLASSIC,
    CM,
    DAPI,
    FAPI,
    LISTS,
    MARKET,
    NAMED,
    PAIR,
    SYMBOL,
    UM,
    Params,
    account_of,
    desk_of,
    ids,
    order,
)

BURSTY = Generated(Profile("bursty", orders_a_day=20.0), "records", days=40)


def generated(api: str, **switches: Any) -> Desk:
    return Desk(accounts=(account_of(api),), history=dict.fromkeys(("usdm", "coinm"), BURSTY), **switches)


@pytest.mark.parametrize("api", MARKET)
def test_all_orders_shows_forced_orders_as_their_own_list_does_and_the_owners_beside_them(api: str) -> None:
    desk = generated(api)
    account, named = account_of(api), NAMED[api]
    forced = desk.read(f"{api}/forceOrders", account, limit=100, **named)
    listed = desk.read(f"{api}/allOrders", account, limit=100, **named)
    assert forced
    unfilled = [one for one in forced if one["executedQty"] == "0" and one["time"] < START - 3 * DAY_MS]
    assert [one for one in forced if one not in listed] == unfilled
    own = [one for one in listed if one not in forced]
    assert own
    assert not any(one["clientOrderId"].startswith("autoclose-") for one in own)
    assert len({(one["symbol"], one["orderId"]) for one in listed}) == len(listed)
    assert [one["time"] for one in listed] == sorted(one["time"] for one in listed)
    assert {frozenset(one) for one in own} <= {frozenset(one) for one in desk.sim("history", market=MARKET[api])}


@pytest.mark.parametrize("api", MARKET)
def test_every_list_shows_what_the_books_say(api: str) -> None:
    desk, account = generated(api, unfilled_kept_days=0, weight_limit=10**6, papi_weight_limit=10**6), account_of(api)
    books = desk.sim("books", market=MARKET[api])
    orders, fills, income = (list[Any]() for _ in range(3))
    for symbol in {one["symbol"] for one in books["orders"]}:
        for day in range(30, 0, -1):
            window: Params = {"startTime": START - day * DAY_MS, "endTime": START - (day - 1) * DAY_MS - 1}
            asked: dict[str, Any] = {"symbol": symbol, "limit": 100, **window}
            orders += desk.read(f"{api}/allOrders", account, **asked)
            fills += desk.read(f"{api}/userTrades", account, **asked | {"limit": 1000})
    for day in range(30, 0, -1):
        window = {"startTime": START - day * DAY_MS, "endTime": START - (day - 1) * DAY_MS - 1}
        income += desk.read(f"{api}/income", account, limit=1000, **window)
    span = (START - 30 * DAY_MS, START - 1)
    for shown, key in ((orders, "orders"), (fills, "fills"), (income, "income")):
        expected = [one for one in books[key] if span[0] <= one["time"] <= span[1]]
        assert sorted(map(str, shown)) == sorted(map(str, expected))
        assert len(shown) > 50


def test_a_full_page_of_all_orders_has_the_latest_and_from_an_id_on_the_first_by_id() -> None:
    desk = desk_of(*(order(1000 - number, AT + number) for number in range(700)))
    assert ids(desk.read(f"{FAPI}/allOrders")) == [1000 - number for number in range(200, 700)]
    assert len(desk.read(f"{FAPI}/allOrders", limit=1000)) == 700
    assert ids(desk.read(f"{FAPI}/allOrders", limit=3)) == [303, 302, 301]
    assert ids(desk.read(f"{FAPI}/allOrders", orderId=400, limit=3)) == [400, 401, 402]


def test_a_full_page_of_trades_has_the_oldest_and_from_an_id_on_the_first_after_it() -> None:
    desk = desk_of(*(order(number, AT + number) for number in range(1, 601)))
    assert [one["orderId"] for one in desk.read(f"{FAPI}/userTrades", **SYMBOL)] == [*range(1, 501)]
    everything = desk.sim("books")["fills"]
    assert desk.read(f"{FAPI}/userTrades", **SYMBOL, limit=1000) == everything
    assert desk.read(f"{FAPI}/userTrades", **SYMBOL, limit=2, fromId=everything[9]["id"]) == everything[9:11]
    assert desk.read(f"{FAPI}/userTrades", **SYMBOL, orderId=77) == [everything[76]]
    newest = desk_of(*(order(number, AT + number) for number in range(1, 601)), trades_kept="newest")
    assert newest.read(f"{FAPI}/userTrades", **SYMBOL, limit=2) == everything[-2:]
    assert newest.read(f"{FAPI}/userTrades", **SYMBOL, limit=2, fromId=0) == everything[:2]


def test_a_full_page_of_income_has_the_oldest() -> None:
    desk = desk_of(*(order(number, AT + number) for number in range(1, 501)))
    everything = desk.sim("books")["income"]
    assert len(everything) == 1500
    assert desk.read(f"{FAPI}/income") == everything[:100]
    assert desk.read(f"{FAPI}/income", limit=5000) == everything[:1000]


@pytest.mark.parametrize(
    ("path", "default", "most"),
    [
        (f"{DAPI}/allOrders", 50, 100),
        (f"{DAPI}/userTrades", 50, 1000),
        (f"{CM}/allOrders", 50, 100),
        (f"{CM}/userTrades", 50, 1000),
        (f"{UM}/allOrders", 500, 1000),
        (f"{UM}/userTrades", 500, 1000),
    ],
)
def test_each_list_has_its_own_limits(path: str, default: int, most: int) -> None:
    api = path.rpartition("/")[0]
    account, coin = account_of(api), api in (DAPI, CM)
    row = {"symbol": "BTCUSD_PERP", "cumBase": "0.1", "cumQuote": "1000", "avgPrice": "10000"} if coin else {}
    desk = Desk(accounts=(account,), own_orders_a_day=0)
    rows = [order(number, AT + number, **row) for number in range(1, 1102)]
    desk.sim("orders", rows, market=MARKET[api])
    window: Params = {"startTime": AT, "endTime": AT + 5000}
    assert len(desk.read(path, account, **NAMED[api], **window)) == default
    assert len(desk.read(path, account, **NAMED[api], **window, limit=1001)) == most
    assert desk.refused(path, account, **NAMED[api], limit=0) == (400, -1130)


def test_both_ends_of_a_window_match() -> None:
    desk = desk_of(order(1), order(2, AT + 1), order(3, AT + 2))
    window: Params = {"startTime": AT, "endTime": AT + 2}
    assert ids(desk.read(f"{FAPI}/allOrders", **window)) == [1, 2, 3]
    (time,) = {one["time"] for one in desk.sim("books")["fills"] if one["orderId"] == 2}
    assert 2 in ids(desk.read(f"{FAPI}/userTrades", **SYMBOL, startTime=time, endTime=time))
    at = desk.sim("books")["income"][-1]["time"]
    assert desk.read(f"{FAPI}/income", startTime=at, endTime=at)


@pytest.mark.parametrize(("api", "name"), LISTS)
def test_without_times_the_last_week_is_shown(api: str, name: str) -> None:
    days = {(CM, "userTrades"): 1, (CM, "income"): 200}.get((api, name), 7)
    desk, account = generated(api, unfilled_kept_days=0), account_of(api)
    times = [one["time"] for one in desk.read(f"{api}/{name}", account, **NAMED[api])]
    assert times
    assert min(times) >= START - days * DAY_MS


@pytest.mark.parametrize("name", ["allOrders", "userTrades"])
def test_a_pair_stands_for_all_its_contracts(name: str) -> None:
    desk = generated(DAPI)
    asked: Params = {"startTime": START - WEEK_MS + 1, "endTime": START}
    found = desk.read(f"{DAPI}/{name}", CLASSIC, **PAIR, **asked, limit=100)
    assert {one["symbol"] for one in found} == {"BTCUSD_PERP", "BTCUSD_261225"}


def test_orders_from_after_the_switch_are_in_portfolio_margin_alone() -> None:
    account = replace(CLASSIC, portfolio_margin_from_ms=START - 10 * DAY_MS)
    desk = Desk(accounts=(account,), history=BURSTY)
    before, after = (desk.sim("books", market=name) for name in ("usdm", "pm-usdm"))
    for key in ("orders", "fills", "income"):
        assert max(one["time"] for one in before[key]) < START - 10 * DAY_MS + DAY_MS // 2
        assert min(one["time"] for one in after[key]) >= START - 10 * DAY_MS
        assert before[key]
        assert after[key]


def test_margin_has_no_books() -> None:
    assert "no books" in Desk().sim("books", market="margin", status=400)["error"]
