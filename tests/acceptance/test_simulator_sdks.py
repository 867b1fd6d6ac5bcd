"""Every market of the simulator as the official clients of COIN-M, Portfolio Margin and margin read it."""

import json
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from urllib.request import Request, urlopen

import pytest

from etl.simulator.accounts import DEMO_KEY, DEMO_SECRET, MAIN
from etl.simulator.history import Generated, Profile
from etl.simulator.scenario import WEEK_MS, Scenario
from etl.simulator.server import Simulator
from tests.documented import MARKET_ROWS

HOUR_MS = 3_600_000
CLASSIC = replace(MAIN, wallets=("usdm", "coinm", "margin"))
UNIFIED = replace(CLASSIC, portfolio_margin_from_ms=0)
BEYOND_FLOATS = 8_389_766_251_307_928_000
HISTORY = Generated(Profile("bursty", orders_a_day=8.0), "sdks", days=60)
HISTORIES = {"main": dict.fromkeys(("usdm", "coinm", "margin"), HISTORY)}


@pytest.fixture
def classic() -> Iterator[Simulator]:
    with Simulator(Scenario(order_id_offset=BEYOND_FLOATS), (CLASSIC,), HISTORIES) as running:
        yield running


@pytest.fixture
def unified() -> Iterator[Simulator]:
    with Simulator(Scenario(order_id_offset=BEYOND_FLOATS), (UNIFIED,), HISTORIES) as running:
        yield running


def client_of(package: str, name: str, simulator: Simulator) -> Any:
    """The client `name` of an SDK, pointed at the simulator."""
    sdk = pytest.importorskip(package)
    from binance_common.configuration import ConfigurationRestAPI

    settings = ConfigurationRestAPI(DEMO_KEY, DEMO_SECRET, timeout=60_000, base_path=simulator.url, retries=0)
    return getattr(sdk, name)(config_rest_api=settings).rest_api


def coinm_client(simulator: Simulator) -> Any:
    return client_of("binance_sdk_derivatives_trading_coin_futures", "DerivativesTradingCoinFutures", simulator)


def unified_client(simulator: Simulator) -> Any:
    return client_of("binance_sdk_derivatives_trading_portfolio_margin", "DerivativesTradingPortfolioMargin", simulator)


def margin_client(simulator: Simulator) -> Any:
    return client_of("binance_sdk_margin_trading", "MarginTrading", simulator)


def get(simulator: Simulator, path: str) -> Any:
    with urlopen(f"{simulator.url}{path}", timeout=60) as answer:  # noqa: S310
        return json.load(answer)


def post(simulator: Simulator, path: str, body: Any) -> None:
    with urlopen(Request(f"{simulator.url}{path}", json.dumps(body).encode()), timeout=60):  # noqa: S310
        pass


def windows() -> list[tuple[int, int]]:
    """Seven weeks up to an hour ago, each a millisecond short of seven days."""
    end_ms = int(time.time() * 1000) - HOUR_MS
    return [(end_ms - number * WEEK_MS, end_ms - (number - 1) * WEEK_MS - 1) for number in range(7, 0, -1)]


def shown(models: Any) -> list[dict[str, Any]]:
    """Rows as an SDK read them, without what it did not find in them; it found nothing that it does not know."""
    return [{name: value for name, value in one.to_dict().items() if value not in (None, {})} for one in models or []]


def within(rows: list[dict[str, Any]], key: str, start_ms: int, end_ms: int) -> list[dict[str, Any]]:
    return [row for row in rows if start_ms <= row[key] <= end_ms]


def assert_reads_what_the_history_says(ask: Any, history: list[dict[str, Any]]) -> None:
    """Every window in turn; a page has the oldest hundred."""
    seen = 0
    for start_ms, end_ms in windows():
        rows = shown(ask(start_time=start_ms, end_time=end_ms, limit=100).data())
        assert rows == within(history, "time", start_ms, end_ms)[:100]
        seen += len(rows)
    assert seen > 100


