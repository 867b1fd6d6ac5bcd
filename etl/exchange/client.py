"""The client of one account: takes a request, returns a checked response."""

import hmac
import json
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from threading import Lock
from typing import TypeVar
from urllib.parse import quote, urlencode

from etl.core.identity import host_of
from etl.core.paging import Answer, PageRequest, Refusal
from etl.errors import (
    BeyondRetentionError,
    ClockSkewError,
    ContractError,
    DoubtedKeyError,
    ExchangeError,
    ThrottledError,
    UnknownSymbolError,
    WindowTooWideError,
)
from etl.exchange.clock import ExchangeClock, compare_clocks
from etl.exchange.error_table import classify
from etl.exchange.exchange_info import ExchangeInfo, read_exchange_info, weight_limit_in
from etl.exchange.key_refusals import KeyRefusals
from etl.exchange.outcome_counts import ANSWERED, outcome_of
from etl.exchange.pages import read_object, read_page
from etl.exchange.rate_limiter import RateLimiter
from etl.exchange.retries import RetryPolicy
from etl.exchange.signing import Signer
from etl.exchange.transport import Response, Transport
from etl.logs import logger
from etl.waits import WAITS, Reason

FORCE_ORDERS = "/fapi/v1/forceOrders"
TIME = "/fapi/v1/time"
EXCHANGE_INFO = "/fapi/v1/exchangeInfo"

T = TypeVar("T")

_log = logger(__name__)

_LONG_WORD = re.compile(r"[A-Za-z0-9+/=%_-]{40,}")
"""What a message must not show: a key, or a signature (64 hex digits, or base64)."""

FEW_ATTEMPTS = 2
"""The most attempts of a request without which a run can do."""

LONGEST_ERROR = 1 << 16
"""Bytes of an error's body that are read."""

_REFUSALS = {
    WindowTooWideError: Refusal.TOO_WIDE,
    BeyondRetentionError: Refusal.BEYOND_RETENTION,
    UnknownSymbolError: Refusal.UNKNOWN_SYMBOL,
}


@dataclass(frozen=True, slots=True)
class Endpoint:
    """The exchange's address and its timeouts in seconds; `recv_window` in milliseconds.

    `read_timeout` is for the whole response, to its last byte.
    """

    base_url: str
    connect_timeout: float = 5.0
    read_timeout: float = 30.0
    recv_window: int = 5_000


