"""What takes the responses of a run: `backfill` and `sync` store them, `verify` compares them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from etl.core.walking import Target
from etl.core.wallets import Wallet
from etl.runs.readings import Reading
from etl.runs.recorder import Received
from etl.store import runs
from etl.store.coverage import Gap


@dataclass(frozen=True)
class Remaining:
    """What a run left undone."""

    gaps: Sequence[Gap] = ()
    unproven: int = 0
    """Milliseconds of the run's span."""
    differences: int = 0
    """Orders that differ between the exchange and the database."""
    unread: int = 0
    """Intervals that were to be compared and were not."""
    notes: Sequence[str] = ()
    """A line for each result that is no fault and may be a surprise."""
    faults: Sequence[str] = ()
    """A line for each fault that is known by what is stored alone."""


class Sink(Protocol):
    """Takes what a run reads: `backfill` and `sync` store it, `verify` compares it with the database."""

    readings: Sequence[Reading]
    """What is read once the walks are over."""

    @property
    def counts(self) -> runs.Counts:
        """The counts for the table `runs`, except requests and weight."""

    def begin(self, wallet: Wallet, targets: Sequence[Target]) -> None:
        """Called before anything of an account in a market is read. The caller commits."""

    def commit(self, received: Sequence[Received]) -> None:
        """Take responses and what they prove: all or nothing."""

    def found(self, walks_done: int) -> str:
        """What was found so far, in a few words for the progress bar."""

    def remaining(self) -> Remaining:
        """Called after the last walk: what is left undone."""

    def finish(self) -> None:
        """Called in the transaction that records the end of the run, however it ended. The caller commits."""
