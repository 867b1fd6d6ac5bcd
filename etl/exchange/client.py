"""The client of one account in one market: takes a request, returns a checked response."""

import hmac
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from threading import Lock
from typing import TypeVar
from urllib.parse import quote, urlencode

from etl.core.account_markets import AccountInfo, Probe
from etl.core.identity import host_of
from etl.core.markets.market import Api, Endpoint, Market, Pager
from etl.core.paging import Answer, Page, PageRequest, Refusal
from etl.core.timeline import SECOND, Window
from etl.errors import (
    BeyondRetentionError,
    ClockSkewError,
    ContractError,
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
from etl.exchange.clock import compare_clocks
from etl.exchange.error_table import classify
from etl.exchange.exchange_info import ExchangeInfo, read_exchange_info, read_margin_pairs, weight_limit_in
from etl.exchange.key_refusals import KeyRefusals
from etl.exchange.outcome_counts import ANSWERED, outcome_of
from etl.exchange.pages import read_numbered_page, read_object, read_page
from etl.exchange.question import Question, Told
from etl.exchange.rate_limiter import RateLimiter
from etl.exchange.retries import RetryPolicy
from etl.exchange.signing import Signer
from etl.exchange.transport import Response, Transport
from etl.logs import logger
from etl.waits import WAITS, Reason

T = TypeVar("T")

_log = logger(__name__)

_LONG_WORD = re.compile(r"[A-Za-z0-9+/=%_-]{40,}")
"""What a message must not show: a key, or a signature (64 hex digits, or base64)."""

FEW_ATTEMPTS = 2
"""The most attempts of a request without which a run can do."""

_ERROR = re.compile(rb'\s*\{\s*"code"\s*:\s*-')
"""How the exchange's own errors begin, whatever their status."""

LONGEST_ERROR = 1 << 16
"""Bytes of an error's body that are read."""

_REFUSALS = {
    WindowTooWideError: Refusal.TOO_WIDE,
    BeyondRetentionError: Refusal.BEYOND_RETENTION,
    UnknownSymbolError: Refusal.UNKNOWN_SYMBOL,
    NoIsolatedMarginError: Refusal.NO_ISOLATED_MARGIN,
}


@dataclass(frozen=True, slots=True)
class HttpOptions:
    """The addresses of the exchange's APIs by name, and the timeouts in seconds; `recv_window` in milliseconds.

    `read_timeout` is for the whole response, to its last byte.
    """

    base_urls: Mapping[str, str]
    connect_timeout: float = 5.0
    read_timeout: float = 30.0
    recv_window: int = 5_000


class ExchangeClient:
    """Sends requests, does not choose them. Safe to use from several threads.

    Its state: the clock's offset, refusals of the key, the weight it has sent, and what the exchange says of itself.
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
        self.clock = access.clock(market.clock.api)
        self.limiter = access.limiter(market.api.pool, self.clock)
        self._options = options
        self._transports: dict[str, Transport] = {}
        self._signer = signer
        self._access = access
        self._retry = retry
        self._sleep = sleep
        self._key_refusals: dict[str, KeyRefusals] = {}
        """By API: a key that works at one may be refused at another."""
        self._lock, self._listing = Lock(), Lock()
        self._sent = 0
        self._weight = 0
        self._info: ExchangeInfo | None = None

    def fingerprint(self, salt: bytes) -> bytes:
        """16 bytes that tell this API key from others and do not show it (HMAC-SHA256 with the salt, shortened)."""
        return hmac.digest(salt, self._signer.api_key.encode(), "sha256")[:16]

    def page(self, request: PageRequest) -> Answer:
        """The response to one request for force orders; a refusal that calls for another request is one, too."""
        try:
            return self._page(request, self._retry)
        except tuple(_REFUSALS) as refusal:
            return _REFUSALS[type(refusal)]

    def ask(self, question: Question[Told]) -> Told | Refusal:
        """The answer to a question; a refusal that calls for another one is an answer, too."""
        try:
            return self._retried(lambda: question.read(self._put(question), self.clock.now()))
        except tuple(_REFUSALS) as refusal:
            return _REFUSALS[type(refusal)]

    def _page(self, request: PageRequest, retry: RetryPolicy) -> Page:
        market, parameters = self.market, self._parameters(request)
        endpoint = Endpoint(market.api, market.path, market.weights.of(request.symbol))
        return self._retried(lambda: self._read_page(self._get(endpoint, parameters)), retry)

    def _parameters(self, request: PageRequest) -> dict[str, str | int]:
        start, end = request.window.wire()
        parameters: dict[str, str | int] = {"startTime": start, "endTime": end}
        if self.market.pager is Pager.NUMBERED:
            parameters |= {"current": request.number or 1, "size": request.limit}
        else:
            parameters["limit"] = request.limit
        if request.symbol is not None and self.market.symbol_parameter is not None:
            parameters[self.market.symbol_parameter] = request.symbol
        if request.close_type is not None:
            parameters["autoCloseType"] = request.close_type.value
        return parameters

    def _read_page(self, body: bytes) -> Page:
        read = read_numbered_page if self.market.pager is Pager.NUMBERED else read_page
        return read(body, self.clock.now())

    def spent(self) -> tuple[int, int]:
        """Requests sent so far, and their weight."""
        with self._lock:
            return self._sent, self._weight

    def set_clock(self, *, briefly: bool = False) -> None:
        """Measure the exchange's clock (weight 1). `briefly`: with few attempts, as another account had no answer."""
        self._retried(self._read_time, self._few() if briefly else None)

    def symbols(self) -> frozenset[str] | None:
        """The names of all symbols that the exchange lists; None where it gives none. Requested once and kept."""
        try:
            return self._listed(self._retry).symbols
        except ThrottledError:
            raise
        except ExchangeError:
            return None

    def account_info(self) -> AccountInfo:
        """What the exchange says that the account has, in whatever market (weight 1 of the API for wallets)."""
        return self._retried(lambda: read_account_info(read_object(self._get(INFO, {}))), self._few())

    def key_limits(self) -> KeyLimits:
        """What the exchange says that the key may do (weight 1 of the API for wallets)."""
        return self._retried(lambda: read_key_limits(read_object(self._get(RESTRICTIONS, {}))), self._few())

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
            info = self._info or self._retried(lambda: read(self._get(listing)), retry)
            self._info = info if info.symbols else None
            return info

    def _few(self) -> RetryPolicy:
        return replace(self._retry, attempts=min(self._retry.attempts, FEW_ATTEMPTS))

    def _retried(self, attempt: Callable[[], T], retry: RetryPolicy | None = None) -> T:
        try:
            return (retry or self._retry).retrying(self._sleep, lambda: self.limiter.waits_for_cooldown)(attempt)
        except ClockSkewError as error:
            raise ClockSkewError(f"{error}; {compare_clocks(self.clock.machine_is_ahead())}") from None

    def _read_time(self) -> None:
        exchange_time = read_object(self._get(self.market.clock)).get("serverTime")
        if not isinstance(exchange_time, str) or not re.fullmatch(r"\d{12,14}", exchange_time):
            raise ContractError("the exchange's response holds no valid serverTime")
        self._access.set_clock(self.clock, int(exchange_time))

    def _get(self, endpoint: Endpoint, signed: Mapping[str, str | int] | None = None) -> bytes:
        """The body of a 200; any other response is raised. Every attempt passes the rate limiter and is counted."""
        limiter = self._access.limiter(endpoint.api.pool, self.clock)
        sent = limiter.acquire(endpoint.weight)
        with self._lock:
            self._sent += 1
            self._weight += endpoint.weight
        send, refusals = partial(self._send, endpoint.api, limiter, sent), self._refusals(endpoint.api)
        if signed is None:
            response = send(endpoint.path)
        else:
            with refusals.in_flight():
                response = send(f"{endpoint.path}?{self._sign(signed)}")
                if _is_answer(response):
                    refusals.accepted(sent)
        code, message = (None, "") if _is_answer(response) else _error_body(response.body)
        if response.status == 200 and code is None:
            self._access.outcomes.add(ANSWERED)
            return response.body
        now = self.clock.now()
        key_worked = partial(refusals.is_doubtful, sent)
        error = classify(response.status, code, message, response.headers, now, key_worked)
        self._access.outcomes.add(outcome_of(type(error)))
        if isinstance(error, DoubtedKeyError):
            refusals.doubt(error.cooldown_until)
        if isinstance(error, ThrottledError):
            if (limit := weight_limit_in(message)) is not None:
                limiter.correct_limit(limit)
            self._access.start_cooldown(error.cooldown_until, str(error))
        elif isinstance(error, ClockSkewError) and endpoint != self.market.clock:
            self._read_time()
        raise error

    def _put(self, question: Question[Told]) -> bytes:
        if not question.is_public:
            return self._get(question.endpoint, question.parameters)
        path = f"{question.endpoint.path}?{urlencode(question.parameters, quote_via=quote, safe='')}"
        return self._get(replace(question.endpoint, path=path))

    def _refusals(self, api: Api) -> KeyRefusals:
        with self._lock:
            return self._key_refusals.setdefault(api.name, KeyRefusals())

    def _send(self, api: Api, limiter: RateLimiter, sent: int, target: str) -> Response:
        try:
            with WAITS.during(Reason.ANSWER):
                response = self._transport(api).get(target)
        except ExchangeError as error:
            self._access.outcomes.add(outcome_of(type(error)))
            raise
        used = response.headers.get(api.pool.used_weight_header, "")
        if re.fullmatch(r"[0-9]{1,9}", used):
            limiter.note_used_weight(int(used), sent)
        return response

    def _transport(self, api: Api) -> Transport:
        with self._lock:
            if api.name not in self._transports:
                options = self._options
                timeouts = options.connect_timeout, options.read_timeout
                self._transports[api.name] = Transport(options.base_urls[api.name], self._signer.api_key, *timeouts)
            return self._transports[api.name]

    def _sign(self, parameters: Mapping[str, str | int]) -> str:
        now = {"recvWindow": self._options.recv_window, "timestamp": self.clock.now()}
        query = urlencode({**parameters, **now}, quote_via=quote, safe="")
        return f"{query}&signature={self._signer.sign(query)}"


def _is_answer(response: Response) -> bool:
    """Whether it is what was asked for, and no error with the status of an answer."""
    return response.status == 200 and _ERROR.match(response.body) is None


def _error_body(body: bytes) -> tuple[int | None, str]:
    """Code and message of an error's body, without keys and signatures."""
    text = body[:LONGEST_ERROR].decode(errors="replace")
    code = None
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        value = None
    if isinstance(value, dict):
        code = value["code"] if type(value.get("code")) is int else None
        text = str(value.get("msg", ""))
    return code, _LONG_WORD.sub("…", re.sub(r"signature=[^&\s]*", "signature=…", text))
