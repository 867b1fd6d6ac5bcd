"""A client with a misbehaving exchange behind it, for the tests of the client. Waits are recorded, not waited for."""

import re
from contextlib import ExitStack
from threading import Event
from typing import Any

import pytest

from etl.core.markets import USDM, market_named
from etl.core.markets.apis import APIS
from etl.core.paging import Page, PageRequest
from etl.core.timeline import DAY, HOUR, MINUTE, Window
from etl.errors import ForceOrdersError
from etl.exchange.access import Access
from etl.exchange.budget import Budget
from etl.exchange.client import ExchangeClient
from etl.exchange.clock import ExchangeClock, local_now
from etl.exchange.rate_limiter import RateLimiter
from etl.exchange.retries import RetryPolicy
from etl.exchange.sender import HttpOptions
from etl.exchange.signing import HmacSigner
from etl.simulator.accounts import DEMO_KEY, DEMO_SECRET, Account, demo_account
from etl.simulator.faults import Fault
from etl.simulator.orders import Order, orders_from_json
from etl.simulator.scenario import Scenario
from etl.simulator.server import Simulator, real_time_ms
from tests.unit.alone import Alone

UNSPEAKABLE = re.compile(rf"{DEMO_KEY}|{DEMO_SECRET}|timestamp=|signature=(?!…)")
NOW = local_now()
LAST_WEEK = PageRequest(Window(NOW - 7 * DAY + HOUR, NOW - MINUTE), limit=100)


def orders() -> list[Order]:
    rows = [
        {"symbol": "币安人生USDT", "orderId": 1, "clientOrderId": "autoclose-1", "price": "1.10", "time": NOW - DAY},
        {"symbol": "BTCUSDT", "orderId": 1, "clientOrderId": "adl_autoclose", "price": "2", "time": NOW - 2 * DAY},
    ]
    return orders_from_json(rows)


class Connected:
    """A client with a simulator of its own behind it, and everything between them that a test looks at."""

    def __init__(
        self,
        simulator: Simulator,
        key: str = DEMO_KEY,
        secret: str = DEMO_SECRET,
        attempts: int = 3,
        longest_cooldown: int = 0,
        read_timeout: float = 20,
        url: str | None = None,
        sits_out: bool = False,
        market: str = USDM,
    ) -> None:
        """`sits_out`: where the client would wait, both clocks jump to the end of the cooldown."""
        self._simulator = simulator
        self._sits_out = sits_out
        self.stats = simulator.exchange.stats
        self.waits: list[float] = []
        self.clock = ExchangeClock()
        self.stop = Event()
        self.stop_at_the_first_wait = False
        self.budget = Budget(2_400)
        self.limiter = RateLimiter(Alone(), self.budget, self.clock.now, self.stop, longest_cooldown)
        self.access = Access(lambda pool, now: self.limiter, lambda: self.clock)
        urls = dict.fromkeys((api.name for api in APIS), url or simulator.url)
        options = HttpOptions(urls, connect_timeout=5, read_timeout=read_timeout)
        retry, signer = RetryPolicy(attempts), HmacSigner(key, secret)
        self.client = ExchangeClient(market_named(market), options, signer, self.access, retry, self._no_sleep)

    def _no_sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        cooldown = self.limiter.cooldown_until - self.clock.now()
        if self._sits_out and cooldown > 0:
            self.pass_time(cooldown)
        if self.stop_at_the_first_wait:
            self.stop.set()

    def pass_time(self, milliseconds: int) -> None:
        """So much later by the exchange's clock, which the client follows."""
        exchange, real_ms = self._simulator.exchange, real_time_ms()
        exchange.clock = exchange.clock.moved_to(exchange.clock.read(real_ms) + milliseconds, real_ms)
        self.clock.set(self.clock.now() + milliseconds)

    def page(self, request: PageRequest = LAST_WEEK) -> Page:
        answer = self.client.page(request)
        assert isinstance(answer, Page)
        return answer

    def failure(self, request: PageRequest = LAST_WEEK) -> ForceOrdersError:
        """The error of a request, which shows nothing that identifies or signs for the account."""
        with pytest.raises(ForceOrdersError) as failed:
            self.client.page(request)
        error: BaseException | None = failed.value
        while error is not None:
            shown = f"{error} {error!r} {error.args}"
            assert not UNSPEAKABLE.search(shown)
            error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
        return failed.value


class Connecting:
    """Starts simulators and connects to them, until the test ends."""

    def __init__(self, running: ExitStack) -> None:
        self._running = running

    def __call__(
        self, *faults: Fault, switches: dict[str, Any] | None = None, account: Account | None = None, **options: Any
    ) -> Connected:
        accounts = (account,) if account else (demo_account("main"),)
        simulator = Simulator(Scenario(**(switches or {})), accounts, histories={"main": orders()}, faults=faults)
        return Connected(self._running.enter_context(simulator), **options)