def assert_pages_through(ask: Any, history: list[dict[str, Any]]) -> None:
    """Every page of every window in turn, newest first."""
    seen = 0
    for start_ms, end_ms in windows():
        expected, rows = within(history, "updatedTime", start_ms, end_ms)[::-1], list[dict[str, Any]]()
        for number in range(1, len(expected) // 20 + 2):
            page = ask(start_time=start_ms, end_time=end_ms, current=number, size=20).data()
            assert page.total == len(expected)
            rows += shown(page.rows)
        assert rows == expected
        seen += len(rows)
    assert seen > 100


def test_the_client_of_coin_futures_reads_dapi(classic: Simulator) -> None:
    client, history = coinm_client(classic), get(classic, "/sim/history?market=coinm")
    assert_reads_what_the_history_says(client.users_force_orders, history)
    assert client.check_server_time().data().server_time > 0
    symbols = {one.symbol: one for one in client.exchange_information().data().symbols}
    assert (symbols["BTCUSD_PERP"].contract_size, symbols["BTCUSD_PERP"].pair) == (100, "BTCUSD")
    start_ms, end_ms = windows()[0]
    one_symbol = client.users_force_orders("ETHUSD_PERP", "ADL", start_ms, end_ms, 100)
    assert [row.order_id for row in one_symbol.data()] == [
        row["orderId"]
        for row in within(history, "time", start_ms, end_ms)
        if (row["symbol"], row["clientOrderId"]) == ("ETHUSD_PERP", "adl_autoclose")
    ]


@pytest.mark.parametrize(
    ("market", "method"),
    [("pm-usdm", "query_users_um_force_orders"), ("pm-coinm", "query_users_cm_force_orders")],
)
def test_the_client_of_portfolio_margin_reads_papi(unified: Simulator, market: str, method: str) -> None:
    client = unified_client(unified)
    assert_reads_what_the_history_says(getattr(client, method), get(unified, f"/sim/history?market={market}"))


def test_the_client_of_portfolio_margin_pages_through_margin(unified: Simulator) -> None:
    client = unified_client(unified)
    assert_pages_through(client.query_users_margin_force_orders, get(unified, "/sim/history?market=pm-margin"))


def test_the_client_of_margin_pages_through_sapi(classic: Simulator) -> None:
    client, history = margin_client(classic), get(classic, "/sim/history?market=margin")
    cross = [row for row in history if not row["isIsolated"]]
    assert_pages_through(client.get_force_liquidation_record, cross)
    start_ms, end_ms = windows()[0]
    isolated = client.get_force_liquidation_record(start_ms, end_ms, "BTCUSDT", 1, 100).data()
    assert shown(isolated.rows) == [
        row
        for row in within(history, "updatedTime", start_ms, end_ms)[::-1]
        if row["isIsolated"] and row["symbol"] == "BTCUSDT"
    ]
    assert isolated.total == len(isolated.rows) > 0


def test_the_client_of_margin_lists_pairs_and_flows(classic: Simulator) -> None:
    client = margin_client(classic)
    cross, isolated = client.get_all_cross_margin_pairs().data(), client.get_all_isolated_margin_symbol().data()
    assert {one.symbol for one in isolated} < {one.symbol for one in cross}
    expected = [one for one in get(classic, "/sim/capital-flows") if one["type"] == "SELL_LIQUIDATION"]
    start_ms, end_ms = windows()[0]
    asked = {"start_time": start_ms, "end_time": end_ms, "type": "SELL_LIQUIDATION", "limit": 1000}
    flows = shown(client.query_cross_isolated_margin_capital_flow(**asked).data())
    assert flows
    assert {one["id"] for one in flows} < {one["id"] for one in within(expected, "timestamp", start_ms, end_ms)}


def test_the_client_of_portfolio_margin_understands_the_refusal_of_a_classic_account(classic: Simulator) -> None:
    client = unified_client(classic)
    assert client.test_connectivity().data() is not None
    from binance_common.errors import UnauthorizedError

    with pytest.raises(UnauthorizedError, match="Invalid API-key, IP, or permissions for action"):
        client.query_users_um_force_orders()


@pytest.mark.parametrize("market", MARKET_ROWS)
def test_each_client_reads_the_row_of_its_own_documentation(market: str) -> None:
    row = MARKET_ROWS[market]
    at_ms = row["updatedTime"] if "updatedTime" in row else row["time"]
    account = UNIFIED if market.startswith("pm-") else CLASSIC
    with Simulator(Scenario(retention_days=0), (account,), {}) as simulator:
        post(simulator, f"/sim/orders?market={market}", [row])
        asked = {"start_time": at_ms - 1, "end_time": at_ms + 1}
        assert shown(_rows(market, simulator, asked)) == [row]


def _rows(market: str, simulator: Simulator, asked: dict[str, int]) -> Any:
    match market:
        case "coinm":
            return coinm_client(simulator).users_force_orders(**asked).data()
        case "pm-usdm":
            return unified_client(simulator).query_users_um_force_orders(**asked).data()
        case "pm-coinm":
            return unified_client(simulator).query_users_cm_force_orders(**asked).data()
        case "pm-margin":
            return unified_client(simulator).query_users_margin_force_orders(**asked).data().rows
        case _:
            return margin_client(simulator).get_force_liquidation_record(**asked, isolated_symbol="BNBBTC").data().rows
