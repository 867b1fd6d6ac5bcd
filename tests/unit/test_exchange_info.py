"""What the exchange allows per minute and lists: read from exchangeInfo, and from the text of a refusal."""

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etl.core.instruments import Instrument
from etl.errors import ContractError, TransientError
from etl.exchange.exchange_info import (
    GREATEST,
    LEAST,
    ExchangeInfo,
    read_exchange_info,
    read_margin_pairs,
    weight_limit_in,
)

ORDERS = {"rateLimitType": "ORDERS", "interval": "MINUTE", "intervalNum": 1, "limit": 1_200}


def weight(limit: object, count: object = 1, interval: object = "MINUTE") -> dict[str, object]:
    return {"rateLimitType": "REQUEST_WEIGHT", "interval": interval, "intervalNum": count, "limit": limit}


def body(limits: object, symbols: object = ()) -> bytes:
    return json.dumps({"timezone": "UTC", "rateLimits": limits, "symbols": symbols}).encode()


@pytest.mark.parametrize(
    ("limits", "per_minute"),
    [
        ([weight(2_400), ORDERS], 2_400),
        ([ORDERS, weight(700)], 700),
        ([weight(6_000, 5)], 1_200),
        ([weight(400, 10, "SECOND")], 2_400),
        ([weight(144_000, 1, "HOUR")], 2_400),
        ([weight(2_400), weight(100_000, 1, "HOUR")], 1_666),
        ([ORDERS], None),
        ([], None),
        ([weight(2_400, 0)], None),
        ([weight(2_400, -1)], None),
        ([weight(2_400, 1, "FORTNIGHT")], None),
        ([weight(LEAST - 1)], None),
        ([weight(GREATEST + 1)], None),
        ([weight("2400")], None),
        ([weight(None)], None),
        ({"REQUEST_WEIGHT": 2_400}, None),
        (None, None),
        ([[]], None),
    ],
)
def test_the_weight_limit_is_normalized_to_a_minute_and_the_strictest_counts(
    limits: object, per_minute: int | None
) -> None:
    assert read_exchange_info(body(limits)).weight_limit == per_minute


@pytest.mark.parametrize(
    ("symbols", "names"),
    [
        ([{"symbol": "BTCUSDT", "filters": [1.5]}, {"symbol": "币安人生USDT"}], {"BTCUSDT", "币安人生USDT"}),
        ([], None),
        ({}, None),
        ([{"pair": "BTCUSDT"}], None),
    ],
)
def test_the_symbols_are_read_whatever_the_limits_are(symbols: object, names: Any) -> None:
    assert read_exchange_info(body("odd", symbols)).symbols == names


def test_odd_symbols_do_not_spoil_the_limit() -> None:
    assert read_exchange_info(body([weight(700)], "odd")) == ExchangeInfo(None, 700)


def test_an_object_without_either_says_nothing() -> None:
    assert read_exchange_info(b"{}") == ExchangeInfo(None, None)


@pytest.mark.parametrize(("content", "error"), [(b'{"rateLimits": [', TransientError), (b"[]", ContractError)])
def test_a_body_that_is_no_object_is_an_error(content: bytes, error: type[Exception]) -> None:
    with pytest.raises(error):
        read_exchange_info(content)


@pytest.mark.parametrize(
    ("message", "per_minute"),
    [
        (
            "Too many requests; current limit of IP(1.2.3.4) is 2400 requests per minute. Please use the websocket",
            2_400,
        ),
        ("Too many requests; current limit of IP(2001:db8::1) is 700 requests per minute.", 700),
        ("Too many requests; current limit is 1200 requests per minute.", 1_200),
        ("Too much request weight used; current limit is 6000 request weight per 1 MINUTE. Please use", 6_000),
        ("Too much request weight used; current limit is 400 request weight per 10 SECONDS.", 2_400),
        ("Too many requests; current limit of IP(1.2.3.4) is 3 requests per minute.", None),
        ("Too many requests; current limit of IP(1.2.3.4) is 0 requests per 0 minutes.", None),
        ("Too many requests; current limit of IP(1.2.3.4) is many requests per minute.", None),
        ("Too many new orders; current limit is 300 orders per 10 SECOND.", None),
        ("Too many requests; please use the websocket for live updates.", None),
        ("Way too many requests; IP(1.2.3.4) banned until 1615183669840.", None),
        ("", None),
    ],
)
def test_a_refusal_tells_the_limit_in_its_text(message: str, per_minute: int | None) -> None:
    assert weight_limit_in(message) == per_minute


