"""The public Python API: the commands `backfill` and `sync` as functions.

They print nothing, send no notification, make no backup, install no signal handler and configure no logging; they log
to loggers below `etl`. They may be called from any thread, any number of times.
"""

import os
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from threading import Event
from typing import TypedDict, Unpack

from etl.commands.backfill import backfill_spec
from etl.commands.sync import sync_spec
from etl.core.markets import NAMES
from etl.core.timeline import to_datetime
from etl.errors import ConfigError, ExitCode, ForceOrdersError, StoppedError, StoreError, ThrottledError
from etl.logs import logger
from etl.runs import composition
from etl.runs.ingest import IngestSpec
from etl.runs.spans import SpanText
from etl.runs.summary import Summary, unwatched
from etl.settings.loading import checked_by_name, load
from etl.settings.model import Settings

_log = logger(__name__)

SettingsSource = Settings | str | os.PathLike[str]
"""An `etl.settings.Settings` object, or the path of a settings file."""


class SettingsByName(TypedDict, total=False):
    """The settings that can be given by name, for type checkers; `force-orders config example` explains them."""

    database_url: str
    data_dir: str | os.PathLike[str]
    base_url: str
    weight_budget: int
    retention_days: int
    settle_seconds: int
    reread_days: int
    window_days: float
    page_limit: int
    cost_weight: int
    income_types: Sequence[str]
    reconcile_days: int
    audit_windows: int
    mark_prices: bool
    concurrency: int
    attempts: int
    connect_timeout_seconds: float
    read_timeout_seconds: float
    recv_window_ms: int
    patience_seconds: int
    keep_runs_days: int
    warn_after_days: float
    egress: str
    dapi_base_url: str
    papi_base_url: str
    sapi_base_url: str


@dataclass(frozen=True)
class Gap:
    """An unproven part [start, end) of the run's span; `reason` is one of the view `coverage_gaps`."""

    account: str
    market: str
    symbol: str
    """`*`: all symbols."""
    start: datetime
    end: datetime
    reason: str


@dataclass(frozen=True)
class RunSummary:
    """What a run did, and what is left of its span. The row `run_id` of the table `runs` holds the same."""

    run_id: int
    status: str
    """As in `runs`: `succeeded` or `incomplete`; other values only in a `RunFailedError`."""
    exit_code: int
    """As the command's: 0 for `succeeded`, 3 for `incomplete`."""
    windows: int
    requests: int
    weight: int
    inserted: int
    """New orders; `updated` counts changed ones."""
    updated: int
    unchanged: int
    quarantined: int
    gaps: tuple[Gap, ...]
    unproven: timedelta
    """The sum over accounts and symbols."""
    faults: tuple[str, ...]
    """What went wrong during the run, one line each."""
    duration: timedelta
    since: datetime | None = None
    until: datetime | None = None
    """The requested span [since, until) as instants; None for `run_sync`."""


class RunFailedError(ForceOrdersError):
    """A run failed for all accounts or for some. `summary` holds what was stored nevertheless, and the faults."""

    def __init__(self, message: str, summary: RunSummary) -> None:
        super().__init__(message)
        self.summary = summary


def run_backfill(
    settings: SettingsSource | None = None,
    *,
    accounts: Sequence[str] = (),
    symbols: Sequence[str] = (),
    markets: Sequence[str] = (),
    since: datetime | str | None = None,
    until: datetime | str | None = None,
    beyond_retention: bool = False,
    costs: bool = False,
    stop: Event | None = None,
    **changes: Unpack[SettingsByName],
) -> RunSummary:
    """Read history once, as `force-orders backfill` does. What is proven already is not requested again.

    Without `settings` they are found as the command finds them, including the environment. The environment wins over a
    file; a Settings object is used as it is. `changes` win over all of them by name: `weight_budget=600`. Keys are read
    from the environment and from the files that the settings name; they cannot be passed.

    `accounts`, `symbols` and `markets` are names: all accounts and symbols and the markets of each account by default.
    A symbol without a market is one of USDⓈ-M futures. `since` and `until` are aware datetimes or texts as on the
    command line (`2026-09-01`, `90d`; UTC; a bare date as `until` includes its day); the default of `since` is as far
    back as the exchange keeps. An earlier part of the span is left out with a warning; `beyond_retention` records it as
    a gap instead. `costs` also reads what the orders cost, their fills and fees, as `run_sync` does within the setting
    `cost_weight`. When `stop` is set the run ends as soon as the requests and statements in flight allow.

    A run that leaves gaps returns, with the gaps in the summary. Otherwise raises ConfigError (wrong settings or
    arguments), ThrottledError (no request before its `cooldown_until`), StoreError (the database),
    StoppedError (`stop` was set; what was proven is kept) or RunFailedError (anything else, such as one account of
    several whose key cannot be used: the others are read nevertheless). Each is a ForceOrdersError with the command's
    `exit_code`.
    """
    chosen = _settings(settings, changes)
    span = SpanText(_instant("since", since), _instant("until", until), beyond_retention)
    spec = backfill_spec(chosen, _names(accounts), _names(symbols), span, _markets(markets), costs=costs)
    return _run(chosen, spec, stop)


def run_sync(
    settings: SettingsSource | None = None,
    *,
    accounts: Sequence[str] = (),
    markets: Sequence[str] = (),
    stop: Event | None = None,
    **changes: Unpack[SettingsByName],
) -> RunSummary:
    """Run the nightly job, as `force-orders sync` does: from each watermark to now, and back for late changes.

    Arguments, result and errors are those of `run_backfill`.
    """
    chosen = _settings(settings, changes)
    return _run(chosen, sync_spec(chosen, _names(accounts), _markets(markets)), stop)


def _settings(source: SettingsSource | None, changes: Mapping[str, object]) -> Settings:
    settings = source if isinstance(source, Settings) else load(None if source is None else Path(source))
    return replace(settings, **checked_by_name(changes, SettingsByName.__annotations__))


def _instant(name: str, moment: datetime | str | None) -> str | None:
    """The instant as text of the command line."""
    if not isinstance(moment, datetime):
        return moment
    if moment.utcoffset() is None:
        raise ConfigError(f"{name} {moment.isoformat()} has no time zone")
    return moment.isoformat()


def _names(given: Sequence[str]) -> Sequence[str]:
    return (given,) if isinstance(given, str) else given


def _markets(given: Sequence[str]) -> Sequence[str]:
    names = _names(given)
    for name in names:
        if name not in NAMES:
            raise ConfigError(f"there is no market {name!r}; known: {', '.join(NAMES)}")
    return names


def _run(settings: Settings, spec: IngestSpec, stop: Event | None) -> RunSummary:
    summary = composition.ingest(settings, spec, stop or Event(), nullcontext(unwatched))
    if summary.clipped is not None:
        _log.warning("%s", summary.clipped)
    return _result(summary)


def _result(ended: Summary) -> RunSummary:
    """The run's public summary; raises the error that its exit code stands for."""
    message = "; ".join(ended.faults) or f"the run ended as {ended.status}"
    match ended.exit_code:
        case ExitCode.DONE | ExitCode.INCOMPLETE:
            return _public(ended)
        case ExitCode.WRONG_INPUT:
            raise ConfigError(message)
        case ExitCode.BANNED:
            raise ThrottledError(message, ended.cooldown_until)
        case ExitCode.DATABASE:
            raise StoreError(message)
        case ExitCode.STOPPED:
            raise StoppedError("stopped; what was proven is kept")
        case _:
            raise RunFailedError(message, _public(ended))


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
