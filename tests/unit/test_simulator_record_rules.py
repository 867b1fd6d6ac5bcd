"""allOrders, userTrades and income: what is refused, how far back they answer, who may read them, what they cost."""

from dataclasses import replace
from typing import Any

import pytest

from etl.simulator.scenario import DAY_MS, WEEK_MS
from tests.unit.desk import START, Desk, header
from tests.unit.recording import (
    AT,
    CLASSIC,
    CM,
    CONTRACT,
    DAPI,
    FAPI,
    LISTS,
    MARKET,
    NAMED,
    PAIR,
    SYMBOL,
    UM,
    UNIFIED,
    Params,
    account_of,
    desk_of,
    ids,
    order,
)


def test_a_limit_above_the_most_can_be_refused() -> None:
    assert desk_of(limit_above_max="refused").refused(f"{FAPI}/income", limit=1001) == (400, -1130)


@pytest.mark.parametrize(("api", "name"), LISTS)
def test_a_window_is_as_long_as_its_list_allows(api: str, name: str) -> None:
    desk, account = Desk(accounts=(account_of(api),), beyond_retention="empty"), account_of(api)
    week, day = WEEK_MS - 1, DAY_MS
    longest = {
        "allOrders": 10 * WEEK_MS if api == CM else week,
        "userTrades": day if api == CM else week,
        "income": {DAPI: 365 * day, CM: 200 * day}.get(api, 50 * WEEK_MS),
    }[name]
    window: Params = {"startTime": START - longest, "endTime": START}
    desk.read(f"{api}/{name}", account, **NAMED[api], **window)
    if (api, name) not in {(CM, "allOrders"), (FAPI, "income"), (UM, "income")}:
        wider = window | {"startTime": START - longest - 1}
        assert desk.refused(f"{api}/{name}", account, **NAMED[api], **wider) == (400, -4165)
    assert desk.refused(f"{api}/{name}", account, **NAMED[api], startTime=START, endTime=AT) == (400, -4188)


@pytest.mark.parametrize(("api", "name"), LISTS)
def test_what_is_too_old_is_refused_or_empty(api: str, name: str) -> None:
    days = 200 if (api, name) == (CM, "income") else 90
    start_ms = START - days * DAY_MS
    account = account_of(api)
    window: Params = {"startTime": start_ms, "endTime": start_ms + DAY_MS - 1}
    desk = Desk(accounts=(account,))
    desk.read(f"{api}/{name}", account, **NAMED[api], **window)
    older: Params = {name: at - 1 for name, at in window.items()}
    assert desk.refused(f"{api}/{name}", account, **NAMED[api], **older) == (400, -4166)
    row = order(1, start_ms - 10, **NAMED[api], avgPrice="10000", cumBase="0.1", cumQuote="1000")
    quiet = Desk(accounts=(account,), beyond_retention="empty", own_orders_a_day=0)
    quiet.sim("orders", [row], market=MARKET[api])
    assert quiet.sim("books", market=MARKET[api])["fills"]
    window = {"startTime": start_ms - 1000, "endTime": start_ms + 1000}
    assert quiet.read(f"{api}/{name}", account, **NAMED[api], **window) == []


def test_trades_and_income_have_retentions_of_their_own() -> None:
    at = START - 50 * DAY_MS
    asked: Params = {"startTime": at - 9, "endTime": at + 9}
    short = desk_of(order(1, at), trades_retention_days=40)
    assert short.refused(f"{FAPI}/userTrades", **SYMBOL, **asked) == (400, -4166)
    assert ids(short.read(f"{FAPI}/allOrders", **asked)) == [1]
    assert short.read(f"{FAPI}/income", **asked)
    assert desk_of(order(1, at), income_retention_days=40).refused(f"{FAPI}/income", **asked) == (400, -4166)
    endless = desk_of(order(1, START - 400 * DAY_MS), trades_retention_days=0)
    asked = {"startTime": START - 401 * DAY_MS, "endTime": START - 399 * DAY_MS}
    assert endless.read(f"{FAPI}/userTrades", **SYMBOL, **asked)


