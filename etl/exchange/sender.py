"""Sends a request once: rate limiter, signature and HTTP, and what the response means. Nothing is sent again here."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from threading import Lock
from urllib.parse import quote, urlencode

from etl.core.markets.market import Api, Endpoint
from etl.errors import ClockSkewError, ContractError, DoubtedKeyError, ExchangeError, ThrottledError
from etl.exchange.access import Access
from etl.exchange.error_table import classify
from etl.exchange.exchange_info import weight_limit_in
from etl.exchange.key_refusals import KeyRefusals
from etl.exchange.outcome_counts import ANSWERED, outcome_of
from etl.exchange.pages import read_object
from etl.exchange.rate_limiter import RateLimiter
from etl.exchange.signing import Signer
from etl.exchange.transport import Response, Transport
from etl.waits import WAITS, Reason

_LONG_WORD = re.compile(r"[A-Za-z0-9+/=%_-]{40,}")
"""What a message must not show: a key, or a signature (64 hex digits, or base64)."""

_STRING = rb'"(?:[^"\\]|\\.)*"'
_ERROR = re.compile(rb'\s*\{(?:\s*%b\s*:\s*(?:%b|[\w.+-]+)\s*,)*\s*"code"\s*:\s*-' % (_STRING, _STRING), re.DOTALL)
"""How the exchange's own errors begin, whatever their status and the order of their keys."""

LONGEST_ERROR = 1 << 16
"""Bytes of an error's body that are read."""


Parameters = Mapping[str, str | int]


@dataclass(frozen=True, slots=True)
class HttpOptions:
    """The addresses of the exchange's APIs by name, and the timeouts in seconds; `recv_window` in milliseconds.

    `read_timeout` is for the whole response, to its last byte.
    """

    base_urls: Mapping[str, str]
    connect_timeout: float = 5.0
    read_timeout: float = 30.0
    recv_window: int = 5_000


class Sender:
    """Sends what it is given, with the key of one account. Safe to use from several threads.

    Its state: refusals of the key, and the weight it has sent.
    """

    def __init__(self, time: Endpoint, options: HttpOptions, signer: Signer, access: Access) -> None:
        """`time`: where the clock is asked for that signed requests are checked against."""
        self.clock = access.clock(time.api)
        self._time = time
        self._options = options
        self._transports: dict[str, Transport] = {}
        self._signer = signer
        self._access = access
        self._key_refusals: dict[str, KeyRefusals] = {}
        """By path: a key that may read one list may be refused at another."""
        self._lock = Lock()
        self._sent = 0
        self._weight = 0

    def spent(self) -> tuple[int, int]:
        """Requests sent so far, and their weight."""
        with self._lock:
            return self._sent, self._weight

    def read_time(self) -> None:
        """Set the exchange's clock (weight 1)."""
        exchange_time = read_object(self.public(self._time, {})).get("serverTime")
        if not isinstance(exchange_time, str) or not re.fullmatch(r"\d{12,14}", exchange_time):
            raise ContractError("the exchange's response holds no valid serverTime")
        self._access.set_clock(self.clock, int(exchange_time))

    def signed(self, endpoint: Endpoint, parameters: Parameters) -> bytes:
        """The body of a 200; any other response is raised. The request passes the rate limiter and is counted."""
        return self._get(endpoint, parameters, is_signed=True)

    def public(self, endpoint: Endpoint, parameters: Parameters) -> bytes:
        """The same without a signature."""
        return self._get(endpoint, parameters, is_signed=False)

    def _get(self, endpoint: Endpoint, parameters: Parameters, *, is_signed: bool) -> bytes:
        limiter = self._access.limiter(endpoint.api.pool, self.clock)
        sent = limiter.acquire(endpoint.weight)
        with self._lock:
            self._sent += 1
            self._weight += endpoint.weight
        send, refusals = partial(self._send, endpoint.api, limiter, sent), self._refusals(endpoint)
        if not is_signed:
            response = send(f"{endpoint.path}?{_query(parameters)}" if parameters else endpoint.path)
        else:
            with refusals.in_flight():
                response = send(f"{endpoint.path}?{self._sign(parameters)}")
                if _is_answer(response):
                    refusals.accepted(sent)
        code, message = (None, "") if _is_answer(response) else _error_body(response.body)
        if response.status == 200 and code is None:
            self._access.outcomes.add(ANSWERED)
            return response.body
        now = self.clock.now()
        key_worked = partial(refusals.is_doubtful, sent)
        error = classify(response.status, code, message, response.headers, now, key_worked)
        error.code = code
        self._access.outcomes.add(outcome_of(type(error)))
        if isinstance(error, DoubtedKeyError):
            refusals.doubt(error.cooldown_until)
        if isinstance(error, ThrottledError):
            if (limit := weight_limit_in(message)) is not None:
                limiter.correct_limit(limit)
            self._access.start_cooldown(error.cooldown_until, str(error))
        elif isinstance(error, ClockSkewError) and endpoint != self._time:
            self.read_time()
        raise error

    def _refusals(self, endpoint: Endpoint) -> KeyRefusals:
        with self._lock:
            return self._key_refusals.setdefault(f"{endpoint.api.name} {endpoint.path}", KeyRefusals())

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

    def _sign(self, parameters: Parameters) -> str:
        now = {"recvWindow": self._options.recv_window, "timestamp": self.clock.now()}
        query = _query({**parameters, **now})
        return f"{query}&signature={self._signer.sign(query)}"


def _query(parameters: Parameters) -> str:
    return urlencode(parameters, quote_via=quote, safe="")


def _is_answer(response: Response) -> bool:
    """Whether it is what was asked for, and no error with the status of an answer."""
    return response.status == 200 and _ERROR.match(response.body, 0, LONGEST_ERROR) is None


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
