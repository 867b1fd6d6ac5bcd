"""Order exports as the official clients of USDⓈ-M, COIN-M and Portfolio Margin request them from the simulator."""

import csv
import io
import json
import time
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

from etl.simulator.accounts import DEMO_KEY, DEMO_SECRET, MAIN
from etl.simulator.history import Generated, Profile
from etl.simulator.scenario import DAY_MS, Scenario
from etl.simulator.server import Simulator

MINUTE_MS = 60_000
PROCESSING_MS = 30_000
SCENARIO = Scenario(order_id_offset=8_389_766_251_307_928_000, export_processing_ms=PROCESSING_MS)
HISTORIES = {"main": dict.fromkeys(("usdm", "coinm"), Generated(Profile(), "exports", days=400))}
MARKETS = ("usdm", "coinm", "pm-usdm")
LONGEST_RECV_WINDOW_MS = 60_000  # the server clock is moved beneath the client

Ask = Callable[..., Any]


@pytest.fixture
def simulator(market: str) -> Iterator[Simulator]:
    account = replace(MAIN, portfolio_margin_from_ms=0) if market.startswith("pm-") else MAIN
    with Simulator(SCENARIO, (account,), HISTORIES) as running:
        yield running


def calls_of(simulator: Simulator, market: str) -> tuple[Ask, Ask]:
    """How the official client of a market requests an export, and how it asks for the link."""
    package, name = {
        "usdm": ("usds_futures", "DerivativesTradingUsdsFutures"),
        "coinm": ("coin_futures", "DerivativesTradingCoinFutures"),
        "pm-usdm": ("portfolio_margin", "DerivativesTradingPortfolioMargin"),
    }[market]
    sdk = pytest.importorskip(f"binance_sdk_derivatives_trading_{package}")
    from binance_common.configuration import ConfigurationRestAPI

    settings = ConfigurationRestAPI(DEMO_KEY, DEMO_SECRET, timeout=60_000, base_path=simulator.url, retries=0)
    client = getattr(sdk, name)(config_rest_api=settings).rest_api
    if market == "pm-usdm":
        return client.get_download_id_for_um_futures_order_history, client.get_um_futures_order_download_link_by_id
    return client.get_download_id_for_futures_order_history, client.get_futures_order_history_download_link_by_id


def sim(simulator: Simulator, path: str, body: Any = None) -> Any:
    content = None if body is None else json.dumps(body).encode()
    with urlopen(Request(f"{simulator.url}/sim/{path}", content), timeout=60) as answer:  # noqa: S310
        return json.load(answer)


def year_before_now() -> dict[str, int]:
    end_ms = int(time.time() * 1000)
    return {"start_time": end_ms - 365 * DAY_MS, "end_time": end_ms}


@pytest.mark.parametrize("market", MARKETS)
def test_the_official_client_requests_a_file_and_gets_its_link(market: str, simulator: Simulator) -> None:
    request, ask = calls_of(simulator, market)
    span = year_before_now()
    requested = request(**span).data()
    assert requested.avg_cost_timestamp_of_last30d == PROCESSING_MS
    link = ask(requested.download_id).data()
    assert (link.status, link.url, link.expiration_timestamp, link.is_expired) == ("processing", "", -1, None)
    sim(simulator, "clock", {"advance_ms": PROCESSING_MS})
    link = ask(requested.download_id, recv_window=LONGEST_RECV_WINDOW_MS).data()
    assert (link.download_id, link.status) == (requested.download_id, "completed")
    with urlopen(link.url, timeout=60) as answer:  # noqa: S310
        archive = zipfile.ZipFile(io.BytesIO(answer.read()))
    text = archive.read(archive.namelist()[0]).decode("utf-8-sig")
    rows = [*csv.DictReader(io.StringIO(text, newline=""))]
    history = [one for one in sim(simulator, f"history?market={market}") if span["start_time"] <= one["time"]]
    forced = [(one["Symbol"], one["Order No"]) for one in rows if "autoclose" in one["Client Order Id"]]
    assert {*forced} == {(one["symbol"], str(one["orderId"])) for one in history if one["time"] <= span["end_time"]}
    assert len(forced) > 500
    assert sim(simulator, "exports")["used"][0]["used"] == 1


@pytest.mark.parametrize("market", MARKETS)
def test_the_official_client_reads_an_expired_export(market: str, simulator: Simulator) -> None:
    at_once = {"export_processing_ms": 0, "export_link_days": 0, "export_expired_as": "text"}
    sim(simulator, "scenario", at_once)
    request, ask = calls_of(simulator, market)
    link = ask(request(**year_before_now()).data().download_id).data()
    assert (link.status, link.url, link.is_expired) == ("completed", "", "true")


@pytest.mark.parametrize("market", MARKETS)
def test_the_official_client_understands_the_quota_and_the_ban(market: str, simulator: Simulator) -> None:
    sim(simulator, "scenario", {f"{prefix}export_quota": 1 for prefix in ("", "dapi_", "papi_")})
    since_minute_ms = int(time.time() * 1000) % MINUTE_MS
    if since_minute_ms > MINUTE_MS // 2:  # so that all three are in one
        sim(simulator, "clock", {"advance_ms": MINUTE_MS - since_minute_ms})
    request, _ = calls_of(simulator, market)
    from binance_common.errors import BadRequestError, RateLimitBanError

    late = {"recv_window": LONGEST_RECV_WINDOW_MS}
    request(**year_before_now(), **late)
    with pytest.raises(BadRequestError, match="limited to 1 times per month"):
        request(**year_before_now(), **late)
    with pytest.raises(RateLimitBanError, match="banned until"):
        request(**year_before_now(), **late)


@pytest.mark.parametrize("market", ["usdm"])
def test_nobody_reads_a_file_without_its_link(simulator: Simulator, market: str) -> None:
    with pytest.raises(HTTPError, match="404"):
        urlopen(f"{simulator.url}/exports/guessed", timeout=60)  # noqa: S310
