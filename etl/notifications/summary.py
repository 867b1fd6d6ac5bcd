"""The facts that a notification is made of."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from etl.core.markets import USDM
from etl.core.wallets import Wallet
from etl.errors import ExitCode, ForceOrdersError

if TYPE_CHECKING:
    from etl.runs.summary import Summary
    from etl.store.coverage import Gap


@dataclass(frozen=True)
class RunResult:
    """How a run ended."""

    command: str
    status: str
    """As in the table `runs`."""
    faults: tuple[str, ...] = ()
    """What went wrong, one line for each fault, free of secrets."""
    run_id: int | None = None
    """None if it failed before it was recorded."""


@dataclass(frozen=True)
class RowCounts:
    """Rows of all runs together."""

    inserted: int = 0
    updated: int = 0
    quarantined: int = 0


@dataclass(frozen=True)
class NewOrders:
    """Orders of one account, market, symbol and close type that were stored for the first time."""

    account: str
    symbol: str
    close_type: str
    orders: int
    notional: Decimal | None
    """In the quote asset; None if it is not known of any order."""
    quote_asset: str | None
    market: str = USDM

    @property
    def wallet(self) -> Wallet:
        return Wallet(self.account, self.market)


@dataclass(frozen=True)
class AccountGaps:
    """The gaps of one account in a market that the exchange can still fill."""

    account: str
    gaps: int
    reasons: tuple[str, ...]
    since: int
    """Start of the oldest, epoch milliseconds."""
    market: str = USDM

    @property
    def wallet(self) -> Wallet:
        return Wallet(self.account, self.market)


@dataclass(frozen=True)
class UnreadHistory:
    """Where an account's unread history in a market begins, epoch milliseconds, and the days until it is deleted."""

    account: str
    since: int
    days_until_loss: float
    market: str = USDM

    @property
    def wallet(self) -> Wallet:
        return Wallet(self.account, self.market)


@dataclass(frozen=True)
class AccountFault:
    """An account in a market and why it was not read, in one line without secrets; empty: nothing is to say yet."""

    account: str
    reason: str
    market: str = USDM

    @property
    def wallet(self) -> Wallet:
        return Wallet(self.account, self.market)


def count_accounts(faults: Sequence[AccountFault]) -> int:
    """How many accounts these are about; each counts once, in however many markets."""
    return len({fault.account for fault in faults})


@dataclass(frozen=True)
class AccountResults:
    """What became of each account of a scheduled run."""

    read: int
    """Accounts that were read in all of their markets, also where that left something `incomplete`."""
    failed: tuple[AccountFault, ...] = ()
    """What no job will read again before the next scheduled run."""
    unfinished: tuple[AccountFault, ...] = ()
    """What still waits, runs, or is to be retried."""
    incomplete: tuple[AccountFault, ...] = ()
    unserved_queues: tuple[str, ...] = ()
    """Queues whose jobs wait although no worker takes them."""

    @property
    def total(self) -> int:
        return self.read + count_accounts([*self.failed, *self.unfinished])

    @property
    def exit_code(self) -> ExitCode:
        """As of a command that read them all."""
        if self.failed or self.unfinished:
            return ExitCode.FAILED
        return ExitCode.INCOMPLETE if self.incomplete else ExitCode.DONE


@dataclass(frozen=True)
class NotificationSummary:
    """What one run did, or all runs of a scheduled time. What could not be read is empty."""

    runs: tuple[RunResult, ...]
    rows: RowCounts = RowCounts()
    gaps: tuple[AccountGaps, ...] = ()
    unread: tuple[UnreadHistory, ...] = ()
    orders: tuple[NewOrders, ...] = ()
    accounts: AccountResults | None = None
    """Only of a scheduled run: its jobs, not its runs, tell what was to be done."""


def summary_of_run(run: "Summary") -> NotificationSummary:
    """From what the run itself reports, without the database."""
    counts = run.counts
    return NotificationSummary(
        runs=(RunResult(run.command, run.status, tuple(run.faults), run.run_id),),
        rows=RowCounts(counts.inserted, counts.updated, counts.quarantined),
        gaps=gaps_by_account(run.gaps),
    )


def summary_of_error(command: str, error: Exception) -> NotificationSummary:
    """Of a run that failed before it had a summary.

    The text of an error that is not ours is left out: it may contain anything, a signed URL included.
    """
    fault = str(error) if isinstance(error, ForceOrdersError) else f"this should not happen ({type(error).__name__})"
    return NotificationSummary(runs=(RunResult(command, "failed", (fault,)),))


def gaps_by_account(stored: Iterable["Gap"]) -> tuple[AccountGaps, ...]:
    """The gaps that can still be filled, by account and market. A gap that several symbols share counts once."""
    found: dict[Wallet, set[tuple[int, int, str]]] = {}
    for gap in stored:
        if gap.reason != "beyond_retention":
            own = found.setdefault(Wallet(gap.account, gap.market), set())
            own.add((gap.window.start, gap.window.end, gap.reason))
    return tuple(
        AccountGaps(account, len(gaps), tuple(sorted({reason for *_, reason in gaps})), min(gaps)[0], market)
        for (account, market), gaps in sorted(found.items())
    )
