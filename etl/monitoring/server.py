"""The server that Prometheus scrapes. It ends with its block, and so do its threads."""

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
"""Seconds that the end of the block waits at most for the server to notice."""

PATIENCE_S = 5.0
"""Seconds that a scraper may be silent, or not listen, before it is hung up on."""

_log = logger(__name__)


@contextmanager
def serving(address: Address, collector: Collector) -> Iterator[int]:
    """Answer scrapes with what `collector` collects, for as long as the block lasts; gives the port.

    Raises ConfigError where it cannot listen.
    """
    with _listening(address, collector) as server:
        accepting = Thread(target=server.serve_forever, args=(POLL_S,), name="metrics")
        accepting.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            accepting.join()


def _listening(address: Address, collector: Collector) -> "_Server":
    try:
        return _Server(address, collector)
    except OSError as error:
        raise ConfigError(f"metrics cannot be served at {address}: {error.strerror}") from None


class _Handler(MetricsHandler):
    timeout = PATIENCE_S


class _Server(ThreadingTCPServer):
    """Each scrape in a thread, for whose end the server's own end waits."""

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
        """Hear nobody out, so that who says nothing is not waited for; an answer under way is still given."""
        for request in self._open.copy():
            with suppress(OSError):
                request.shutdown(SHUT_RD)
        super().server_close()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """By itself it would print a traceback, also of a scraper that is gone."""
        _log.info("a scrape from %s failed: %r", client_address[0], sys.exception())