@given(st.text() | st.from_regex(r"current limit is [0-9]{1,12} requests per [0-9]{1,6} \w{1,8}"))
def test_whatever_a_text_says_a_limit_is_one_under_which_a_request_fits(message: str) -> None:
    limit = weight_limit_in(message)
    assert limit is None or LEAST <= limit <= GREATEST


PERPETUAL = {
    "symbol": "BTCUSDT",
    "pair": "BTCUSDT",
    "contractType": "PERPETUAL",
    "deliveryDate": 4_133_404_800_000,
    "onboardDate": 1_569_398_400_000,
    "status": "TRADING",
    "baseAsset": "BTC",
    "quoteAsset": "USDT",
    "marginAsset": "USDT",
    "filters": [{"minPrice": "0.1"}],
}
QUARTERLY = {
    "symbol": "BTCUSD_200925",
    "pair": "BTCUSD",
    "contractType": "CURRENT_QUARTER",
    "deliveryDate": 1_601_020_800_000,
    "contractStatus": "TRADING",
    "contractSize": 100,
    "marginAsset": "BTC",
    "baseAsset": "BTC",
    "quoteAsset": "USD",
}


def test_an_instrument_of_either_futures_market_is_read() -> None:
    assert read_exchange_info(body([], [PERPETUAL, QUARTERLY])).instruments == (
        Instrument("BTCUSDT", "BTC", "USDT", "USDT", "BTCUSDT", "PERPETUAL", None, None, "TRADING"),
        Instrument(
            *("BTCUSD_200925", "BTC", "USD", "BTC", "BTCUSD", "CURRENT_QUARTER"),
            *(Decimal(100), 1_601_020_800_000, "TRADING"),
        ),
    )


@pytest.mark.parametrize(
    "odd",
    [{"contractType": ""}, {"contractSize": 0}, {"contractSize": "NaN"}, {"deliveryDate": 0}, {"status": None}],
    ids=str,
)
def test_what_an_instrument_does_not_have_is_none(odd: dict[str, object]) -> None:
    (one,) = read_exchange_info(body([], [{"symbol": "NEWUSDT"} | odd])).instruments or ()
    assert one == Instrument("NEWUSDT")


@pytest.mark.parametrize(
    "symbols",
    [
        [PERPETUAL, PERPETUAL | {"baseAsset": 5}],
        [PERPETUAL | {"baseAsset": "\0"}],
        [PERPETUAL | {"symbol": "X" * 65}],
        [PERPETUAL | {"contractSize": "1e200000"}],
        [{"pair": "BTCUSDT"}],
        [],
        "odd",
    ],
    ids=str,
)
def test_a_list_with_an_odd_instrument_is_none(symbols: object) -> None:
    assert read_exchange_info(body([weight(700)], symbols)).instruments is None
    assert read_exchange_info(body([weight(700)], symbols)).weight_limit == 700


def test_a_contract_size_keeps_its_digits() -> None:
    content = body([], [QUARTERLY | {"contractSize": "@"}]).replace(b'"@"', b"0.1000000000000000055")
    (one,) = read_exchange_info(content).instruments or ()
    assert str(one.contract_size) == "0.1000000000000000055"


def test_the_margin_market_lists_pairs() -> None:
    pairs = [{"base": "BNB", "id": 351637150141315861, "isMarginTrade": True, "quote": "BTC", "symbol": "BNBBTC"}]
    assert read_margin_pairs(json.dumps(pairs).encode()).instruments == (Instrument("BNBBTC", "BNB", "BTC"),)


@pytest.mark.parametrize(
    ("content", "error"), [(b"[{", TransientError), (b"{}", ContractError), (b'[{"base": "BNB"}]', ContractError)]
)
def test_margin_pairs_of_another_shape_are_an_error(content: bytes, error: type[Exception]) -> None:
    with pytest.raises(error):
        read_margin_pairs(content)
