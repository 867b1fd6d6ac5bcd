"""The public mark prices of each minute: around the level of the orders, whatever the seed, at a price by limit."""

import json
from dataclasses import replace
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

import pytest

from etl.simulator.accounts import MAIN
from etl.simulator.history import Generated, Profile
from etl.simulator.instruments import COINM_INSTRUMENTS, USDM_INSTRUMENTS, Instrument
from etl.simulator.mark_prices import level
from etl.simulator.messages import Reply, Request
from etl.simulator.scenario import DAY_MS
from tests.unit.desk import START, Desk, code, header, row

MINUTE_MS = 60_000
FAPI, DAPI = "/fapi/v1/markPriceKlines", "/dapi/v1/markPriceKlines"


def asked(path: str = FAPI, desk: Desk | None = None, **params: Any) -> Reply:
    desk = desk or Desk()
    return desk.exchange.answer(Request("GET", path, urlencode({"interval": "1m", **params})), desk.real_ms)


def klines(path: str = FAPI, desk: Desk | None = None, **params: Any) -> list[list[Any]]:
    reply = asked(path, desk, **params)
    assert reply.status == 200, reply.body
    rows: list[list[Any]] = json.loads(reply.body)
    return rows


@pytest.mark.parametrize(
    ("path", "instrument"), [*((FAPI, one) for one in USDM_INSTRUMENTS), *((DAPI, one) for one in COINM_INSTRUMENTS)]
)
def test_each_minute_contains_the_level_of_its_instants(path: str, instrument: Instrument) -> None:
    rows = klines(path, symbol=instrument.symbol, startTime=START - DAY_MS, endTime=START - DAY_MS + 99 * MINUTE_MS)
    assert len(rows) == 100
    for start_ms, opened, high, low, closed, _, end_ms, *_ in rows:
        assert end_ms == start_ms + MINUTE_MS - 1
        for at_ms in range(start_ms, end_ms, 7_000):
            assert Decimal(low) <= Decimal(level(instrument, at_ms)) <= Decimal(high)
        assert Decimal(low) <= min(Decimal(opened), Decimal(closed))
        assert max(Decimal(opened), Decimal(closed)) <= Decimal(high)


def test_a_row_has_the_twelve_values_of_the_exchange() -> None:
    (one,) = klines(symbol="BTCUSDT", startTime=START - MINUTE_MS, limit=1)
    assert [type(value) for value in one] == [int, str, str, str, str, str, int, str, int, str, str, str]
    assert (one[0], one[5], one[6], one[7], one[8:]) == (START - MINUTE_MS, "0", START - 1, "0", [60, "0", "0", "0"])


def test_forced_orders_trade_near_the_mark_price() -> None:
    history = Generated(Profile("bursty", orders_a_day=5.0), "marks", days=20)
    desk = Desk(accounts=(replace(MAIN),), history=history)
    fills = desk.sim("books")["fills"]
    assert len(fills) > 100
    for one in fills[::10]:
        (kline,) = klines(desk=desk, symbol=one["symbol"], startTime=one["time"] // MINUTE_MS * MINUTE_MS, limit=1)
        assert abs(Decimal(one["price"]) / Decimal(kline[4]) - 1) < Decimal("0.01")


def test_mark_prices_do_not_depend_on_the_seed() -> None:
    assert klines(desk=Desk(seed=1), symbol="ETHUSDT") == klines(desk=Desk(seed=2), symbol="ETHUSDT")


def test_a_window_is_inclusive_and_ends_now() -> None:
    window: dict[str, Any] = {"startTime": START - 2 * MINUTE_MS, "endTime": START - MINUTE_MS}
    assert [one[0] for one in klines(symbol="BTCUSDT", **window)] == [START - 2 * MINUTE_MS, START - MINUTE_MS]
    assert [one[0] for one in klines(symbol="BTCUSDT", startTime=START - 1)] == [START]
    assert klines(symbol="BTCUSDT", startTime=START + MINUTE_MS) == []
    assert [one[0] for one in klines(symbol="BTCUSDT", limit=2)] == [START - MINUTE_MS, START]
    assert len(klines(symbol="BTCUSDT")) == 500


def test_fapi_keeps_the_first_minutes_and_dapi_the_last() -> None:
    window: dict[str, Any] = {"startTime": START - 10 * MINUTE_MS, "endTime": START, "limit": 2}
    first, last = klines(symbol="BTCUSDT", **window), klines(DAPI, symbol="BTCUSD_PERP", **window)
    assert [one[0] for one in first] == [START - 10 * MINUTE_MS, START - 9 * MINUTE_MS]
    assert [one[0] for one in last] == [START - MINUTE_MS, START]


@pytest.mark.parametrize(
    ("params", "refused"),
    [
        ({}, -1102),
        ({"symbol": "NOUSDT"}, -1121),
        ({"symbol": "BTCUSDT", "interval": "5m"}, -1120),
        ({"symbol": "BTCUSDT", "limit": 0}, -1130),
        ({"symbol": "BTCUSDT", "startTime": 2, "endTime": 1}, -4188),
        ({"symbol": "BTCUSDT", "page": 1}, -1104),
    ],
)
def test_what_it_does_not_know_or_misses_is_refused(params: dict[str, Any], refused: int) -> None:
    reply = asked(**params)
    assert (reply.status, code(reply)) == (400, refused)
    assert code(Desk().get(FAPI)) == -1102


@pytest.mark.parametrize(
    ("limit", "weight"),
    [({}, 5), ({"limit": 99}, 1), ({"limit": 100}, 2), ({"limit": 499}, 2), ({"limit": 500}, 5), ({"limit": 1500}, 10)],
)
def test_the_limit_decides_the_weight(limit: dict[str, Any], weight: int) -> None:
    assert header(asked(symbol="BTCUSDT", **limit), "X-MBX-USED-WEIGHT-1M") == str(weight)
    assert len(klines(symbol="BTCUSDT", **limit)) == limit.get("limit", 500)


def test_the_coin_of_fees_and_symbols_of_rows_have_mark_prices_too() -> None:
    assert klines(symbol="BNBUSDT", limit=1)
    assert klines(desk=Desk(row(symbol="RAREUSDT")), symbol="RAREUSDT", limit=1)
