"""The client of one account in one market: takes a request, returns a checked response."""

import hmac
from collections.abc import Callable
from dataclasses import replace
from threading import Lock
from typing import TypeVar

from etl.core.account_markets import AccountInfo, Probe
from etl.core.hints import Hint
from etl.core.identity import host_of
from etl.core.markets.market import Endpoint, Market, Pager
from etl.core.paging import Answer, Page, PageRequest, Refusal
from etl.core.probing.notebook import ProbeRequest, Refused
from etl.core.timeline import SECOND, Window
from etl.errors import (
    BeyondRetentionError,
    ClockSkewError,
    CredentialsError,
    DoubtedKeyError,
    ExchangeError,
    NoIsolatedMarginError,
    NotServedError,
    ThrottledError,
    UnknownSymbolError,
    WindowTooWideError,
)
from etl.exchange.access import Access
from etl.exchange.account_api import INFO, RESTRICTIONS, KeyLimits, read_account_info, read_key_limits
from etl.exchange.all_orders import hint_question
from etl.exchange.clock import compare_clocks
from etl.exchange.error_table import is_of_the_request
from etl.exchange.exchange_info import ExchangeInfo, read_exchange_info, read_margin_pairs
from etl.exchange.pages import read_numbered_page, read_object, read_page
from etl.exchange.question import Question, Told
from etl.exchange.retries import RetryPolicy
from etl.exchange.sender import HttpOptions, Sender
from etl.exchange.signing import Signer
from etl.logs import logger

T = TypeVar("T")

_log = logger(__name__)

FEW_ATTEMPTS = 2
"""The most attempts of a request without which a run can do."""

_REFUSALS = {
    WindowTooWideError: Refusal.TOO_WIDE,
    BeyondRetentionError: Refusal.BEYOND_RETENTION,
    UnknownSymbolError: Refusal.UNKNOWN_SYMBOL,
    NoIsolatedMarginError: Refusal.NO_ISOLATED_MARGIN,
}


