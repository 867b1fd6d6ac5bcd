"""The composition root of the runs that somebody starts by hand: `verify`, `reconcile`, `probe`, `archive request`."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from threading import Event

from etl.accounts.credentials import Keyring
from etl.exchange.clock import ExchangeClock
from etl.exchange.retries import RetryPolicy
from etl.runs.archive_directory import ArchiveDirectory
from etl.runs.archive_preview import ArchivePlan
from etl.runs.archive_request import ArchiveRun, ArchiveSummary
from etl.runs.archive_steps import DownloadOptions, Pace
from etl.runs.composition import reading
from etl.runs.from_settings import store
from etl.runs.probing import ProbeRun, ProbeSummary
from etl.runs.reconciliation import Reconciler, ReconcileSink, ReconcileSpec, asked, no_walks
from etl.runs.run import Run
from etl.runs.spans import SpanText
from etl.runs.summary import Summary, Watcher
from etl.runs.verification import Verification, VerifySink, VerifySpec
from etl.settings.model import Settings


def verify(
    settings: Settings, spec: VerifySpec, stop: Event, watching: AbstractContextManager[Watcher]
) -> tuple[Summary, Verification]:
    """Run `verify`: its summary, and what it compared and found; raises StoreError if it cannot begin."""
    with (
        watching as watch,
        store(settings) as connection,
        reading(settings, spec.keys, connection, stop, markets=spec.markets) as reader,
    ):
        run = Run(connection, reader, "verify", watch)
        sink = VerifySink(connection, run.recorder, spec)
        span = None if spec.span == SpanText() else spec.span
        return run.execute(sink.plan, sink, span), sink.verification()


def request_archives(
    settings: Settings,
    keys: Keyring,
    plan: ArchivePlan,
    stop: Event,
    pace: Pace | None = None,
    clock: ExchangeClock | None = None,
) -> ArchiveSummary:
    """Run `archive request`; raises StoreError if it cannot begin, ConfigError where files cannot be stored.

    `pace` and `clock`: how it waits, and by which time; by default in real time.
    """
    directory = ArchiveDirectory(settings.data_dir)
    directory.make()
    timeout = settings.connect_timeout_seconds, settings.read_timeout_seconds
    options = DownloadOptions(directory, timeout, RetryPolicy(settings.attempts))
    with store(settings) as connection, reading(settings, keys, connection, stop, clock) as reader:
        return ArchiveRun(connection, reader, options, pace or Pace(stop.wait)).execute(plan)


def probe(settings: Settings, keys: Keyring, markets: Sequence[str], version: str, stop: Event) -> ProbeSummary:
    """Run `probe`; raises StoreError if it cannot begin. `version`: of the program."""
    with store(settings) as connection, reading(settings, keys, connection, stop, markets=markets) as reader:
        return ProbeRun(connection, reader, version).execute()


def reconcile(
    settings: Settings, spec: ReconcileSpec, stop: Event, watching: AbstractContextManager[Watcher]
) -> tuple[Summary, Reconciler]:
    """Run `reconcile`: its summary, and what it compared and found; raises StoreError if it cannot begin."""
    with (
        watching as watch,
        store(settings) as connection,
        reading(settings, spec.keys, connection, stop, markets=spec.markets) as reader,
    ):
        run = Run(connection, reader, "reconcile", watch)
        reconciler = Reconciler(connection, reader, run.recorder, asked(spec.span), must_compare=True)
        return run.execute(no_walks, ReconcileSink(run.recorder, [reconciler])), reconciler
