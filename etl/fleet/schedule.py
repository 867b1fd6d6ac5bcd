"""When which jobs become due: the options of `schedule` as a cron expression and a job for each account and market."""

import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from croniter import CroniterBadDateError, croniter
from sqlalchemy import Connection

from etl.accounts.key_sources import key_sources
from etl.core.markets import USDM
from etl.core.text import printable
from etl.errors import ConfigError
from etl.fleet.jobs import Job
from etl.runs.known_markets import known_markets
from etl.settings.model import Settings

DEFAULT = "15 2 * * *"

SHOWN = 3
"""As many times are enough to see a mistake."""


@dataclass(frozen=True)
class Schedule:
    """Jobs that become due together, at each instant that `cron` (five fields, UTC) matches."""

    cron: str
    jobs: Sequence[Job]

    @property
    def accounts(self) -> list[str]:
        return list(dict.fromkeys(job.account for job in self.jobs))


def sync_schedule(settings: Settings, cron: str, accounts: Sequence[str]) -> Schedule:
    """A sync job for each market of these accounts, or of all if none is named; raises ConfigError if there is none.

    Of an account whose settings name no market it is one for USDⓈ-M futures; see `with_first_markets`.
    """
    names = [source.account for source in key_sources(settings, accounts)]
    jobs = [
        Job(name, settings.queue_of(name), market=market)
        for name in names
        for market in settings.markets_of(name) or (USDM,)
    ]
    return Schedule(cron, jobs)


def with_first_markets(schedule: Schedule, settings: Settings, connection: Connection) -> Schedule:
    """The same, where an account whose settings name no market begins with the first that is stored.

    That job enqueues those of the others when it runs. Raises StoreError.
    """
    return replace(
        schedule,
        jobs=[
            job
            if settings.markets_of(job.account)
            else replace(job, market=known_markets(settings, connection, job.account)[0])
            for job in schedule.jobs
        ],
    )


def upcoming(cron: str, after: datetime) -> list[datetime]:
    """The next SHOWN instants that a valid expression matches; fewer where they lie decades apart."""
    found = croniter(cron, after)
    times: list[datetime] = []
    with suppress(CroniterBadDateError):
        times.extend(found.get_next(datetime) for _ in range(SHOWN))
    return times


def _ever_comes(cron: str) -> bool:
    """Whether a valid expression matches any day. Looks 50 years ahead from a fixed day: the answer is for all time."""
    return bool(upcoming(cron, datetime(2000, 1, 1, tzinfo=UTC)))


def cron_expression(at: str | None, cron: str | None) -> str:
    """The options `--at` or `--cron` as a cron expression of five fields, UTC; raises ConfigError if not valid."""
    if at is not None and cron is not None:
        raise ConfigError("--at and --cron exclude each other: give one of them")
    if cron is not None:
        if len(cron.split()) != 5 or not croniter.is_valid(cron):
            raise ConfigError(
                f"--cron {printable(cron)!r} is not a cron expression; write five fields like '15 2 * * *'"
            )
        if not _ever_comes(cron):
            raise ConfigError(f"--cron {printable(cron)!r} never comes: no month has such a day")
        return cron
    if at is None:
        return DEFAULT
    if not (found := re.fullmatch(r"([01]?[0-9]|2[0-3]):([0-5][0-9])", at)):
        raise ConfigError(f"--at {printable(at)!r} is not a time of day; write it like 02:15 (UTC)")
    return f"{int(found[2])} {int(found[1])} * * *"
