"""One account's connection to the exchange: a request in, a checked answer out."""

import json
import re
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar
from urllib.parse import quote, urlencode

import requests
import urllib3

from etl.core.paging import Answer, PageRequest, Refusal
from etl.errors import (
    BeyondRetentionError,
    ClockSkewError,
    ContractError,
    ExchangeError,
    ThrottledError,
    TransientError,
    UnknownSymbolError,
    WindowTooWideError,
)
from etl.exchange.classify import classify
from etl.exchange.clock import ExchangeClock
from etl.exchange.gate import Gate
from etl.exchange.retrying import RetryPolicy
from etl.exchange.signing import Signer
from etl.exchange.wire import read_object, read_page

FORCE_ORDERS = "/fapi/v1/forceOrders"
TIME = "/fapi/v1/time"
EXCHANGE_INFO = "/fapi/v1/exchangeInfo"

LARGEST_BODY = 16 << 20
"""Bytes after which an answer is not read on: a page has about 60 kB, exchangeInfo a little over 1 MB."""

T = TypeVar("T")

LONGEST_ERROR = 1 << 16
"""Bytes of an error's body that are looked at."""

_CHUNK = 1 << 16
_REFUSALS = {
    WindowTooWideError: Refusal.TOO_WIDE,
    BeyondRetentionError: Refusal.BEYOND_RETENTION,
    UnknownSymbolError: Refusal.UNKNOWN_SYMBOL,
}


@dataclass(frozen=True, slots=True)
class Connection:
    """Where the exchange is and how long to wait for it; times in seconds, `recv_window` in milliseconds."""

    base_url: str
    connect_timeout: float = 5.0
    read_timeout: float = 30.0
    recv_window: int = 5_000


class ExchangeClient:
    """Safe to use from several threads; each has a session, and so a connection, of its own.

    It does not decide what to ask, and keeps nothing but the clock's offset.
    """

    def __init__(
        self,
        connection: Connection,
        signer: Signer,
        clock: ExchangeClock,
        gate: Gate,
        retry: RetryPolicy,
        sleep: Callable[[float], object],
    ) -> None:
        self._connection = connection
        self._signer = signer
        self._clock = clock
        self._gate = gate
        self._retry = retry
        self._sleep = sleep
        self._local = threading.local()
        self._symbols: frozenset[str] | None = None

    def page(self, request: PageRequest) -> Answer:
        """The answer to one request for force orders; a refusal that says how to ask instead is an answer too."""
        start, end = request.window.wire()
        parameters: dict[str, str | int] = {"startTime": start, "endTime": end, "limit": request.limit}
        if request.symbol is not None:
            parameters["symbol"] = request.symbol
        if request.close_type is not None:
            parameters["autoCloseType"] = request.close_type.value
        try:
            return self._again(
                lambda: read_page(self._get(FORCE_ORDERS, request.weight, parameters), self._clock.now())
            )
        except (WindowTooWideError, BeyondRetentionError, UnknownSymbolError) as refusal:
            return _REFUSALS[type(refusal)]

    def set_clock(self) -> None:
        """Measure the exchange's clock (weight 1)."""
        self._again(self._read_time)

    def symbols(self) -> frozenset[str] | None:
        """The names of all symbols that the exchange lists; None where it does not say. Asked for once and kept."""
        if self._symbols is None:
            self._symbols = self._read_symbols()
        return self._symbols

    def _read_symbols(self) -> frozenset[str] | None:
        """Weight 1, but over 1 MB."""
        try:
            listed = self._again(lambda: read_object(self._get(EXCHANGE_INFO, 1))).get("symbols")
        except ThrottledError:
            raise
        except ExchangeError:
            return None
        if not isinstance(listed, list):
            return None
        names = (entry.get("symbol") for entry in listed if isinstance(entry, dict))
        return frozenset(name for name in names if isinstance(name, str)) or None

    def _again(self, attempt: Callable[[], T]) -> T:
        return self._retry.retrying(self._sleep, lambda: self._gate.is_patient)(attempt)

    def _read_time(self) -> None:
        exchange_time = read_object(self._get(TIME, 1)).get("serverTime")
        if not isinstance(exchange_time, str) or not re.fullmatch(r"\d{12,14}", exchange_time):
            raise ContractError("the exchange does not tell its time")
        self._clock.set(int(exchange_time))

    def _get(self, path: str, weight: int, signed: dict[str, str | int] | None = None) -> bytes:
        """The body of a 200; anything else is raised. Passes the gate, so that every attempt is counted."""
        self._gate.enter(weight)
        url = f"{self._connection.base_url}{path}"
        status, headers, body = self._send(url if signed is None else f"{url}?{self._sign(signed)}")
        used = headers.get("X-MBX-USED-WEIGHT-1M", "")
        if re.fullmatch(r"[0-9]{1,9}", used):
            self._gate.learn(int(used))
        if status == 200:
            return body
        error = classify(status, *self._said(body), headers, self._clock.now())
        if isinstance(error, ThrottledError):
            self._gate.close(error.until_ms)
        elif isinstance(error, ClockSkewError) and path != TIME:
            self._read_time()
        raise error

    def _sign(self, parameters: dict[str, str | int]) -> str:
        now = {"recvWindow": self._connection.recv_window, "timestamp": self._clock.now()}
        query = urlencode(parameters | now, quote_via=quote, safe="")
        return f"{query}&signature={self._signer.sign(query)}"

    def _send(self, url: str) -> tuple[int, requests.structures.CaseInsensitiveDict[str], bytes]:
        """Status, headers and body. Its errors never carry the URL, which is signed, nor what caused them."""
        timeout = (self._connection.connect_timeout, self._connection.read_timeout)
        try:
            with self._session().get(url, timeout=timeout, allow_redirects=False, stream=True) as response:
                body = bytearray()
                while chunk := response.raw.read(_CHUNK, decode_content=True):
                    body += chunk
                    if len(body) > LARGEST_BODY:
                        raise ContractError(f"the exchange's answer is larger than {LARGEST_BODY >> 20} MiB")
                return response.status_code, response.headers, bytes(body)
        except (requests.Timeout, urllib3.exceptions.TimeoutError):
            raise TransientError("the exchange did not answer in time") from None
        except requests.exceptions.SSLError:
            raise TransientError("no trusted TLS connection to the exchange") from None
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
            raise TransientError(f"no connection to the exchange ({type(error).__name__})") from None

    def _session(self) -> requests.Session:
        session: requests.Session | None = getattr(self._local, "session", None)
        if session is None:
            session = requests.Session()
            session.headers.update({"X-MBX-APIKEY": self._signer.api_key, "User-Agent": "force-orders-etl"})
            session.auth = lambda request: request  # else a .netrc entry for the host would add its own
            self._local.session = session
        return session

    def _said(self, body: bytes) -> tuple[int | None, str]:
        """Code and message of an error's body, free of what identifies or signs for the account."""
        text = body[:LONGEST_ERROR].decode(errors="replace")
        code = None
        try:
            value = json.loads(text)
        except (ValueError, RecursionError):
            value = None
        if isinstance(value, dict):
            code = value["code"] if type(value.get("code")) is int else None
            text = str(value.get("msg", ""))
        text = re.sub(r"signature=[^&\s]*", "signature=…", text)
        return code, text.replace(self._signer.api_key, "…")
