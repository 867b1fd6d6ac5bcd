"""Jobs: one for an account, a market and a span of history, and when a failed one is retried. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from etl.core.markets import USDM
from etl.core.planning import Rules
from etl.core.timeline import Window, clip, subtract
from etl.core.walking import Target
from etl.errors import ExitCode
from etl.runs.spans import Planner, SpanText, backfill_planner, nightly_planner, reread_planner

SYNC, BACKFILL = "sync", "backfill"

MAX_RETRIES = 3
"""Retries of a failed job. After the last one, the next scheduled run reads what is missing."""

FIRST_RETRY_DELAY = timedelta(minutes=10)
"""Delay before the first retry; it doubles with each further one."""

DATABASE_RETRY_DELAY = timedelta(minutes=1)
"""Delay before a job is retried that ended because the database could not be used."""


@dataclass(frozen=True)
class Job:
    """A job of one account in one market: the run that the command of the same name would make.

    `since` and `until` bound a backfill, in epoch milliseconds. None means as far back as the exchange keeps, and up to
    now, both at the time the job runs. `due_at` is when the job's scheduled run was due, in epoch seconds; None
    if a person enqueued it.
    """

    account: str
    queue: str
    command: str = SYNC
    since: int | None = None
    until: int | None = None
    symbols: tuple[str, ...] = ()
    due_at: int | None = None
    is_last: bool = False
    """Whether the older weeks of its scheduled run are jobs of their own, enqueued before it: it is not split again."""
    market: str = USDM
    rereads: bool = False
    """Whether a backfill reads what is proven again, for orders that appeared late."""

    @property
    def lock(self) -> str:
        """Jobs with the same lock run one at a time, in the order in which they were enqueued."""
        return f"{self.account}/{self.market}"

    def planner(self) -> Planner:
        """Plans the requests from what is known when the job runs."""
        if self.command == SYNC:
            return nightly_planner
        since, until = (None if instant is None else str(instant) for instant in (self.since, self.until))
        # Whether to read before the retention was decided when the job was enqueued.
        span = SpanText(since, until, beyond_retention=since is not None)
        return reread_planner(span, self.symbols) if self.rereads else backfill_planner(span, self.symbols)

    def arguments(self) -> dict[str, Any]:
        """As JSON for the queue, which stores its own name and the command itself; read by `job_from_arguments`."""
        written: dict[str, Any] = {
            "account": self.account,
            "market": self.market,
            "since": self.since,
            "until": self.until,
            "symbols": list(self.symbols) or None,
            "timestamp": self.due_at,
            "is_last": self.is_last or None,
            "rereads": self.rereads or None,
        }
        return {name: value for name, value in written.items() if value is not None}


@dataclass(frozen=True)
class ClaimedJob:
    """A job that a worker runs now: its id in the queue, and the number of earlier attempts."""

    job: Job
    id: int
    attempts: int


class UnfinishedError(Exception):
    """A job ended without success. It is retried after `retry_in`; None: it is not retried."""

    def __init__(self, retry_in: timedelta | None) -> None:
        super().__init__("the job did not succeed")
        self.retry_in = retry_in


def job_from_arguments(queue: str, command: str, arguments: Mapping[str, Any]) -> Job:
    """The job that was enqueued with these arguments."""
    return Job(
        arguments["account"],
        queue,
        command,
        arguments.get("since"),
        arguments.get("until"),
        tuple(arguments.get("symbols", ())),
        arguments.get("timestamp"),
        arguments.get("is_last", False),
        arguments.get("market", USDM),  # a job of an older version has none
        arguments.get("rereads", False),
    )


def sister_jobs(job: Job, stored: Sequence[str]) -> list[Job]:
    """The jobs of the other markets of an account whose settings name none; `stored`: its markets.

    Each job of a night makes them, so that a market that is found in it joins it; see `join_night`.
    """
    if job.command != SYNC or job.due_at is None:
        return []
    return [replace(job, market=market, is_last=False) for market in stored if market != job.market]


def weekly_jobs(whole: Job, targets: Sequence[Target], rules: Rules) -> list[Job]:
    """A backfill job for each window of these targets, oldest first.

    A job that begins at the retention limit, or ends now, keeps that end open: it may wait in the queue for hours.
    """
    rereads: dict[Window, bool] = {}
    for target in targets:
        rereads[target.need] = rereads.get(target.need, False) or bool(clip(target.proven, target.need))
    return [
        replace(
            whole,
            command=BACKFILL,
            since=None if need.start == rules.floor else need.start,
            until=None if need.end == rules.settled else need.end,
            rereads=rereads[need],
        )
        for need in sorted(rereads)
    ]


def catch_up_jobs(job: Job, targets: Sequence[Target], rules: Rules) -> list[Job]:
    """The jobs to enqueue in place of a sync that is several weeks behind: the older weeks, then the sync itself.

    The older weeks begin with what the sync would read again, since later the watermark lies elsewhere. Empty if there
    is only one new week to read, or if the older weeks were enqueued already.
    """
    new = [target for target in targets if subtract([target.need], target.proven)]
    if len({target.need for target in new}) < 2 or job.is_last:
        return []
    names = {target.symbol for target in targets}
    by_name = replace(job, symbols=tuple(sorted(name for name in names if name)) if None not in names else ())
    *older, _ = weekly_jobs(by_name, targets, rules)
    return [*older, replace(job, is_last=True)]


def by_expiry(jobs: Sequence[Job]) -> list[Job]:
    """Jobs whose history the exchange deletes first come first, over all accounts; otherwise the order stays."""
    return sorted(jobs, key=lambda job: (job.command == SYNC, job.since or 0))


def poll_delay(polls: int) -> timedelta:
    """How long to wait, after so many checks, before checking again whether a scheduled run has ended."""
    return min(timedelta(seconds=5) * (1 << min(polls, 10)), timedelta(minutes=5))


def retry_delay(exit_code: ExitCode, attempts: int, cooldown_ms: int) -> timedelta | None:
    """How long to wait before a job with this exit code is retried; None: it is not.

    `attempts` counts the earlier ones. `cooldown_ms`: how long the exchange's cooldown still lasts.
    """
    match exit_code:
        case ExitCode.STOPPED:
            return timedelta()
        case ExitCode.BANNED:
            return timedelta(milliseconds=max(cooldown_ms, 0)) + timedelta(seconds=1)
        case ExitCode.DATABASE:
            return DATABASE_RETRY_DELAY
        case ExitCode.FAILED if attempts < MAX_RETRIES:
            return FIRST_RETRY_DELAY * (1 << attempts)
        case _:
            return None
