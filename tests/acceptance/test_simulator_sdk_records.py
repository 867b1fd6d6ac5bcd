"""What an account did, as the official clients of USDⓈ-M, COIN-M and Portfolio Margin read it from the simulator."""

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from decimal import Decimal
from typing import Any
from urllib.request import urlopen

import pytest

from etl.simulator.accounts import DEMO_KEY, DEMO_SECRET, MAIN
from etl.simulator.history import Generated, Profile
from etl.simulator.scenario import DAY_MS, WEEK_MS, Scenario
from etl.simulator.server import Simulator

HOUR_MS = 3_600_000
UNIFIED = replace(MAIN, portfolio_margin_from_ms=0)
SCENARIO = Scenario(
    order_id_offset=8_389_766_251_307_928_000, unfilled_kept_days=0, weight_limit=10**6, papi_weight_limit=10**6
)
HISTORY = Generated(Profile("bursty", orders_a_day=8.0), "records", days=40)
HISTORIES = {"main": dict.fromkeys(("usdm", "coinm"), HISTORY)}
OF_FUTURES = ("usdm", "coinm", "pm-usdm", "pm-coinm")

Ask = Callable[..., Any]


@pytest.fixture
def classic() -> Iterator[Simulator]:
    with Simulator(SCENARIO, (MAIN,), HISTORIES) as running:
        yield running


@pytest.fixture
def unified() -> Iterator[Simulator]:
    with Simulator(SCENARIO, (UNIFIED,), HISTORIES) as running:
        yield running


@pytest.fixture
def simulator(request: pytest.FixtureRequest, market: str) -> Simulator:
    """The one whose account has the market."""
    found: Simulator = request.getfixturevalue("unified" if market.startswith("pm-") else "classic")
    return found


def client_of(simulator: Simulator, market: str) -> Any:
    """The official client of a market, pointed at the simulator."""
    package, name = {
        "usdm": ("usds_futures", "DerivativesTradingUsdsFutures"),
        "coinm": ("coin_futures", "DerivativesTradingCoinFutures"),
    }.get(market, ("portfolio_margin", "DerivativesTradingPortfolioMargin"))
    sdk = pytest.importorskip(f"binance_sdk_derivatives_trading_{package}")
    from binance_common.configuration import ConfigurationRestAPI

    settings = ConfigurationRestAPI(DEMO_KEY, DEMO_SECRET, timeout=60_000, base_path=simulator.url, retries=0)
    return getattr(sdk, name)(config_rest_api=settings).rest_api


def asks(client: Any, market: str) -> tuple[Ask, Ask, Ask]:
    """How a client asks for orders, trades and income."""
    match market:
        case "pm-usdm":
            return client.query_all_um_orders, client.um_account_trade_list, client.get_um_income_history
        case "pm-coinm":
            return client.query_all_cm_orders, client.cm_account_trade_list, client.get_cm_income_history
        case _:
            return client.all_orders, client.account_trade_list, client.get_income_history


def books_of(simulator: Simulator, market: str) -> dict[str, list[dict[str, Any]]]:
    with urlopen(f"{simulator.url}/sim/books?market={market}", timeout=60) as answer:  # noqa: S310
        found: dict[str, list[dict[str, Any]]] = json.load(answer)
        return found


def shown(models: Any) -> list[dict[str, Any]]:
    """Rows as an SDK read them, without what it did not find in them; it found nothing that it does not know."""
    return [{name: value for name, value in one.to_dict().items() if value not in (None, {})} for one in models or []]


def windows(length_ms: int) -> list[tuple[int, int]]:
    """Three weeks up to an hour ago in pieces."""
    end_ms = int(time.time() * 1000) - HOUR_MS
    start_ms = end_ms - 3 * WEEK_MS
    return [(at, min(at + length_ms, end_ms) - 1) for at in range(start_ms, end_ms, length_ms)]


def within(rows: list[dict[str, Any]], some: list[tuple[int, int]]) -> list[dict[str, Any]]:
    return [row for row in rows if some[0][0] <= row["time"] <= some[-1][1]]


def by_symbol(client: Any, market: str, length_ms: int, symbols: set[str]) -> tuple[list[Any], list[Any]]:
    """All orders and trades of the windows, asked for symbol by symbol."""
    orders, trades, _ = asks(client, market)
    rows, fills = list[Any](), list[Any]()
    for symbol in sorted(symbols):
        for start_ms, end_ms in windows(length_ms):
            asked = {"symbol": symbol, "start_time": start_ms, "end_time": end_ms}
            rows += shown(orders(**asked, limit=100).data())
            fills += shown(trades(**asked, limit=1000).data())
    return rows, fills


