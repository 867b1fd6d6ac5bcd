"""The composition root of every run: the commands, the API and the workers build theirs here. No logic.

The runs that are no nightly ones are in `composition_by_hand`: a night does not import them.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from threading import Event

from sqlalchemy import Connection, Engine

from etl.accounts.credentials import Credentials, Keyring
from etl.core.cost_rules import CostRules
from etl.core.egress import Egress, OwnEgress
from etl.core.identity import host_of
from etl.core.markets import market_named
from etl.core.markets.market import Pool
from etl.core.timeline import SECOND
from etl.core.wallets import Wallet
from etl.exchange.access import Access
from etl.exchange.budget import Budget
from etl.exchange.client import ExchangeClient
from etl.exchange.clock import ExchangeClock
from etl.exchange.rate_limiter import RateLimiter
from etl.exchange.retries import RetryPolicy
from etl.exchange.sender import HttpOptions
from etl.exchange.signing import HmacSigner, PrivateKeySigner, Signer
from etl.runs.after_walks import readings_after
from etl.runs.from_settings import rules, store
from etl.runs.ingest import IngestSink, IngestSpec
from etl.runs.marked_days import sum_marked_days
from etl.runs.old_proof import OldProof
from etl.runs.old_runs import fold_old_runs
from etl.runs.reader import Reader
from etl.runs.run import NIGHTLY, Run
from etl.runs.summary import Summary, Watcher, unwatched
from etl.settings.model import Settings
from etl.store.cooldown_file import CooldownFile, RememberingEgress
from etl.store.egress import UNNAMED, shared_egress
from etl.store.runs import Assignment


@contextmanager
def access(
    settings: Settings, engine: Engine | None, stop: Event, clock: ExchangeClock | None = None
) -> Iterator[Access]:
    """The rate limiters and clocks of every request of this process.

    Weight and cooldowns are shared with all processes behind our address: through the database, if there is one, and
    cooldowns by a file too, for the time in which the database is down. `clock`: instead of one that is new.
    """
    file = CooldownFile(settings.data_dir, host_of(settings.base_url), settings.egress or UNNAMED)

    def new_limiter(pool: Pool, now: Callable[[], int]) -> RateLimiter:
        own: Egress = OwnEgress() if shared is None else shared.of_pool(pool)
        budget, patience_ms = Budget(settings.weight_budget, pool.allowance), settings.patience_seconds * SECOND
        return RateLimiter(RememberingEgress(own, file), budget, now, stop, patience_ms)

    with nullcontext() if engine is None else shared_egress(engine, settings.egress) as shared:
        yield Access(new_limiter, ExchangeClock if clock is None else lambda: clock)


def reader(
    settings: Settings,
    keys: Keyring,
    access: Access,
    stop: Event,
    markets: Sequence[str] = (),
    symbols: Sequence[str] = (),
) -> Reader:
    """Makes the clients of all accounts whose key can be used. `markets` and `symbols`: requested by name."""
    options = HttpOptions(
        settings.base_urls(),
        settings.connect_timeout_seconds,
        settings.read_timeout_seconds,
        settings.recv_window_ms,
    )
    retry = RetryPolicy(settings.attempts)
    credentials = {one.account: one for one in keys.usable}

    def new_client(wallet: Wallet) -> ExchangeClient:
        own = signer(credentials[wallet.account])
        return ExchangeClient(market_named(wallet.market), options, own, access, retry, stop.wait)

    return Reader(
        [*credentials],
        keys.fault_lines,
        settings.markets_of,
        markets,
        symbols,
        new_client,
        access,
        stop,
        settings.patience_seconds * SECOND,
        settings.concurrency,
        settings.page_limit,
        lambda market, now: rules(settings, now, market.weights),
        CostRules(
            settings.cost_weight,
            settings.income_types,
            settings.reconcile_days,
            settings.mark_prices,
            settings.audit_windows,
        ),
    )


@contextmanager
def reading(
    settings: Settings,
    keys: Keyring,
    connection: Connection,
    stop: Event,
    clock: ExchangeClock | None = None,
    markets: Sequence[str] = (),
    symbols: Sequence[str] = (),
) -> Iterator[Reader]:
    """A reader for one run, with rate limiters of its own; raises StoreError.

    `markets` and `symbols`: those that were requested by name. For what is read without them see `markets_to_read`.
    """
    with access(settings, connection.engine, stop, clock) as own:
        yield reader(settings, keys, own, stop, markets, symbols)


def signer(credentials: Credentials) -> Signer:
    key = credentials.api_key.get_secret_value()
    if credentials.private_key is not None:
        return PrivateKeySigner(key, credentials.private_key)
    secret = credentials.api_secret.get_secret_value() if credentials.api_secret else ""
    return HmacSigner(key, secret)


def ingest(settings: Settings, spec: IngestSpec, stop: Event, watching: AbstractContextManager[Watcher]) -> Summary:
    """Run `backfill` or `sync`, fold old runs, and at night sum what changed. The summary holds the errors of the run.

    Raises StoreError if it cannot begin.
    """
    with (
        watching as watch,
        store(settings) as connection,
        reading(settings, spec.keys, connection, stop, markets=spec.markets, symbols=spec.symbols) as reader,
    ):
        summary = ingest_with(connection, reader, spec, watch)
        fold_old_runs(connection, settings.keep_runs_days, stop)
        if spec.command == NIGHTLY:
            sum_marked_days(connection, stop)
        return summary


def ingest_with(
    connection: Connection,
    reader: Reader,
    spec: IngestSpec,
    watch: Watcher = unwatched,
    assignment: Assignment | None = None,
) -> Summary:
    """The same with a connection and a reader that exist already; a worker shares its rate limiter between jobs."""
    run = Run(connection, reader, spec.command, watch, assignment)
    readings = readings_after(spec, connection, reader, run.recorder)
    sink = IngestSink(connection, run.recorder, spec.symbols, readings, OldProof(connection, reader.rules))
    return run.execute(spec.planner, sink, spec.span)
