"""The public entry points for a program in Python: what the commands `backfill` and `sync` do, without a command line.

They print nothing, notify nobody, install no signal handler and configure no logging; what they have to say on the way
goes to the loggers below `etl`. They may be called from any thread, as often as wanted.
"""

import logging
import os
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from threading import Event
from typing import TypedDict, Unpack, get_type_hints

from etl.commands.history import Work, backfill_work, store_history, sync_work
from etl.core.timeline import to_datetime
from etl.errors import ConfigError, ExitCode, ForceOrdersError, StoppedError, StoreError, ThrottledError
from etl.logs import logger
from etl.runs.run import Summary
from etl.runs.spans import SpanText
from etl.settings.loading import load
from etl.settings.model import Settings

_log = logger(__name__)

SettingsSource = Settings | str | os.PathLike[str]
"""A finished `etl.settings.Settings`, or the path of a settings file."""


class SettingsByName(TypedDict, total=False):
    """The settings that can be given one by one; `force-orders config example` explains them."""

    database_url: str
    data_dir: str | os.PathLike[str]
    base_url: str
    weight_budget: int
    retention_days: int
    settle_seconds: int
    window_days: float
    page_limit: int
    concurrency: int
    attempts: int
    connect_timeout_seconds: float
    read_timeout_seconds: float
    recv_window_ms: int
    patience_seconds: int
    warn_after_days: float
    egress: str


@dataclass(frozen=True)
class Gap:
    """A piece [start, end) of the run's span that is not proven, and why: a reason of the view `coverage_gaps`."""

    account: str
    market: str
    symbol: str
    """`*`: whatever the symbol."""
    start: datetime
    end: datetime
    reason: str


@dataclass(frozen=True)
class RunSummary:
    """What a run did and what is left of its span; the row `run_id` of the table `runs` says the same."""

    run_id: int
    status: str
    """As in `runs`: `succeeded` or `incomplete`; another one only in a `RunFailedError`."""
    exit_code: int
    """The command's: 0 for succeeded, 3 for incomplete."""
    windows: int
    requests: int
    weight: int
    inserted: int
    """Orders that are new, as `updated` are those that changed."""
    updated: int
    unchanged: int
    quarantined: int
    gaps: tuple[Gap, ...]
    unproven: timedelta
    """Summed over accounts and symbols."""
    faults: tuple[str, ...]
    """What went wrong on the way, a line each."""
    duration: timedelta
    since: datetime | None = None
    until: datetime | None = None
    """The span [since, until) that was taken for what was asked; None for `run_sync`."""


class RunFailedError(ForceOrdersError):
    """A run that failed, of all accounts or of some: `summary` tells what was stored all the same, `faults` why."""

    def __init__(self, message: str, summary: RunSummary) -> None:
        super().__init__(message)
        self.summary = summary


def run_backfill(
    settings: SettingsSource | None = None,
    *,
    accounts: Sequence[str] = (),
    symbols: Sequence[str] = (),
    since: datetime | str | None = None,
    until: datetime | str | None = None,
    beyond_retention: bool = False,
    stop: Event | None = None,
    **changes: Unpack[SettingsByName],
) -> RunSummary:
    """Walk history once, as `force-orders backfill` does: what is proven already is not asked for again.

    Without `settings` they come from where the command finds them, environment included; a file's are overruled by the
    environment; a Settings object is taken as it is. `changes` overrule them all by name: `weight_budget=600`. Keys are
    read from the environment and from the files that settings name, never passed.

    `accounts` and `symbols` are names, all by default. `since` and `until` are aware datetimes or texts as on the
    command line (`2026-09-01`, `90d`; UTC; a bare date as `until` includes its day); without `since` it is as far back
    as the exchange keeps. What lies before that is left out, which a warning says, unless `beyond_retention` wants it
    recorded as a gap. Once `stop` is set the run ends as soon as the requests and statements in hand allow.

    A run that leaves gaps returns, with them in the summary. Else raises ConfigError (wrong settings or arguments),
    ThrottledError (the exchange wants silence until its `until_ms`), StoreError (the database), StoppedError (`stop`
    was set; what was proven is kept), RunFailedError (anything else, such as one account of several whose key cannot be
    used: the others are read all the same); each is a ForceOrdersError and has the command's `exit_code`.
    """
    chosen = _settings(settings, changes)
    span = SpanText(_instant("since", since), _instant("until", until), beyond_retention)
    return _run(chosen, backfill_work(chosen, _names(accounts), _names(symbols), span), stop)


