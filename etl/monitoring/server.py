"""The HTTP server that Prometheus scrapes. It ends with its block, and so do its threads.

`prometheus_client.start_http_server` does not suffice, though its handler serves here: it ends without finishing a
scrape under way, waits for ever for a client that sends nothing, and prints a traceback when a client disconnects.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from socket import AF_INET, AF_INET6, SHUT_RD, socket
from socketserver import ThreadingTCPServer
from threading import Thread
from typing import Any

from prometheus_client import CollectorRegistry, MetricsHandler
from prometheus_client.registry import Collector

from etl.errors import ConfigError
from etl.logs import logger
from etl.monitoring.address import Address

POLL_S = 0.1
"""Seconds after which the server notices at the latest that the block has ended."""

IDLE_TIMEOUT_S = 5.0
"""Seconds after which a client is disconnected that neither sends nor receives."""

_log = logger(__name__)


@contextmanager
def serving(address: Address, collector: Collector) -> Iterator[int]:
    """Answer scrapes with what `collector` collects until the block ends; gives the port.

    Raises ConfigError where it cannot listen.
    """
    try:
        server = _Server(address, collector)
    except OSError as error:
        raise ConfigError(f"metrics cannot be served at {address}: {error.strerror}") from None
    with server:
        accepting = Thread(target=server.serve_forever, args=(POLL_S,), name="metrics")
        accepting.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            accepting.join()


class _Handler(MetricsHandler):
    timeout = IDLE_TIMEOUT_S


class _Server(ThreadingTCPServer):
    """Answers each scrape in a thread of its own, and waits for these threads when it ends."""

    allow_reuse_address = True

    def __init__(self, address: Address, collector: Collector) -> None:
        self.address_family = AF_INET6 if address.is_ipv6 else AF_INET
        self._open: set[socket] = set()
        registry = CollectorRegistry(support_collectors_without_names=True)
        registry.register(collector)
        super().__init__((address.host, address.port), _Handler.factory(registry))

    def process_request(self, request: Any, client_address: Any) -> None:
        self._open.add(request)
        super().process_request(request, client_address)

    def close_request(self, request: Any) -> None:
        self._open.discard(request)
        super().close_request(request)

    def server_close(self) -> None:
        """Read no further request, so that no silent client is waited for; answers under way are still sent."""
        for request in self._open.copy():
            with suppress(OSError):
                request.shutdown(SHUT_RD)
        super().server_close()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Log one line; the default prints a traceback, also for a client that disconnected."""
        _log.info("a scrape from %s failed: %r", client_address[0], sys.exception())
