"""What `backfill` and `sync` do, whoever asks: the command, or a program that imports us."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from threading import Event

from etl.accounts.credentials import Keyring, keyring
from etl.runs import composition
from etl.runs.arguments import check_readable, parse_symbols
from etl.runs.ingest import Storing
from etl.runs.run import Run, Summary, Watcher
from etl.runs.spans import Planner, SpanText, backfill_planner, nightly_planner
from etl.settings.model import Settings


@dataclass(frozen=True)
class Work:
    """What a run is to read and store, and whose."""

    command: str
    keys: Keyring
    planner: Planner
    symbols: Sequence[str] = ()
    """Those asked for by name."""
    span: SpanText | None = None
    """As it was asked for; None: no span was."""


def backfill_work(settings: Settings, accounts: Sequence[str], symbols: Sequence[str], span: SpanText) -> Work:
    """History of a span, once; raises ConfigError before anything is asked or opened."""
    names = parse_symbols(symbols)
    check_readable(settings, span)
    return Work("backfill", keyring(settings, accounts), backfill_planner(span, names), names, span)


def sync_work(settings: Settings, accounts: Sequence[str]) -> Work:
    """The nightly job; raises ConfigError before anything is asked or opened."""
    return Work("sync", keyring(settings, accounts), nightly_planner)


def store_history(settings: Settings, work: Work, stop: Event, watching: AbstractContextManager[Watcher]) -> Summary:
    """A run that stores what it reads. How it ended stands in the summary; raises StoreError where it cannot begin."""
    with (
        watching as watch,
        composition.store(settings) as connection,
        composition.reading(settings, work.keys, connection, stop) as reader,
    ):
        run = Run(connection, reader, work.command, watch)
        return run.execute(work.planner, Storing(connection, run.recorder, work.symbols), work.span)
