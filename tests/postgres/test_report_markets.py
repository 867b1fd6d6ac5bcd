"""The report views over every market: what a contract is worth, in which asset, and that no two assets are one sum."""

import json
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import Connection, text

from etl.core.instruments import Instrument
from etl.core.timeline import to_datetime
from etl.store import instruments
from tests.documented import (
    ROW_OF_COINM,
    ROW_OF_COINM_OF_2025,
    ROW_OF_MARGIN,
    ROW_OF_PM_COINM,
    ROW_OF_PM_MARGIN,
    ROW_OF_PM_USDM,
)
from tests.postgres.reported import found, write

QUARTER = 1_601_020_800_000
OF_COINM = Instrument(
    *("BTCUSD_200925", "BTC", "USD", "BTC", "BTCUSD", "CURRENT_QUARTER"), Decimal(100), QUARTER, "TRADING"
)
OF_USDM = Instrument("BTCUSDT", "BTC", "USDT", "USDT", "BTCUSDT", "PERPETUAL")
OF_MARGIN = Instrument("BNBBTC", "BNB", "BTC")
ASSETS = ("base_asset", "quote_asset", "margin_asset")


def store(connection: Connection, market: str, *rows: dict[str, Any]) -> None:
    write(connection, *map(json.dumps, rows), market=market)


def order(connection: Connection, market: str, row: dict[str, Any], *listed: Instrument) -> dict[str, Any]:
    """What report_force_orders makes of a row, where the exchange listed these."""
    instruments.remember(connection, market, listed)
    store(connection, market, row)
    (one,) = found(connection, "report_force_orders")
    return one


@pytest.mark.parametrize(
    ("market", "row"),
    [("coinm", ROW_OF_COINM), ("coinm", ROW_OF_COINM_OF_2025), ("pm-coinm", ROW_OF_PM_COINM)],
    ids=["coinm", "coinm of 2025", "pm-coinm"],
)
def test_a_coin_margined_order_is_worth_its_contracts_in_usd_and_beside_it_its_coin(
    connection: Connection, market: str, row: dict[str, Any]
) -> None:
    one = order(connection, market, row | {"origQty": "4", "executedQty": "3"}, OF_COINM)
    assert (one["quantity_ordered"], one["quantity_filled"], one["notional"]) == (4, 3, 300)
    assert one["coin_notional"] == Decimal("0.00882854")
    assert [one[name] for name in ASSETS] == ["BTC", "USD", "BTC"]
    assert [one[name] for name in ("pair", "contract_type", "contract_size")] == ["BTCUSD", "CURRENT_QUARTER", 100]
    assert one["delivery_at"] == to_datetime(QUARTER)


def test_a_contract_that_was_never_listed_is_worth_what_was_sent(connection: Connection) -> None:
    store(connection, "coinm", ROW_OF_COINM, ROW_OF_COINM_OF_2025 | {"symbol": "ETHUSD_PERP"})
    bitcoin, ether = found(connection, "report_force_orders")
    assert (bitcoin["notional"], ether["notional"]) == (100, None), "a product of contracts and price means nothing"
    assert [bitcoin[name] for name in ASSETS] == ["BTC", "USD", "BTC"]
    assert [ether[name] for name in ASSETS] == ["ETH", "USD", "ETH"]
    assert ether["contract_size"] is None


@pytest.mark.parametrize("symbol", ["BTCUSD", "BTCUSDT", "BTC_PERP", "USD_PERP"])
def test_a_coin_margined_symbol_of_another_form_has_no_asset(connection: Connection, symbol: str) -> None:
    one = order(connection, "coinm", ROW_OF_COINM | {"symbol": symbol})
    assert (one["base_asset"], one["margin_asset"]) == (None, None)


@pytest.mark.parametrize("listed", [(), (OF_USDM,)], ids=["never listed", "listed"])
def test_an_order_of_portfolio_margin_is_told_by_the_instruments_of_its_futures(
    connection: Connection, listed: tuple[Instrument, ...]
) -> None:
    one = order(connection, "pm-usdm", ROW_OF_PM_USDM, *listed)
    assert [one[name] for name in ASSETS] == ["BTC", "USDT", "USDT"]
    assert (one["notional"], one["coin_notional"]) == (Decimal("10.91321"), None)
    assert (one["contract_type"], one["pair"]) == (("PERPETUAL", "BTCUSDT") if listed else (None, None))