def run_sync(
    settings: SettingsSource | None = None,
    *,
    accounts: Sequence[str] = (),
    stop: Event | None = None,
    **changes: Unpack[SettingsByName],
) -> RunSummary:
    """The nightly job, as `force-orders sync` does it: from each watermark to now, and a look back for late changes.

    Arguments, result and errors are those of `run_backfill`.
    """
    chosen = _settings(settings, changes)
    return _run(chosen, sync_work(chosen, _names(accounts)), stop)


def _settings(source: SettingsSource | None, changes: Mapping[str, object]) -> Settings:
    settings = source if isinstance(source, Settings) else load(None if source is None else Path(source))
    checks = {
        name: hint.__metadata__[0]
        for name, hint in get_type_hints(Settings, include_extras=True).items()
        if name in SettingsByName.__annotations__
    }
    values, faults = {}, []
    for name, value in changes.items():
        if name not in checks:
            faults.append(f"there is no setting {name!r} to give by name; 'force-orders config example' lists them all")
            continue
        try:
            values[name] = checks[name](os.fspath(value) if isinstance(value, os.PathLike) else value)
        except ValueError as error:
            faults.append(f"{name}: {error}")
    if faults:
        raise ConfigError("; ".join(faults))
    return replace(settings, **values)


def _instant(name: str, moment: datetime | str | None) -> str | None:
    """As it would be typed."""
    if not isinstance(moment, datetime):
        return moment
    if moment.utcoffset() is None:
        raise ConfigError(f"{name} {moment.isoformat()} has no time zone")
    return moment.isoformat()


def _names(given: Sequence[str]) -> Sequence[str]:
    return (given,) if isinstance(given, str) else given


def _run(settings: Settings, work: Work, stop: Event | None) -> RunSummary:
    logging.getLogger("urllib3.connectionpool").addFilter(_is_unsigned)
    ended = store_history(settings, work, stop or Event(), nullcontext(lambda standing: None))
    if ended.clipped is not None:
        _log.warning("%s", ended.clipped)
    return _returned(ended)


def _is_unsigned(record: logging.LogRecord) -> bool:
    """Signed URLs stay out of every log, also where a host program wants to read the HTTP library's own."""
    return "signature=" not in record.getMessage()


def _returned(ended: Summary) -> RunSummary:
    """The run's public summary; raises what a caller has to do something about."""
    said = "; ".join(ended.faults) or f"the run ended as {ended.status}"
    match ended.exit_code:
        case ExitCode.DONE | ExitCode.INCOMPLETE:
            return _public(ended)
        case ExitCode.WRONG_INPUT:
            raise ConfigError(said)
        case ExitCode.BANNED:
            raise ThrottledError(said, ended.silent_until)
        case ExitCode.DATABASE:
            raise StoreError(said)
        case ExitCode.STOPPED:
            raise StoppedError("stopped; what was proven is kept")
        case _:
            raise RunFailedError(said, _public(ended))


def _public(ended: Summary) -> RunSummary:
    counts = ended.counts
    return RunSummary(
        run_id=ended.run_id,
        status=ended.status,
        exit_code=int(ended.exit_code),
        windows=ended.windows,
        requests=counts.requests,
        weight=counts.weight,
        inserted=counts.inserted,
        updated=counts.updated,
        unchanged=counts.unchanged,
        quarantined=counts.quarantined,
        gaps=tuple(
            Gap(
                *(gap.account, gap.market, gap.symbol),
                *(to_datetime(gap.window.start), to_datetime(gap.window.end)),
                gap.reason,
            )
            for gap in ended.gaps
        ),
        unproven=timedelta(milliseconds=ended.unproven),
        faults=tuple(ended.faults),
        duration=timedelta(seconds=ended.seconds),
        since=None if ended.span is None else to_datetime(ended.span.start),
        until=None if ended.span is None else to_datetime(ended.span.end),
    )
