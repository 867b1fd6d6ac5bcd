"""Every market of an account: its path, its pool of weight, its rows and its symbols."""

import json
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from etl.simulator.accounts import MAIN, Account
from etl.simulator.history import Form, Generated, Profile, generate
from etl.simulator.markets import COINM, MARKETS, Market
from etl.simulator.scenario import DAY_MS, RowShape
from tests.unit.desk import START, Desk, header

CLASSIC = replace(MAIN, wallets=("usdm", "coinm", "margin"))
UNIFIED = replace(CLASSIC, portfolio_margin_from_ms=0)
BURSTY = Generated(Profile("bursty", orders_a_day=8.0), "markets", days=40)
WALLETS = ("usdm", "coinm", "margin")

USED, SAPI_USED = "X-MBX-USED-WEIGHT-1M", "X-SAPI-USED-IP-WEIGHT-1M"


def keeper(market: Market) -> Account:
    return UNIFIED if market.portfolio_margin else CLASSIC


def desk_of(market: Market, **switches: Any) -> Desk:
    """An account with a random history in each wallet, of the kind that has this market."""
    return Desk(accounts=(keeper(market),), history=dict.fromkeys(WALLETS, BURSTY), **switches)


def rows_of(market: Market, **switches: Any) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = desk_of(market, **switches).sim("history", market=market.name)
    return rows


@pytest.mark.parametrize("market", MARKETS.values(), ids=MARKETS)
def test_each_market_shows_its_own_book_at_its_own_path(market: Market) -> None:
    desk = desk_of(market, retention_days=0)
    document = desk.read(market.path, startTime=START - 6 * DAY_MS, endTime=START)
    rows = document if market.paging == "cursor" else document["rows"]
    if market.name == "margin":
        listed = [one for one in desk.sim("history", market=market.name) if not one["isIsolated"]]
    else:
        listed = desk.sim("history", market=market.name)
    key = "time" if market.paging == "cursor" else "updatedTime"
    expected = [one for one in listed if one[key] >= START - 6 * DAY_MS]
    assert rows == (expected[:50] if market.paging == "cursor" else expected[::-1][:10])
    assert expected
    (logged,) = desk.stats()["log"]
    assert (logged["market"], logged["rows"]) == (market.name, len(rows))


@pytest.mark.parametrize("account", [CLASSIC, UNIFIED], ids=["classic", "portfolio margin"])
def test_one_account_has_books_that_do_not_mix(account: Account) -> None:
    desk = Desk(accounts=(account,), history=dict.fromkeys(WALLETS, BURSTY))
    sizes = {name: len(desk.sim("history", market=name)) for name in MARKETS}
    assert {name for name, size in sizes.items() if size} - {"margin"} == {
        market.name for market in MARKETS.values() if market.portfolio_margin is (account is UNIFIED)
    } - {"margin"}


@pytest.mark.parametrize(
    ("path", "used", "costs"),
    [
        ("/fapi/v1/time", USED, 1),
        ("/fapi/v1/ping", USED, 1),
        ("/fapi/v1/exchangeInfo", USED, 1),
        ("/dapi/v1/time", USED, 1),
        ("/dapi/v1/ping", USED, 1),
        ("/dapi/v1/exchangeInfo", USED, 1),
        ("/papi/v1/ping", USED, 1),
        ("/api/v3/time", USED, 1),
        ("/api/v3/ping", USED, 1),
        ("/fapi/v1/forceOrders", USED, 50),
        ("/dapi/v1/forceOrders", USED, 50),
        ("/papi/v1/um/forceOrders", USED, 50),
        ("/papi/v1/cm/forceOrders", USED, 50),
        ("/papi/v1/margin/forceOrders", USED, 1),
        ("/sapi/v1/margin/forceLiquidationRec", SAPI_USED, 1),
        ("/sapi/v1/account/info", SAPI_USED, 1),
        ("/sapi/v1/account/apiRestrictions", SAPI_USED, 1),
        ("/sapi/v1/margin/allPairs", SAPI_USED, 1),
        ("/sapi/v1/margin/isolated/allPairs", SAPI_USED, 10),
        ("/sapi/v1/margin/capital-flow", SAPI_USED, 100),
    ],
)
def test_each_path_costs_what_is_documented_and_tells_it_in_its_pools_header(path: str, used: str, costs: int) -> None:
    reply = Desk().signed(path)
    assert reply.status != 404
    assert header(reply, used) == str(costs)
    assert {name for name, _ in reply.headers} & {USED, SAPI_USED} == {used}


@pytest.mark.parametrize("name", ["usdm", "coinm", "pm-usdm", "pm-coinm"])
def test_a_symbol_makes_force_orders_cheaper(name: str) -> None:
    assert header(Desk().signed(MARKETS[name].path, symbol="BTCUSDT"), USED) == "20"


