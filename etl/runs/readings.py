"""What a run reads once its walks are over and recorded: each reading is one kind of records beside the orders.

What fails there is said, and leaves the orders and their proof as they are.
"""

from dataclasses import dataclass, field
from typing import Protocol

from etl.core.markets.market import Market
from etl.core.planning import Rules
from etl.core.wallets import Wallet
from etl.exchange.client import ExchangeClient
from etl.runs.spans import Planner
from etl.store.coverage import Gap


@dataclass
class Left:
    """What is left undone, and a line for each."""

    unproven: int = 0
    """Milliseconds of which a liquidation may be missing."""
    left_out: int = 0
    """Stored records that the exchange left out."""
    disputed: int = 0
    """Orders on which the exchange's own lists disagree."""
    uncompared: int = 0
    """1 where a comparison was asked for and nothing at all could be compared."""
    audited: int = 0
    """Old windows that were read again."""
    differing: int = 0
    """Orders of them that differ between the exchange and the database, and were not stored."""
    gaps: list[Gap] = field(default_factory=list)
    """What is no longer taken as proven."""
    faults: list[str] = field(default_factory=list)

    def add(self, other: "Left") -> None:
        """What another reading leaves undone, too; without its lines."""
        self.unproven += other.unproven
        self.left_out += other.left_out
        self.disputed += other.disputed
        self.uncompared += other.uncompared
        self.audited += other.audited
        self.differing += other.differing
        self.gaps += other.gaps


class Reading(Protocol):
    """Reads one account in one market after the other."""

    left: Left
    is_by_lot: bool
    """Whether the accounts come in another order each night: the reading may end before all had their turn."""

    def concerns(self, market: Market) -> bool:
        """Whether the market has such records."""

    def read(self, wallet: Wallet, client: ExchangeClient, planner: Planner, rules: Rules) -> None:
        """Read and store what is due. A failure is noted, and the next run asks again.

        Raises ThrottledError, StoppedError and StoreError.
        """
