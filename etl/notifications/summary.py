"""What happened, as far as somebody might want to hear of it: facts without words."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from etl.errors import ForceOrdersError

if TYPE_CHECKING:
    from etl.runs.run import Summary
    from etl.store.coverage import Gap


@dataclass(frozen=True)
class Ended:
    """A run, and how it ended."""

    command: str
    status: str
    """As in the table `runs`."""
    faults: tuple[str, ...] = ()
    """What went wrong, a line each, free of secrets."""
    run_id: int | None = None
    """None where it did not come so far as to have one."""


@dataclass(frozen=True)
class Tally:
    """Rows of all the runs together."""

    inserted: int = 0
    updated: int = 0
    quarantined: int = 0


@dataclass(frozen=True)
class NewOrders:
    """Orders of one kind that were stored for the first time."""

    account: str
    symbol: str
    close_type: str
    orders: int
    notional: Decimal | None
    """In the quote asset; None where no order's is known."""
    quote_asset: str | None


@dataclass(frozen=True)
class Gaps:
    """What of an account's history is not proven though it was asked for, and not lost yet."""

    account: str
    gaps: int
    reasons: tuple[str, ...]
    since: int
    """Where the oldest begins, epoch milliseconds."""


@dataclass(frozen=True)
class Unread:
    """From when on an account's history may be unread, epoch milliseconds, and in how many days that is lost."""

    account: str
    since: int
    days_until_loss: float


@dataclass(frozen=True)
class Digest:
    """A night: one run of the command, or many by several processes. What could not be read is empty."""

    runs: tuple[Ended, ...]
    tally: Tally = Tally()
    gaps: tuple[Gaps, ...] = ()
    unread: tuple[Unread, ...] = ()
    orders: tuple[NewOrders, ...] = ()


def digest_of(summary: "Summary") -> Digest:
    """What a run knows of itself, for when the database cannot be asked."""
    counts = summary.counts
    return Digest(
        runs=(Ended(summary.command, summary.status, tuple(summary.faults), summary.run_id),),
        tally=Tally(counts.inserted, counts.updated, counts.quarantined),
        gaps=gaps_by_account(summary.gaps),
    )


def digest_of_error(command: str, error: Exception) -> Digest:
    """Of a run that did not come so far as to have a summary."""
    return Digest(runs=(Ended(command, "failed", (_said(error),)),))


def gaps_by_account(gaps: Iterable["Gap"]) -> tuple[Gaps, ...]:
    """Those that may still be filled. One that several symbols share counts once."""
    own: dict[str, set[tuple[int, int, str, str]]] = {}
    for gap in gaps:
        if gap.reason != "beyond_retention":
            own.setdefault(gap.account, set()).add((gap.window.start, gap.window.end, gap.market, gap.reason))
    return tuple(_gaps(account, sorted(found)) for account, found in sorted(own.items()))


def _gaps(account: str, found: Sequence[tuple[int, int, str, str]]) -> Gaps:
    return Gaps(account, len(found), tuple(sorted({reason for *_, reason in found})), found[0][0])


def _said(error: Exception) -> str:
    """The text of a mistake of ours is not told: it may hold anything, a signed URL included."""
    return str(error) if isinstance(error, ForceOrdersError) else f"this should not happen ({type(error).__name__})"