def test_fapi_and_dapi_share_a_pool_and_the_others_have_their_own() -> None:
    desk = Desk()
    paths = ("/fapi/v1/time", "/dapi/v1/time", "/papi/v1/ping", "/api/v3/time", "/sapi/v1/margin/isolated/allPairs")
    replies = [desk.signed(path) for path in paths]
    assert [header(reply, USED) for reply in replies] == ["1", "2", "1", "1", None]
    assert header(replies[-1], SAPI_USED) == "10"
    pools = desk.stats()["pools"]
    assert {name: (pool["requests"], pool["weight"]) for name, pool in pools.items()} == {
        "futures": (2, 2),
        "papi": (1, 1),
        "sapi": (1, 10),
        "api": (1, 1),
    }
    assert pools["sapi"]["weight_by_minute"] == [{"minute_ms": START, "weight": 10}]


@pytest.mark.parametrize(
    ("path", "limit"),
    [
        ("/fapi/v1/ping", 2_400),
        ("/dapi/v1/ping", 2_400),
        ("/papi/v1/ping", 6_000),
        ("/api/v3/ping", 6_000),
        ("/sapi/v1/margin/allPairs", 12_000),
    ],
)
def test_each_pool_has_a_limit_of_its_own(path: str, limit: int) -> None:
    desk = Desk()
    assert [desk.get(path).status for _ in range(limit)].count(429) == 0
    reply = desk.get(path)
    assert (reply.status, f"is {limit} requests per minute" in reply.body.decode()) == (429, True)


def test_a_used_up_pool_leaves_the_others_free() -> None:
    desk = Desk(weight_limit=50)
    assert [desk.orders().status, desk.signed("/dapi/v1/forceOrders").status] == [200, 429]
    assert [desk.get("/papi/v1/ping").status, desk.get("/api/v3/ping").status] == [200, 200]


def test_a_ban_is_of_the_address_and_holds_everywhere() -> None:
    desk = Desk(faults=[{"kind": "ban", "path": "/dapi/v1/ping", "at": 1, "seconds": 90}])
    assert desk.get("/dapi/v1/ping").status == 418
    for path in ("/fapi/v1/time", "/papi/v1/ping", "/api/v3/time", "/sapi/v1/account/info"):
        assert (desk.get(path).status, desk.get(path, ip="127.0.0.2").status == 418) == (418, False)
    assert desk.stats()["bans"] == 1
    desk.real_ms += 90_000
    assert desk.get("/papi/v1/ping").status == 200


def test_papi_has_neither_time_nor_symbols() -> None:
    desk = Desk()
    assert [desk.get(f"/papi/v1/{name}").status for name in ("time", "exchangeInfo", "ping")] == [404, 404, 200]


@pytest.mark.parametrize(
    ("absent", "paths"),
    [
        ("dapi", ["/dapi/v1/time", "/dapi/v1/forceOrders"]),
        ("papi", ["/papi/v1/ping", "/papi/v1/margin/forceOrders"]),
        ("sapi", ["/sapi/v1/account/info", "/api/v3/time"]),
    ],
)
def test_a_clone_may_lack_an_api(absent: str, paths: list[str]) -> None:
    desk = Desk()
    desk.sim("scenario", {absent: False})
    assert [desk.signed(path).status for path in paths] == [404] * len(paths)
    assert desk.get("/fapi/v1/time").status == 200


def test_any_path_can_answer_202_with_nothing() -> None:
    desk = Desk(faults=[{"kind": "status", "status": 202, "path": "/papi/v1/um/forceOrders"}])
    reply = desk.signed("/papi/v1/um/forceOrders")
    assert (reply.status, reply.body, reply.rows) == (202, b"", None)


KEYS: dict[tuple[str, RowShape], str] = {
    ("coinm", "2026-08"): (
        "orderId symbol pair status clientOrderId price avgPrice origQty executedQty cumBase cumQuote timeInForce type "
        "reduceOnly closePosition side positionSide stopPrice workingType priceProtect origType time updateTime "
        "goodTillDate"
    ),
    ("coinm", "2025"): (
        "orderId symbol pair status clientOrderId price avgPrice origQty executedQty cumBase timeInForce type "
        "reduceOnly closePosition side positionSide stopPrice workingType priceProtect origType time updateTime"
    ),
    ("pm-usdm", "2026-08"): (
        "orderId symbol status clientOrderId price avgPrice origQty executedQty cumQuote timeInForce type reduceOnly "
        "side positionSide origType time updateTime"
    ),
    ("pm-coinm", "2026-08"): (
        "orderId symbol pair status clientOrderId price avgPrice origQty executedQty cumBase timeInForce type "
        "reduceOnly side positionSide origType time updateTime"
    ),
    ("pm-margin", "2026-08"): "avgPrice executedQty orderId price qty side symbol timeInForce updatedTime",
    ("margin", "2026-08"): "avgPrice executedQty orderId price qty side symbol timeInForce isIsolated updatedTime",
}


