"""Access to the exchange for one run."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from threading import Event

from etl.core.markets.market import Market
from etl.core.planning import Rules
from etl.core.wallets import Wallet
from etl.exchange.access import Access
from etl.exchange.client import ExchangeClient
from etl.exchange.clock import ExchangeClock


@dataclass(frozen=True)
class Reader:
    """A client for each account and market that a run reads. All share the rate limiters and the clocks."""

    clients: dict[Wallet, ExchangeClient]
    key_faults: Sequence[str]
    """A line for each account that has no client because its key cannot be used."""
    access: Access
    stop: Event
    lock_timeout_ms: int
    """Milliseconds to wait for other runs of the same accounts."""
    concurrency: int
    page_limit: int
    rules_of: Callable[[Market, int], Rules]
    """The planning rules of a market at an instant, epoch milliseconds."""

    def spent(self) -> tuple[int, int]:
        """The number of requests sent so far, and their weight."""
        spent = [client.spent() for client in self.clients.values()]
        return sum(requests for requests, _ in spent), sum(weight for _, weight in spent)

    def rules(self, market: Market) -> Rules:
        """The planning rules of a market now, by its clock."""
        return self.rules_of(market, self.clock(market).now())

    def clock(self, market: Market) -> ExchangeClock:
        return self.access.clock(market.clock.api)