@pytest.mark.parametrize(
    ("path", "params", "refused"),
    [
        (f"{DAPI}/allOrders", {}, -1102),
        (f"{DAPI}/userTrades", {}, -1102),
        (f"{CM}/allOrders", {}, -1102),
        (f"{CM}/userTrades", {}, -1102),
        (f"{UM}/allOrders", {}, -1102),
        (f"{UM}/userTrades", {}, -1102),
        (f"{FAPI}/userTrades", {}, -1102),
        (f"{FAPI}/userTrades", {"orderId": 1}, -1102),
        (f"{FAPI}/userTrades", {"symbol": "NOUSDT"}, -1121),
        (f"{FAPI}/allOrders", {"symbol": "NOUSDT"}, -1121),
        (f"{FAPI}/income", {"symbol": "NOUSDT"}, -1121),
        (f"{DAPI}/allOrders", {"pair": "NOUSD"}, -1121),
        (f"{FAPI}/allOrders", {"pair": "BTCUSDT"}, -1104),
        (f"{FAPI}/userTrades", {**SYMBOL, "fromId": 1, "startTime": AT}, -1128),
        (f"{DAPI}/userTrades", {**CONTRACT, "fromId": 1, "endTime": AT}, -1128),
        (f"{DAPI}/userTrades", {**CONTRACT, **PAIR}, -1128),
        (f"{DAPI}/userTrades", {**PAIR, "orderId": 1}, -1128),
        (f"{DAPI}/userTrades", {**PAIR, "fromId": 1}, -1128),
        (f"{DAPI}/allOrders", {**PAIR, "orderId": 1}, -1128),
        (f"{UM}/userTrades", {**SYMBOL, "orderId": 1}, -1104),
        (f"{CM}/userTrades", {**CONTRACT, "orderId": 1}, -1104),
        (f"{FAPI}/income", {"page": 1}, -1104),
        (f"{CM}/income", {"page": 1}, -1104),
        (f"{FAPI}/allOrders", {"limit": "x"}, -1100),
        (f"{FAPI}/allOrders", {"autoCloseType": "ADL"}, -1104),
    ],
)
def test_what_an_endpoint_does_not_know_or_misses_is_refused(path: str, params: dict[str, Any], refused: int) -> None:
    account = account_of(path.rpartition("/")[0])
    assert Desk(accounts=(account,)).refused(path, account, **params) == (400, refused)


@pytest.mark.parametrize(("api", "name"), LISTS)
def test_a_list_needs_the_access_that_forced_orders_need(api: str, name: str) -> None:
    other = CLASSIC if api.startswith("/papi") else UNIFIED
    asked = NAMED[api]
    assert Desk(accounts=(other,)).refused(f"{api}/{name}", other, **asked) == (401, -2015)
    blind = replace(account_of(api), permissions=())
    assert Desk(accounts=(blind,)).refused(f"{api}/{name}", blind, **asked) == (401, -2015)
    poor = replace(CLASSIC, wallets=())
    if not api.startswith("/papi"):
        assert Desk(accounts=(poor,)).refused(f"{api}/{name}", poor, **asked) == (400, -4109)
    unsigned = Desk(accounts=(other,)).get(f"{api}/{name}")
    assert unsigned.status == 401


@pytest.mark.parametrize(
    ("path", "params", "weight"),
    [
        (f"{FAPI}/allOrders", {}, 5),
        (f"{FAPI}/allOrders", SYMBOL, 5),
        (f"{DAPI}/allOrders", PAIR, 5),
        (f"{UM}/allOrders", SYMBOL, 5),
        (f"{CM}/allOrders", CONTRACT, 20),
        (f"{CM}/allOrders", PAIR, 40),
        (f"{FAPI}/userTrades", SYMBOL, 5),
        (f"{DAPI}/userTrades", PAIR, 5),
        (f"{UM}/userTrades", SYMBOL, 5),
        (f"{CM}/userTrades", CONTRACT, 20),
        (f"{CM}/userTrades", PAIR, 40),
        (f"{FAPI}/income", {}, 30),
        (f"{DAPI}/income", {}, 20),
        (f"{UM}/income", {}, 30),
        (f"{CM}/income", {}, 30),
    ],
)
def test_each_request_is_charged_to_its_pool_and_counted(path: str, params: dict[str, Any], weight: int) -> None:
    account = account_of(path.rpartition("/")[0])
    desk = Desk(accounts=(account,))
    reply = desk.signed(path, account, **params)
    assert reply.status == 200
    assert header(reply, "X-MBX-USED-WEIGHT-1M") == str(weight)
    stats = desk.stats()
    assert stats["requests_by_path"] == {path: 1}
    assert stats["pools"]["papi" if path.startswith("/papi") else "futures"]["weight"] == weight
    assert stats["log"] == []
    assert (stats["pages"], stats["rows"]) == (0, 0)


def test_faults_hit_these_paths_as_any_other() -> None:
    desk = Desk(faults=[{"kind": "status", "path": f"{FAPI}/income", "at": 1}])
    assert desk.signed(f"{FAPI}/income").status == 503
    assert desk.signed(f"{FAPI}/income").status == 200


def test_a_host_without_dapi_or_papi_has_none_of_their_lists() -> None:
    desk = Desk(accounts=(CLASSIC,), dapi=False, papi=False)
    for api, name in LISTS:
        assert desk.signed(f"{api}/{name}", CLASSIC, **NAMED[api]).status == (200 if api == FAPI else 404)