@pytest.mark.parametrize(("name", "shape"), KEYS, ids=" ".join)
def test_random_rows_have_the_keys_of_their_market_in_their_order(name: str, shape: RowShape) -> None:
    assert {" ".join(row) for row in rows_of(MARKETS[name], row_shape=shape)} == {KEYS[name, shape]}


def test_the_quantities_of_coin_margined_rows_are_contracts() -> None:
    sizes = {one.symbol: one.contract_size or 0 for one in COINM.instruments}
    rows = rows_of(COINM)
    assert {row["symbol"] for row in rows} >= {"BTCUSD_PERP", "ETHUSD_PERP", "BTCUSD_261225"}
    for row in rows:
        executed, average = Decimal(row["executedQty"]), Decimal(row["avgPrice"])
        assert executed == int(executed) <= Decimal(row["origQty"])
        assert Decimal(row["cumQuote"]) == executed * sizes[row["symbol"]]
        coins = Decimal(row["cumQuote"]) / average if executed else Decimal(0)
        assert abs(Decimal(row["cumBase"]) - coins) <= Decimal("0.00000001")
    assert any(Decimal(row["executedQty"]) for row in rows)


def test_dapi_lists_contracts_with_their_size_and_delivery() -> None:
    desk = Desk(history={"coinm": []})
    desk.sim("orders", [{"symbol": "ADAUSD_260925", "orderId": 1, "time": START}], market="coinm")
    info = json.loads(desk.get("/dapi/v1/exchangeInfo").body)
    listed = {one["symbol"]: one for one in info["symbols"]}
    names = "pair", "contractType", "contractSize", "baseAsset", "quoteAsset", "marginAsset", "deliveryDate"
    assert {symbol: tuple(listed[symbol][name] for name in names) for symbol in ("BTCUSD_PERP", "BTCUSD_261225")} == {
        "BTCUSD_PERP": ("BTCUSD", "PERPETUAL", 100, "BTC", "USD", "BTC", 4_133_404_800_000),
        "BTCUSD_261225": ("BTCUSD", "CURRENT_QUARTER", 100, "BTC", "USD", "BTC", 1_798_185_600_000),
    }
    assert (listed["ADAUSD_260925"]["pair"], listed["ETHUSD_PERP"]["contractSize"]) == ("ADAUSD", 10)
    assert "BTCUSDT" not in listed
    assert [one["limit"] for one in info["rateLimits"] if one["rateLimitType"] == "REQUEST_WEIGHT"] == [2400]


def test_symbols_are_those_of_the_market() -> None:
    desk = Desk(accounts=(CLASSIC,))
    assert desk.refused("/dapi/v1/forceOrders", symbol="BTCUSDT") == (400, -1121)
    assert desk.refused("/fapi/v1/forceOrders", symbol="BTCUSD_PERP") == (400, -1121)
    assert desk.read("/dapi/v1/forceOrders", symbol="BTCUSD_PERP") == []


def test_sapi_lists_pairs_to_whom_sends_a_key() -> None:
    desk = Desk()
    paths = ["/sapi/v1/margin/allPairs", "/sapi/v1/margin/isolated/allPairs"]
    cross, isolated = (desk.read(path) for path in paths)
    assert {"symbol": "BNBBTC", "base": "BNB", "quote": "BTC"}.items() <= {one["symbol"]: one for one in cross}[
        "BNBBTC"
    ].items()
    assert {one["symbol"] for one in isolated} < {one["symbol"] for one in cross}
    assert [desk.get(path).status for path in paths] == [401, 401]


def test_ids_can_lie_beyond_what_a_float_holds() -> None:
    rows = rows_of(MARKETS["usdm"], order_id_offset=8_389_766_251_307_928_000)
    ids = [row["orderId"] for row in rows]
    assert 2**53 < min(ids) <= max(ids) < 2**63
    assert any(int(float(one)) != one for one in ids)
    assert len({(row["symbol"], row["orderId"]) for row in rows}) == len(rows) > len(set(ids))


def test_a_classic_account_has_an_empty_coin_margined_market_and_no_margin() -> None:
    desk = Desk(history=BURSTY)
    assert desk.read("/dapi/v1/forceOrders") == []
    assert desk.refused("/sapi/v1/margin/forceLiquidationRec") == (400, -3003)
    assert desk.refused("/papi/v1/um/forceOrders") == (401, -2015)
    info = desk.read("/sapi/v1/account/info")
    names = "isFutureEnabled", "isMarginEnabled", "isPortfolioMarginRetailEnabled"
    assert [info[name] for name in names] == [True, False, False]


def test_histories_of_two_markets_differ_in_more_than_their_shape() -> None:
    forms = [Form(market) for market in (MARKETS["usdm"], MARKETS["margin"])]
    usdm, margin = (generate("1", START, START + 20 * DAY_MS, BURSTY.profile, form=form) for form in forms)
    assert {one.symbol for one in usdm} != {one.symbol for one in margin}