class ExchangeClient:
    """Sends requests, does not choose them. Safe to use from several threads.

    Its state: the clock's offset, refusals of the key, the weight it has sent, and what the exchange says of itself.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        signer: Signer,
        clock: ExchangeClock,
        limiter: RateLimiter,
        retry: RetryPolicy,
        sleep: Callable[[float], object],
    ) -> None:
        self.host = host_of(endpoint.base_url)
        self._recv_window = endpoint.recv_window
        self._transport = Transport(endpoint.base_url, signer.api_key, endpoint.connect_timeout, endpoint.read_timeout)
        self._signer = signer
        self._clock = clock
        self._limiter = limiter
        self._retry = retry
        self._sleep = sleep
        self._key_refusals = KeyRefusals()
        self._lock = Lock()
        self._sent = 0
        self._weight = 0
        self._info: ExchangeInfo | None = None

    def fingerprint(self, salt: bytes) -> bytes:
        """16 bytes that tell this API key from others and do not show it (HMAC-SHA256 with the salt, shortened)."""
        return hmac.digest(salt, self._signer.api_key.encode(), "sha256")[:16]

    def page(self, request: PageRequest) -> Answer:
        """The response to one request for force orders; a refusal that calls for another request is one, too."""
        start, end = request.window.wire()
        parameters: dict[str, str | int] = {"startTime": start, "endTime": end, "limit": request.limit}
        if request.symbol is not None:
            parameters["symbol"] = request.symbol
        if request.close_type is not None:
            parameters["autoCloseType"] = request.close_type.value
        try:
            return self._retried(
                lambda: read_page(self._get(FORCE_ORDERS, request.weight, parameters), self._clock.now())
            )
        except (WindowTooWideError, BeyondRetentionError, UnknownSymbolError) as refusal:
            return _REFUSALS[type(refusal)]

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
            return self._exchange_info(self._retry).symbols
        except ThrottledError:
            raise
        except ExchangeError:
            return None

    def weight_limit(self) -> int | None:
        """The weight per minute that the exchange allows an address; None where it does not say so.

        Never raises an ExchangeError: a run can do without. What stops this request stops the next one too.
        """
        try:
            return self._exchange_info(self._few()).weight_limit
        except ExchangeError as error:
            _log.info("the exchange does not tell its weight limit: %s", error)
            return None

    def _exchange_info(self, retry: RetryPolicy) -> ExchangeInfo:
        """Weight 1, but over 1 MB: what lists symbols is kept."""
        info = self._info or self._retried(lambda: read_exchange_info(self._get(EXCHANGE_INFO, 1)), retry)
        self._info = info if info.symbols else None
        return info

    def _few(self) -> RetryPolicy:
        return replace(self._retry, attempts=min(self._retry.attempts, FEW_ATTEMPTS))

    def _retried(self, attempt: Callable[[], T], retry: RetryPolicy | None = None) -> T:
        try:
            return (retry or self._retry).retrying(self._sleep, lambda: self._limiter.waits_for_cooldown)(attempt)
        except ClockSkewError as error:
            raise ClockSkewError(f"{error}; {compare_clocks(self._clock.machine_is_ahead())}") from None

    def _read_time(self) -> None:
        exchange_time = read_object(self._get(TIME, 1)).get("serverTime")
        if not isinstance(exchange_time, str) or not re.fullmatch(r"\d{12,14}", exchange_time):
            raise ContractError("the exchange's response holds no valid serverTime")
        self._limiter.clock_moved(self._clock.set(int(exchange_time)))

    def _get(self, path: str, weight: int, signed: dict[str, str | int] | None = None) -> bytes:
        """The body of a 200; any other response is raised. Every attempt passes the rate limiter and is counted."""
        sent = self._limiter.acquire(weight)
        with self._lock:
            self._sent += 1
            self._weight += weight
        response = self._send(path, sent) if signed is None else self._send_signed(path, signed, sent)
        if response.status == 200:
            self._limiter.outcomes.add(ANSWERED)
            return response.body
        now = self._clock.now()
        code, message = _error_body(response.body)
        key_worked = partial(self._key_refusals.is_doubtful, sent)
        error = classify(response.status, code, message, response.headers, now, key_worked)
        self._limiter.outcomes.add(outcome_of(type(error)))
        if isinstance(error, DoubtedKeyError):
            self._key_refusals.doubt(error.cooldown_until)
        if isinstance(error, ThrottledError):
            if (limit := weight_limit_in(message)) is not None:
                self._limiter.correct_limit(limit)
            self._limiter.start_cooldown(error.cooldown_until, str(error))
        elif isinstance(error, ClockSkewError) and path != TIME:
            self._read_time()
        raise error

    def _send_signed(self, path: str, parameters: dict[str, str | int], sent: int) -> Response:
        with self._key_refusals.in_flight():
            response = self._send(f"{path}?{self._sign(parameters)}", sent)
            if response.status == 200:
                self._key_refusals.accepted(sent)
            return response

    def _send(self, target: str, sent: int) -> Response:
        try:
            with WAITS.during(Reason.ANSWER):
                response = self._transport.get(target)
        except ExchangeError as error:
            self._limiter.outcomes.add(outcome_of(type(error)))
            raise
        used = response.headers.get("X-MBX-USED-WEIGHT-1M", "")
        if re.fullmatch(r"[0-9]{1,9}", used):
            self._limiter.note_used_weight(int(used), sent)
        return response

    def _sign(self, parameters: dict[str, str | int]) -> str:
        now = {"recvWindow": self._recv_window, "timestamp": self._clock.now()}
        query = urlencode(parameters | now, quote_via=quote, safe="")
        return f"{query}&signature={self._signer.sign(query)}"


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
