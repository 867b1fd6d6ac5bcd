"""What was typed and set becomes what is handed out: the nights of accounts, and the weeks of a backfill."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime

from croniter import croniter
from sqlalchemy import Connection

from etl.accounts.key_sources import key_sources
from etl.core.text import many, printable
from etl.core.timeline import iso, to_millis
from etl.errors import ConfigError
from etl.exchange.clock import local_now
from etl.fleet.jobs import Job, weeks_of
from etl.fleet.service import Duty
from etl.fleet.worker import HOUSEKEEPING, Nights
from etl.runs import composition
from etl.runs.arguments import check_readable, parse_symbols
from etl.runs.run import plan_only
from etl.runs.spans import SpanText, backfill_planner
from etl.settings.model import Settings

DEFAULT = "15 2 * * *"


def cron_of(at: str | None, cron: str | None) -> str:
    """The five fields of cron for a time of day or for themselves, UTC; raises ConfigError for what is neither."""
    if at is not None and cron is not None:
        raise ConfigError("--at and --cron say the same: give one of them")
    if cron is not None:
        if len(cron.split()) != 5 or not croniter.is_valid(cron):
            raise ConfigError(f"--cron {printable(cron)!r} is no cron expression; write five fields like '15 2 * * *'")
        return cron
    if at is None:
        return DEFAULT
    if not (found := re.fullmatch(r"([01]?[0-9]|2[0-3]):([0-5][0-9])", at)):
        raise ConfigError(f"--at {printable(at)!r} is no time of day; write it like 02:15 (UTC)")
    return f"{int(found[2])} {int(found[1])} * * *"


def nights(settings: Settings, cron: str, accounts: Sequence[str]) -> Nights:
    """The nights of the accounts named, or of all; raises ConfigError where there is none."""
    names = [one.account for one in key_sources(settings, accounts)]
    return Nights(cron, [Job(name, settings.queue_of(name)) for name in names])


def backfill_jobs(
    settings: Settings, connection: Connection, accounts: Sequence[str], symbols: Sequence[str], span: SpanText
) -> list[Job]:
    """A job for each account and week of a span that is not proven yet; raises ConfigError and StoreError."""
    names = tuple(parse_symbols(symbols))
    check_readable(settings, span)
    rules, planner, jobs = composition.rules(settings, local_now()), backfill_planner(span, names), []
    for source in key_sources(settings, accounts):
        whole = Job(source.account, settings.queue_of(source.account), symbols=names)
        jobs += weeks_of(whole, plan_only(connection, [source.account], whole.market, planner, rules), rules)
    return jobs


def queues(settings: Settings, typed: Sequence[str]) -> Sequence[str]:
    """Those that were named, each alone or several with commas; without any those of the accounts in the settings."""
    named = sorted({name.strip() for text in typed for name in text.split(",")} - {""})
    if HOUSEKEEPING in named:
        raise ConfigError(f"the queue {HOUSEKEEPING} is the scheduler's own")
    return named or sorted({settings.queue_of(one.account) for one in key_sources(settings)})


def first_words(duty: Duty) -> str:
    """What a process says when it begins."""
    at_once = f"{many(duty.at_once, 'job')} at once"
    works = f"works on {', '.join(duty.queues)}, {at_once}" if duty.queues else "leaves the jobs to workers"
    if duty.nights is None:
        return f"worker: {works}"
    due = croniter(duty.nights.cron, datetime.now(UTC)).get_next(datetime)
    return f"schedule: {many(len(duty.nights.jobs), 'account')}, next night {iso(to_millis(due))}; {works}"