def alike(rows: list[dict[str, Any]], others: list[dict[str, Any]]) -> bool:
    return sorted(map(_name, rows)) == sorted(map(_name, others))


def _name(row: dict[str, Any]) -> str:
    return json.dumps(row, sort_keys=True)


@pytest.mark.parametrize("market", OF_FUTURES)
def test_the_official_client_reads_every_order_trade_and_income(market: str, simulator: Simulator) -> None:
    length_ms = DAY_MS if market == "pm-coinm" else WEEK_MS
    books, client = books_of(simulator, market), client_of(simulator, market)
    rows, fills = by_symbol(client, market, length_ms, {one["symbol"] for one in books["orders"]})
    assert alike(rows, within(books["orders"], windows(length_ms)))
    assert alike(fills, within(books["fills"], windows(length_ms)))
    _, _, ask = asks(client, market)
    income = [
        row
        for start_ms, end_ms in windows(DAY_MS)
        for row in shown(ask(start_time=start_ms, end_time=end_ms, limit=1000).data())
    ]
    expected = within(books["income"], windows(DAY_MS))
    assert alike(income, expected)
    assert min(map(len, (rows, fills, income))) > 100
    by_order: dict[tuple[str, int], Decimal] = {}
    for one in fills:
        name = one["symbol"], one["orderId"]
        by_order[name] = by_order.get(name, Decimal(0)) + Decimal(one["qty"])
    edge_ms = windows(length_ms)[0][0] + HOUR_MS  # an order of the owner may be filled for half an hour
    for one in rows:
        if one["time"] >= edge_ms and one["updateTime"] <= windows(length_ms)[-1][1]:
            assert by_order.get((one["symbol"], one["orderId"]), Decimal(0)) == Decimal(one["executedQty"])


@pytest.mark.parametrize("market", ["usdm", "coinm"])
def test_the_official_client_reads_the_trades_of_one_order(market: str, simulator: Simulator) -> None:
    client, (start_ms, end_ms) = client_of(simulator, market), windows(WEEK_MS)[-1]
    fills = within(books_of(simulator, market)["fills"], [(start_ms, end_ms)])
    wanted = fills[-1]
    found = client.account_trade_list(
        symbol=wanted["symbol"], order_id=wanted["orderId"], start_time=start_ms, end_time=end_ms
    )
    assert shown(found.data())[-1]["id"] == wanted["id"]
    assert {one.order_id for one in found.data()} == {wanted["orderId"]}


@pytest.mark.parametrize(("market", "symbol"), [("usdm", "BTCUSDT"), ("coinm", "BTCUSD_PERP")])
def test_the_official_client_reads_mark_prices(market: str, symbol: str, simulator: Simulator) -> None:
    end_ms = int(time.time() * 1000) - HOUR_MS
    rows = client_of(simulator, market).mark_price_kline_candlestick_data(
        symbol, "1m", start_time=end_ms - HOUR_MS, end_time=end_ms
    )
    klines = rows.data()
    assert len(klines) == 60
    for opened_at, opened, high, low, closed, _, closed_at, *_ in klines:
        assert closed_at - opened_at == 59_999
        assert Decimal(low) <= min(Decimal(opened), Decimal(closed)) <= max(Decimal(opened), Decimal(closed))
        assert Decimal(high) >= max(Decimal(opened), Decimal(closed))


def test_the_official_client_reads_all_orders_without_a_symbol(classic: Simulator) -> None:
    client, (start_ms, end_ms) = client_of(classic, "usdm"), windows(WEEK_MS)[-1]
    rows = shown(client.all_orders(start_time=start_ms, end_time=end_ms, limit=1000).data())
    assert alike(rows, within(books_of(classic, "usdm")["orders"], [(start_ms, end_ms)]))


def test_the_official_client_understands_the_refusal_of_a_closed_contract() -> None:
    with Simulator(replace(SCENARIO, closed_symbols="BTCUSDT"), (MAIN,), HISTORIES) as simulator:
        client = client_of(simulator, "usdm")
        from binance_common.errors import BadRequestError

        with pytest.raises(BadRequestError, match="Symbol is closed"):
            client.all_orders("BTCUSDT")
        with pytest.raises(BadRequestError, match="Symbol is closed"):
            client.account_trade_list("BTCUSDT")
