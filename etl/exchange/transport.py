"""The HTTP transport: one GET, and its whole response within a time and a size."""

import http.client
import io
import socket
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any
from urllib.parse import urlsplit

import requests
import urllib3
from requests.adapters import HTTPAdapter
from requests.utils import select_proxy

from etl.core.hosts import is_loopback
from etl.errors import ContractError, TransientError
from etl.exchange.unreachable import no_response
from etl.logs import keep_signed_urls_out

HTTP_LIBRARIES = ("urllib3", "requests")
"""The roots of their loggers."""

LARGEST_BODY = 16 << 20
"""The largest response in bytes that is read: a page has about 60 kB, exchangeInfo a little over 1 MB."""

_CHUNK = 1 << 16
"""The most bytes read or decompressed at once, so that a small gzip body that expands never fills the memory."""


@dataclass(frozen=True, slots=True)
class Response:
    """A response, decompressed."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Transport:
    """Safe to use from several threads; each has its own session, and so its own connection. Times in seconds.

    The read timeout is for the response as a whole, head and body, even if bytes keep arriving. Follows no redirect.
    """

    def __init__(self, base_url: str, api_key: str, connect_timeout: float, read_timeout: float) -> None:
        self._base_url = base_url
        self._api_key = api_key
        self._timeout = connect_timeout, read_timeout
        self._local = threading.local()

    def get(self, target: str) -> Response:
        """The response to a GET of `target`, path and query.

        Raises TransientError where no whole response arrives in time, ContractError where it is too large. Neither
        carries the target, which is signed, nor the original exception; the message names the host and the cause.
        """
        session, prepared, settings = self._prepared()
        request = prepared.copy()
        request.url = f"{self._base_url}{target}"
        try:
            # Not `session.send`: of a redirect it would read and decompress the whole body, however large.
            adapter = session.get_adapter(request.url)
            with adapter.send(request, timeout=self._timeout, **settings) as response:
                body = bytearray()
                while chunk := response.raw.read(_CHUNK, decode_content=True):
                    body += chunk
                    if len(body) > LARGEST_BODY:
                        raise ContractError(f"the exchange's response is larger than {LARGEST_BODY >> 20} MiB")
                return Response(response.status_code, response.headers, bytes(body))
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
            proxy = select_proxy(self._base_url, settings["proxies"])
            raise TransientError(no_response(error, self._base_url, proxy, self._timeout)) from None

    def _prepared(self) -> tuple[requests.Session, requests.PreparedRequest, Any]:
        """This thread's session, a prepared request to copy, and the environment's proxies and certificates.

        Preparing each request would take as long as sending it.
        """
        prepared: tuple[requests.Session, requests.PreparedRequest, Any] | None
        prepared = getattr(self._local, "prepared", None)
        if prepared is None:
            session = requests.Session()
            session.mount("https://", _Adapter())
            session.mount("http://", _Adapter())
            session.headers.update({"X-MBX-APIKEY": self._api_key, "User-Agent": "force-orders-etl"})
            session.auth = lambda request: request  # otherwise a .netrc entry for the host would add its own
            request = session.prepare_request(requests.Request("GET", self._base_url))
            settings = session.merge_environment_settings(request.url, {}, True, None, None)
            if not _may_use_proxy(self._base_url):
                settings["proxies"] = {}
            keep_signed_urls_out(HTTP_LIBRARIES)
            prepared = self._local.prepared = session, request, settings
        return prepared


def _may_use_proxy(base_url: str) -> bool:
    """Not for this machine itself, and not without TLS: a proxy could read the key and the signature."""
    parts = urlsplit(base_url)
    return parts.scheme == "https" and not is_loopback(parts.hostname or "")


class _Remaining(io.RawIOBase):
    """Reads a socket under one timeout for the whole response; the socket's own timeout restarts with each byte."""

    def __init__(self, connected: socket.socket, raw: io.RawIOBase) -> None:
        self._socket = connected
        self._raw = raw
        self._until = time.monotonic() + (connected.gettimeout() or 0)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        left = self._until - time.monotonic()
        if left <= 0:
            raise TimeoutError("the response takes too long")
        self._socket.settimeout(left)
        return self._raw.readinto(buffer)

    def close(self) -> None:
        self._raw.close()
        super().close()


class _TimedResponse(http.client.HTTPResponse):
    """Reads all of a response, the head and the sizes of chunks included, through one timed reader."""

    def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        self.fp = io.BufferedReader(_Remaining(sock, self.fp.detach()), _CHUNK)


class _Adapter(HTTPAdapter):
    """Makes connections with timed responses, directly or through a proxy."""

    def get_connection_with_tls_context(self, *args: Any, **kwargs: Any) -> Any:
        pool: Any = super().get_connection_with_tls_context(*args, **kwargs)
        pool.ConnectionCls = _timed(pool.ConnectionCls)
        return pool


@cache
def _timed(connection: type[Any]) -> type[Any]:
    if issubclass(connection, _Timed):
        return connection
    return type(f"Timed{connection.__name__}", (_Timed, connection), {})


class _Timed:
    """Makes a class of connections return timed responses, and print nothing: signed URLs would be in it."""

    response_class = _TimedResponse
    debuglevel = 0