@pytest.mark.parametrize("listed", [(), (OF_MARGIN,)], ids=["never listed", "listed"])
@pytest.mark.parametrize(
    ("market", "row"), [("margin", ROW_OF_MARGIN), ("pm-margin", ROW_OF_PM_MARGIN)], ids=["margin", "pm-margin"]
)
def test_a_margin_order_is_worth_quantity_times_price_in_the_quote_asset(
    connection: Connection, market: str, row: dict[str, Any], listed: tuple[Instrument, ...]
) -> None:
    one = order(connection, market, row, *listed)
    assert f"{one['notional']:f}" == "0.1219058901000000"
    assert [one[name] for name in ASSETS] == ["BNB", "BTC", None]
    assert (one["order_time_source"], one["order_time"], one["close_type"]) == ("update", one["update_time"], "UNKNOWN")
    assert one["is_isolated"] is row.get("isIsolated")


def test_what_the_exchange_lists_counts_more_than_the_spelling(connection: Connection) -> None:
    one = order(connection, "usdm", ROW_OF_PM_USDM | {"symbol": "AAEUR"}, Instrument("AAEUR", "AAE", "UR", "USDX"))
    assert [one[name] for name in ASSETS] == ["AAE", "UR", "USDX"]
    for view in ("report_daily", "report_symbols"):
        (row,) = found(connection, view)
        assert [row[name] for name in ASSETS] == ["AAE", "UR", "USDX"]


def test_an_instrument_of_another_market_says_nothing(connection: Connection) -> None:
    one = order(connection, "usdm", ROW_OF_PM_USDM)
    instruments.remember(connection, "margin", [Instrument("BTCUSDT", "X", "Y")])
    assert found(connection, "report_force_orders") == [one]


def test_what_is_delisted_keeps_its_worth(connection: Connection) -> None:
    one = order(connection, "coinm", ROW_OF_COINM, OF_COINM)
    instruments.remember(connection, "coinm", [Instrument("OTHER")])
    assert found(connection, "report_force_orders") == [one]
    (symbol,) = found(connection, "report_symbols")
    assert (symbol["is_listed"], symbol["contract_type"], symbol["delivery_at"]) == (
        *(False, "CURRENT_QUARTER"),
        to_datetime(QUARTER),
    )


@pytest.fixture
def every_market(connection: Connection) -> Connection:
    """The documented orders of five markets of an account, all within a minute; two of each."""
    instruments.remember(connection, "coinm", [OF_COINM])
    at = 1_600_000_000_000
    for market, row in (
        *(("usdm", ROW_OF_PM_USDM), ("coinm", ROW_OF_COINM), ("pm-usdm", ROW_OF_PM_USDM)),
        *(("pm-coinm", ROW_OF_PM_COINM), ("margin", ROW_OF_MARGIN)),
    ):
        times = {"time": at, "updateTime": at} if "time" in row else {"updatedTime": at}
        store(connection, market, *(row | times | {"orderId": number} for number in (1, 2)))
    return connection


SUMS = {
    "usdm": ("21.82642", "USDT", None),
    "coinm": ("200", "USD", "0.01765708"),
    "pm-usdm": ("21.82642", "USDT", None),
    "pm-coinm": ("200", "USD", "0.01765708"),
    "margin": ("0.2438117802000000", "BTC", None),
}


@pytest.mark.parametrize("view", ["report_daily", "report_symbols"])
def test_each_market_and_asset_is_a_sum_of_its_own(every_market: Connection, view: str) -> None:
    rows = {one["market"]: one for one in found(every_market, view)}
    sums = {
        market: (f"{one['notional']:f}", one["quote_asset"], one["coin_notional"] and f"{one['coin_notional']:f}")
        for market, one in rows.items()
    }
    assert sums == SUMS
    assert {one["orders"] for one in rows.values()} == {2}


def test_a_cascade_is_of_one_market_and_names_each_asset_s_sum(every_market: Connection) -> None:
    at = 1_600_000_000_000
    other = {"orderId": 3, "time": at, "updateTime": at}
    rows = [ROW_OF_PM_USDM | other | {"symbol": symbol} for symbol in ("BTCUSDC", "BTCXYZ")]
    store(every_market, "usdm", *rows)
    cascades = {one["market"]: one for one in found(every_market, "report_cascades")}
    sums = {market: dict(cascade_sums(every_market, market)) for market in cascades}
    assert sums.pop("usdm") == {"USDT": "21.82642", "USDC": "10.91321", "unknown": "10.91321"}
    assert sums == {market: {asset: total} for market, (total, asset, _) in SUMS.items() if market != "usdm"}
    assert cascades["usdm"]["orders"] == 4


def cascade_sums(connection: Connection, market: str) -> list[tuple[str, str]]:
    query = text("""
        SELECT asset, sum FROM report_cascades, jsonb_each_text(notional_by_asset) AS sums (asset, sum)
         WHERE market = :market
    """)
    return [(asset, total) for asset, total in connection.execute(query, {"market": market})]
