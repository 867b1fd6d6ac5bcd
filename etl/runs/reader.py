"""Access to the exchange for one run."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from threading import Event

from etl.core.planning import Rules
from etl.exchange.client import ExchangeClient
from etl.exchange.clock import ExchangeClock
from etl.exchange.rate_limiter import RateLimiter


@dataclass(frozen=True)
class Reader:
    """Access to the exchange: one client for each account; all share one rate limiter and one clock."""

    market: str
    clients: dict[str, ExchangeClient]
    key_faults: Sequence[str]
    """A line for each account that has no client because its key cannot be used."""
    rate_limiter: RateLimiter
    clock: ExchangeClock
    stop: Event
    lock_timeout_ms: int
    """Milliseconds to wait for other runs of the same accounts."""
    concurrency: int
    page_limit: int
    rules_at: Callable[[int], Rules]

    def spent(self) -> tuple[int, int]:
        """The number of requests sent so far, and their weight."""
        spent = [client.spent() for client in self.clients.values()]
        return sum(requests for requests, _ in spent), sum(weight for _, weight in spent)
