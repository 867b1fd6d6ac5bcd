"""What is handed out: one job an account and stretch of history. Pure: values in, values out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from etl.core.markets import USDM
from etl.core.planning import Rules
from etl.core.walking import Target
from etl.errors import ExitCode
from etl.runs.spans import Planner, SpanText, backfill_planner, nightly_planner

SYNC, BACKFILL = "sync", "backfill"

RETRIES = 3
"""How often a job that failed is taken up again that night; what it left is read by the next one anyway."""

PAUSE = timedelta(minutes=10)
"""How long it rests before that the first time; then twice as long each time."""

BREATH = timedelta(minutes=1)
"""How long a job rests that the database failed."""


@dataclass(frozen=True)
class Job:
    """One account's job, which the command of the same name could do as well.

    `since` and `until`, of a backfill, are epoch milliseconds; without them it goes as far back as the exchange keeps
    and up to now, both at the moment at which it is done. `night`: the instant, epoch seconds, at which the night that
    it belongs to was due; None where a person handed it out.
    """

    account: str
    queue: str
    command: str = SYNC
    since: int | None = None
    until: int | None = None
    symbols: tuple[str, ...] = ()
    night: int | None = None
    is_last: bool = False
    """Whether the rest of its night was handed out before it, so that it reads all that is left by itself."""
    market: str = USDM

    @property
    def lock(self) -> str:
        """Of jobs with the same lock one is done at a time, in the order in which they were handed out."""
        return f"{self.account}/{self.market}"

    def planner(self) -> Planner:
        """What it makes of that which is known when it is done."""
        if self.command == SYNC:
            return nightly_planner
        since, until = (None if instant is None else str(instant) for instant in (self.since, self.until))
        # What the exchange no longer keeps was left out, or wanted, when the job was handed out.
        return backfill_planner(SpanText(since, until, beyond_retention=since is not None), self.symbols)

    def arguments(self) -> dict[str, Any]:
        """As JSON for the queue, which knows its own name and the command; `job_of` reads it."""
        written: dict[str, Any] = {
            "account": self.account,
            "market": self.market,
            "since": self.since,
            "until": self.until,
            "symbols": list(self.symbols) or None,
            "timestamp": self.night,
            "is_last": self.is_last or None,
        }
        return {name: value for name, value in written.items() if value is not None}


@dataclass(frozen=True)
class Doing:
    """A job in hand: its number, and how often it was tried before."""

    job: Job
    id: int
    attempts: int


class UnfinishedError(Exception):
    """A job ended and did not do what it was for. `rest`: how long it waits to be done again; None: it is not."""

    def __init__(self, rest: timedelta | None) -> None:
        super().__init__("the job did not do what it was for")
        self.rest = rest


def job_of(queue: str, command: str, arguments: Mapping[str, Any]) -> Job:
    """The job that was handed out with these arguments."""
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
    )


def weeks_of(whole: Job, targets: Sequence[Target], rules: Rules) -> list[Job]:
    """What walks prove, as a backfill for each of them, oldest first.

    Where they reach as far back as the exchange keeps, or up to now, the job does so as well: it may wait for hours.
    """
    needs = sorted({target.need for target in targets})
    return [
        replace(
            whole,
            command=BACKFILL,
            since=None if need.start == rules.floor else need.start,
            until=None if need.end == rules.settled else need.end,
        )
        for need in needs
    ]


def night_in_pieces(night: Job, targets: Sequence[Target], rules: Rules) -> list[Job]:
    """What a night hands out in its own place, where it has several weeks to make up for: they, and then itself.

    Nothing where there is but one to read, and where they were handed out already.
    """
    *older, _ = weeks_of(night, targets, rules) or [night]
    return [*older, replace(night, is_last=True)] if older and not night.is_last else []


def most_perishable_first(jobs: Sequence[Job]) -> list[Job]:
    """What the exchange forgets soonest comes first, whosever it is; each account's own keep their order."""
    return sorted(jobs, key=lambda job: (job.command == SYNC, job.since or 0))


def rest_before_look(looks: int) -> timedelta:
    """How long to wait before it is looked again, after so many looks, whether a night is over."""
    return min(timedelta(seconds=5) * (1 << min(looks, 10)), timedelta(minutes=5))


def rest_before_retry(exit_code: ExitCode, attempts: int, silent_ms: int) -> timedelta | None:
    """How long a job rests that ended with this code after so many attempts before it; None: it is not done again.

    `silent_ms`: how long the exchange still wants no request.
    """
    match exit_code:
        case ExitCode.STOPPED:
            return timedelta()
        case ExitCode.BANNED:
            return timedelta(milliseconds=max(silent_ms, 0)) + timedelta(seconds=1)
        case ExitCode.DATABASE:
            return BREATH
        case ExitCode.FAILED if attempts < RETRIES:
            return PAUSE * (1 << attempts)
        case _:
            return None
