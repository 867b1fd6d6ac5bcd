"""The composition root: settings in, wired objects out. No logic."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from threading import Event

from sqlalchemy import Connection

from etl.accounts.credentials import Credentials, Keyring
from etl.core.egress import Egress
from etl.core.markets import USDM
from etl.core.paging import WIDEST_WINDOW
from etl.core.planning import Rules
from etl.core.timeline import DAY, SECOND
from etl.exchange.budget import Budget
from etl.exchange.client import Connection as ExchangeConnection
from etl.exchange.client import ExchangeClient
from etl.exchange.clock import ExchangeClock
from etl.exchange.rate_limiter import Gate
from etl.exchange.retries import RetryPolicy
from etl.exchange.signing import HmacSigner, PrivateKeySigner, Signer
from etl.runs.run import Reader
from etl.settings.model import Settings
from etl.settings.secret import SecretStr
from etl.store.database import address, open_database
from etl.store.egress import shared_egress


def rules(settings: Settings, now: int) -> Rules:
    """What planning needs to know at the instant `now`, epoch milliseconds."""
    return Rules(
        now=now,
        settle_lag=settings.settle_seconds * SECOND,
        keeps=settings.retention_days * DAY or None,
        widest=min(int(settings.window_days * DAY), WIDEST_WINDOW),
    )


def gate(settings: Settings, egress: Egress, clock: ExchangeClock, stop: Event) -> Gate:
    """What every request passes, of this process and of all that share its egress."""
    return Gate(egress, Budget(settings.weight_budget), clock.now, stop, settings.patience_seconds * SECOND)


def reader(
    settings: Settings, keys: Keyring, gate: Gate, clock: ExchangeClock, stop: Event, market: str = USDM
) -> Reader:
    """The clients of these accounts in a market, as far as their keys can be used, behind one gate."""
    connection = ExchangeConnection(
        settings.base_url,
        settings.connect_timeout_seconds,
        settings.read_timeout_seconds,
        settings.recv_window_ms,
    )
    retry = RetryPolicy(settings.attempts)
    clients = {
        one.account: ExchangeClient(connection, signer(one), clock, gate, retry, stop.wait) for one in keys.usable
    }
    return Reader(
        market,
        clients,
        keys.complaints,
        gate,
        clock,
        stop,
        settings.patience_seconds * SECOND,
        settings.concurrency,
        settings.page_limit,
        lambda now: rules(settings, now),
    )


@contextmanager
def reading(
    settings: Settings, keys: Keyring, connection: Connection, stop: Event, clock: ExchangeClock | None = None
) -> Iterator[Reader]:
    """A reader for one run, with a gate of its own; raises StoreError."""
    clock = clock or ExchangeClock()
    with shared_egress(connection.engine, settings.egress) as egress:
        yield reader(settings, keys, gate(settings, egress, clock, stop), clock, stop)


def signer(credentials: Credentials) -> Signer:
    key = credentials.api_key.get_secret_value()
    if credentials.private_key is not None:
        return PrivateKeySigner(key, credentials.private_key)
    secret = credentials.api_secret.get_secret_value() if credentials.api_secret else ""
    return HmacSigner(key, secret)


@contextmanager
def store(settings: Settings, patience_s: int | None = None) -> Iterator[Connection]:
    """A connection to the database in use, with our schema; `patience_s`: see `engine_for`."""
    url = settings.database_url.get_secret_value() if settings.database_url else None
    with open_database(url, settings.data_dir, patience_s) as connection:
        yield connection


@contextmanager
def served(settings: Settings) -> Iterator[Settings]:
    """The same settings, naming a server that is up, with our schema, for as long as the block lasts."""
    url = settings.database_url.get_secret_value() if settings.database_url else None
    with address(url, settings.data_dir) as reachable:
        with store(settings):
            pass
        yield replace(settings, database_url=SecretStr(reachable))