class ExchangeClient:
    """Sends requests, and sends them again; does not choose them. Safe to use from several threads.

    Its state: what the exchange lists.
    """

    def __init__(
        self,
        market: Market,
        options: HttpOptions,
        signer: Signer,
        access: Access,
        retry: RetryPolicy,
        sleep: Callable[[float], object],
    ) -> None:
        self.market = market
        self.host = host_of(options.base_urls[market.api.name])
        self._sender = Sender(market.clock, options, signer, access)
        self.clock = self._sender.clock
        self.limiter = access.limiter(market.api.pool, self.clock)
        self._api_key = signer.api_key
        self._retry = retry
        self._sleep = sleep
        self._listing = Lock()
        self._info: ExchangeInfo | None = None

    def fingerprint(self, salt: bytes) -> bytes:
        """16 bytes that tell this API key from others and do not show it (HMAC-SHA256 with the salt, shortened)."""
        return hmac.digest(salt, self._api_key.encode(), "sha256")[:16]

    def page(self, request: PageRequest) -> Answer:
        """The response to one request for force orders; a refusal that calls for another request is one, too."""
        try:
            return self._page(request, self._retry)
        except tuple(_REFUSALS) as refusal:
            return _REFUSALS[type(refusal)]

    def answer(self, request: ProbeRequest, attempts: int) -> Page | Refused:
        """The response to a request for force orders with exactly these parameters, or its refusal.

        `attempts`: the most that there is weight for; each may also read the clock (weight 1).
        """
        retry = replace(self._retry, attempts=min(self._retry.attempts, attempts))
        try:
            return self._orders(self._cursor(request.start, request.end, request.limit), request.symbol, retry)
        except ExchangeError as error:
            if type(error) not in _REFUSALS and not is_of_the_request(error):
                raise
            return Refused(_REFUSALS.get(type(error)), error.code)

    def ask(self, question: Question[Told]) -> Told | Refusal:
        """The answer to a question; a refusal that calls for another one is an answer, too."""
        try:
            send = self._sender.public if question.is_public else self._sender.signed
            return self._retried(lambda: question.read(send(question.endpoint, question.parameters), self.clock.now()))
        except tuple(_REFUSALS) as refusal:
            return _REFUSALS[type(refusal)]

    def ask_once(self, question: Question[Told]) -> Told:
        """The answer to a question that must not be sent again whatever comes of it. Raises the error of a failure."""
        return question.read(self._sender.signed(question.endpoint, question.parameters), self.clock.now())

    def _page(self, request: PageRequest, retry: RetryPolicy) -> Page:
        parameters = self._cursor(*request.window.wire(), request.limit, request.number)
        if request.close_type is not None:
            parameters["autoCloseType"] = request.close_type.value
        return self._orders(parameters, request.symbol, retry)

    def _cursor(self, start: int, end: int, limit: int, number: int | None = None) -> dict[str, str | int]:
        is_numbered = self.market.pager is Pager.NUMBERED
        paging: dict[str, str | int] = {"current": number or 1, "size": limit} if is_numbered else {"limit": limit}
        return {"startTime": start, "endTime": end, **paging}

    def _orders(self, parameters: dict[str, str | int], symbol: str | None, retry: RetryPolicy) -> Page:
        market = self.market
        endpoint = Endpoint(market.api, market.path, market.weights.of(symbol))
        if symbol is not None and market.symbol_parameter is not None:
            parameters = parameters | {market.symbol_parameter: symbol}
        return self._retried(lambda: self._read_page(self._sender.signed(endpoint, parameters)), retry)

    def _read_page(self, body: bytes) -> Page:
        read = read_numbered_page if self.market.pager is Pager.NUMBERED else read_page
        return read(body, self.clock.now())

    def spent(self) -> tuple[int, int]:
        """Requests sent so far, and their weight."""
        return self._sender.spent()

    def set_clock(self, *, briefly: bool = False) -> None:
        """Measure the exchange's clock (weight 1). `briefly`: with few attempts, as another account had no answer."""
        self._retried(self._sender.read_time, self._few() if briefly else None)

    def symbols(self) -> frozenset[str] | None:
        """The names of all symbols that the exchange lists; None where it gives none. Requested once and kept."""
        try:
            return self._listed(self._retry).symbols
        except ThrottledError:
            raise
        except ExchangeError:
            return None

    def hint(self, window: Window) -> Hint | None:
        """Where the forced orders of a window lie, as the list of all orders shows it; None where it does not.

        Raises ThrottledError. Any other refusal is no hint: a walk can do without.
        """
        records = self.market.all_orders
        if records is None:
            return None
        asked = hint_question(records, window)
        try:
            return self._retried(
                lambda: asked.read(self._sender.signed(asked.endpoint, asked.parameters), self.clock.now()), self._few()
            )
        except DoubtedKeyError:
            return None
        except ThrottledError:
            raise
        except ExchangeError as error:
            _log.info("the exchange does not list all orders, so busy windows cost more requests: %s", error)
            return None

    def account_info(self) -> AccountInfo:
        """What the exchange says that the account has, in whatever market (weight 1 of the API for wallets)."""
        return self._retried(lambda: read_account_info(read_object(self._sender.signed(INFO, {}))), self._few())

    def key_limits(self) -> KeyLimits:
        """What the exchange says that the key may do (weight 1 of the API for wallets)."""
        return self._retried(lambda: read_key_limits(read_object(self._sender.signed(RESTRICTIONS, {}))), self._few())

    def probe(self) -> Probe:
        """Whether the key may read this market: its clock, and one request for its newest second.

        The clock is asked first, as that costs least where the host does not have the market. Raises ThrottledError.
        """
        try:
            if not self.clock.is_fresh:
                self.set_clock(briefly=True)
            now = self.clock.now()
            self._page(PageRequest(Window(now - SECOND, now), 1, self.market.probe_symbol), self._few())
        except ThrottledError:
            raise
        except CredentialsError:
            return Probe.REFUSED
        except NotServedError:
            return Probe.NOT_SERVED
        except ExchangeError:  # such as a wallet that sleeps: it may wake up
            return Probe.SILENT
        return Probe.ANSWERED

    def weight_limit(self) -> int | None:
        """The weight per minute that the exchange allows an address; None where it does not say so.

        Never raises an ExchangeError: a run can do without. What stops this request stops the next one too.
        """
        try:
            return self._listed(self._few()).weight_limit
        except ExchangeError as error:
            _log.info("the exchange does not tell its weight limit: %s", error)
            return None

    def listed(self, *, asks: bool) -> ExchangeInfo:
        """What the exchange lists for the market, as far as it was asked already or `asks`.

        Never raises an ExchangeError: a run can do without.
        """
        try:
            return self._listed(self._few()) if asks else self._info or ExchangeInfo()
        except ExchangeError as error:
            _log.info("the exchange does not tell what it lists: %s", error)
            return ExchangeInfo()

    def _listed(self, retry: RetryPolicy) -> ExchangeInfo:
        """What the exchange lists for the market, often over 1 MB: kept once it has symbols."""
        if self.market.listing is None:
            return ExchangeInfo()
        listing = self.market.listing
        read = read_margin_pairs if self.market.pager is Pager.NUMBERED else read_exchange_info
        with self._listing:  # several walks may need it at once
            info = self._info or self._retried(lambda: read(self._sender.public(listing, {})), retry)
            self._info = info if info.symbols else None
            return info

    def _few(self) -> RetryPolicy:
        return replace(self._retry, attempts=min(self._retry.attempts, FEW_ATTEMPTS))

    def _retried(self, attempt: Callable[[], T], retry: RetryPolicy | None = None) -> T:
        try:
            return (retry or self._retry).retrying(self._sleep, lambda: self.limiter.waits_for_cooldown)(attempt)
        except ClockSkewError as error:
            raise ClockSkewError(f"{error}; {compare_clocks(self.clock.machine_is_ahead())}") from None
