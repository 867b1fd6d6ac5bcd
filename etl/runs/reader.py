"""Access to the exchange for one run."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from threading import Event

from etl.core.cost_rules import CostRules
from etl.core.markets.market import Market
from etl.core.planning import Rules
from etl.core.wallets import Wallet
from etl.exchange.access import Access
from etl.exchange.client import ExchangeClient
from etl.exchange.clock import ExchangeClock


@dataclass(frozen=True)
class Reader:
    """Makes a client for each account and market that a run reads. All share the rate limiters and the clocks."""

    accounts: Sequence[str]
    """Those whose key can be used."""
    key_faults: Sequence[str]
    """A line for each account whose key cannot be used."""
    markets_set: Callable[[str], Sequence[str]]
    """The markets of an account by the settings. None named: those that it is found to have."""
    requested: Sequence[str]
    """The markets that this run is to read, whatever the settings say; none: as they say."""
    symbols: Sequence[str]
    """The symbols that this run is to read; none: all. They choose the market where none is requested."""
    new_client: Callable[[Wallet], ExchangeClient]
    access: Access
    stop: Event
    lock_timeout_ms: int
    """Milliseconds to wait for other runs of the same accounts."""
    concurrency: int
    page_limit: int
    rules_of: Callable[[Market, int], Rules]
    """The planning rules of a market at an instant, epoch milliseconds."""
    costs: CostRules
    """What a nightly run reads beside the force orders."""
    _clients: dict[Wallet, ExchangeClient] = field(default_factory=dict)

    def client(self, wallet: Wallet) -> ExchangeClient:
        """The client of an account in a market, always the same one."""
        if wallet not in self._clients:
            self._clients[wallet] = self.new_client(wallet)
        return self._clients[wallet]

    def spent(self) -> tuple[int, int]:
        """The number of requests sent so far, and their weight."""
        spent = [client.spent() for client in [*self._clients.values()]]
        return sum(requests for requests, _ in spent), sum(weight for _, weight in spent)

    def rules(self, market: Market) -> Rules:
        """The planning rules of a market now, by its clock."""
        return self.rules_of(market, self.clock(market).now())

    def clock(self, market: Market) -> ExchangeClock:
        return self.access.clock(market.clock.api)
