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
    faults: list[str] = field(default_factory=list)


class Reading(Protocol):
    """Reads one account in one market after the other."""

    left: Left

    def concerns(self, market: Market) -> bool:
        """Whether the market has such records."""

    def read(self, wallet: Wallet, client: ExchangeClient, planner: Planner, rules: Rules) -> None:
        """Read and store what is due. A failure is noted, and the next run asks again.

        Raises ThrottledError, StoppedError and StoreError.
        """
