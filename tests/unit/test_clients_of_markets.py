"""What the client of each market asks, of which host, at what weight, and how it reads the answer."""

from dataclasses import replace

import pytest

from etl.core.markets import MARKETS, market_named
from etl.core.markets.market import Market, Pager
from etl.core.orders import CloseType
from etl.core.paging import Page, PageRequest, Refusal
from etl.core.timeline import HOUR, MINUTE, Window
from etl.errors import BannedError, TransientError
from etl.simulator.accounts import demo_account
from etl.simulator.faults import Fault
from tests.unit.connecting import NOW, Connected, Connecting

LAST_HOUR = PageRequest(Window(NOW - HOUR, NOW - MINUTE), 100)
IDS = [market.name for market in MARKETS]


def client_of(connect: Connecting, market: Market, *faults: Fault) -> Connected:
    """Of an account that has the market."""
    switched_at = 0 if market.is_portfolio_margin else None
    own = replace(demo_account("main"), wallets=("usdm", "coinm", "margin"))
    account = replace(own, portfolio_margin_from_ms=switched_at)
    return connect(*faults, market=market.name, account=account)


@pytest.mark.parametrize("market", MARKETS, ids=IDS)
def test_a_page_is_asked_for_at_the_path_of_the_market_and_weighs_what_is_documented(
    connect: Connecting, market: Market
) -> None:
    connected = client_of(connect, market)
    connected.client.set_clock()
    page = connected.page(LAST_HOUR)
    assert connected.stats.by_path == {market.clock.path: 1, market.path: 1}
    assert connected.client.spent() == (2, market.clock.weight + market.weights.of_all)
    assert page.length == 0
    assert page.total == (0 if market.pager is Pager.NUMBERED else None)


@pytest.mark.parametrize("name", ["coinm", "pm-usdm", "pm-coinm"])
def test_symbol_and_close_type_are_asked_for_where_the_market_has_them(connect: Connecting, name: str) -> None:
    market = market_named(name)
    connected = client_of(connect, market)
    request = PageRequest(LAST_HOUR.window, 100, market.probe_symbol, CloseType.ADL)
    assert connected.page(request).length == 0
    (entry,) = connected.stats.log
    assert (entry.symbol, entry.close_type, entry.limit) == (market.probe_symbol, "ADL", "100")
    assert connected.client.spent() == (1, market.weights.by_symbol)


def test_an_empty_202_is_no_page(connect: Connecting) -> None:
    market = market_named("pm-usdm")
    connected = client_of(connect, market, Fault("status", status=202, body="", path=market.path))
    assert isinstance(connected.failure(LAST_HOUR), TransientError)


def test_a_pair_without_isolated_margin_is_an_answer(connect: Connecting) -> None:
    market = market_named("margin")
    refusal = Fault("code", code=-11001, msg="Isolated margin account does not exist.", path=market.path)
    connected = client_of(connect, market, refusal)
    answer = connected.client.page(PageRequest(LAST_HOUR.window, 100, "BNBUSDT", number=1))
    assert answer is Refusal.NO_ISOLATED_MARGIN
    assert not isinstance(answer, Page)


SAID = f'"msg":"Way too many \\"requests\\"; IP banned until {NOW + HOUR}."'


@pytest.mark.parametrize(
    "said",
    [
        f'{{"code":-1003,{SAID}}}',
        f'{{ "code": -1003, {SAID} }}',
        f'\r\n{{{SAID},\n"code" : -1003}}',
        f'{{"success":false,"timestamp":1.5,{SAID},"code":-1003}}',
    ],
    ids=["code first", "with spaces", "code last", "after other keys"],
)
def test_a_ban_that_comes_with_the_status_of_an_answer_is_one(connect: Connecting, said: str) -> None:
    connected = connect(Fault("status", status=200, body=said, path="/fapi/v1/forceOrders"))
    assert isinstance(connected.failure(LAST_HOUR), BannedError)
    assert connected.access.cooldown_until > NOW + HOUR
    assert connected.stats.requests == 1
