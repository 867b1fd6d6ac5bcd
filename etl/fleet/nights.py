"""A night: the jobs of one scheduled run, what became of each account and market, and when its news is due. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from etl.core.markets import USDM
from etl.core.wallets import Wallet
from etl.notifications.summary import AccountFault, AccountResults

NEWS_AFTER_S = 3_600.0
"""The news of a night is sent when its jobs have ended, and at the latest so many seconds after they were enqueued.

What is still open then is named: neither a ban of days nor a key that is refused holds back the news of the others.
"""

UNSERVED_AFTER_S = 60.0
"""A queue of which no worker does anything, although one of its jobs could have begun so many seconds ago, has none."""

ENDED = ("succeeded", "failed", "cancelled", "aborted")


@dataclass(frozen=True)
class NightJob:
    """One job of a night. `run_status` and `error` are those of its last run that ended; None if there is none."""

    account: str
    queue: str
    status: str
    """As in the view `jobs`."""
    attempts: int = 0
    is_ready: bool = False
    """Whether it waits for nothing but a worker, or for an earlier job of its account that does: not for its time."""
    run_status: str | None = None
    error: str | None = None
    market: str = USDM


@dataclass(frozen=True)
class Night:
    """A scheduled run as the database shows it."""

    jobs: Sequence[NightJob] = ()
    run_ids: Sequence[int] = ()
    age: float = 0.0
    """Seconds since its first job was enqueued, which may have been long after it was due."""
    served_queues: frozenset[str] = frozenset()
    """Queues of which a living worker runs a job, or has begun or ended one in the last UNSERVED_AFTER_S."""

    @property
    def has_news(self) -> bool:
        return self.age >= NEWS_AFTER_S or all(job.status in ENDED for job in self.jobs)


def results(night: Night) -> AccountResults:
    """What became of each account of a night."""
    of_wallet: dict[Wallet, list[NightJob]] = {}
    for job in night.jobs:
        of_wallet.setdefault(Wallet(job.account, job.market), []).append(job)
    failed, unfinished, incomplete = [], [], []
    for wallet, jobs in of_wallet.items():
        last = [job for job in jobs if job.run_status is not None][-1:]
        reason = _reason(wallet, last)
        if any(job.status not in ENDED for job in jobs):
            unfinished.append(_fault(wallet, reason))
        elif any(job.status != "succeeded" for job in jobs):
            failed.append(_fault(wallet, reason or "no run began; the log of the worker says why"))
        elif not last:
            failed.append(_fault(wallet, "left to a later night, whose job waits already"))
        elif last[0].run_status == "incomplete":
            incomplete.append(_fault(wallet, reason))
    read = {job.account for job in night.jobs} - {fault.account for fault in (*failed, *unfinished)}
    unserved = tuple(_unserved_queues(night))
    return AccountResults(len(read), tuple(failed), tuple(unfinished), tuple(incomplete), unserved)


def _fault(wallet: Wallet, reason: str) -> AccountFault:
    return AccountFault(wallet.account, reason, wallet.market)


def _reason(wallet: Wallet, last: Sequence[NightJob]) -> str:
    """Why the last run of an account in a market was no success; empty if it has not run yet."""
    if not last or last[0].run_status == "succeeded":
        return ""
    return (last[0].error or f"the run {last[0].run_status}").replace(f"account {wallet}: ", "")


def _unserved_queues(night: Night) -> Iterable[str]:
    """Queues whose jobs wait for a worker, of which none is there."""
    if night.age < UNSERVED_AFTER_S:
        return ()
    return sorted({job.queue for job in night.jobs if job.is_ready} - night.served_queues)
