"""What commands need of the settings besides runs: the database and the rules of planning.

Imports nothing that sends requests, so that commands which only read start fast.
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace

from sqlalchemy import Connection

from etl.core.markets.market import FUTURES, Weights
from etl.core.paging import WIDEST_WINDOW
from etl.core.planning import Rules
from etl.core.timeline import DAY, SECOND
from etl.settings.model import Settings
from etl.settings.secret import SecretStr
from etl.store.database import address, has_embedded_data, open_database, open_for_queries


def rules(settings: Settings, now: int, weights: Weights = FUTURES) -> Rules:
    """The planning rules at the instant `now`, epoch milliseconds."""
    return Rules(
        now=now,
        settle_lag=settings.settle_seconds * SECOND,
        keeps=settings.retention_days * DAY or None,
        widest=min(int(settings.window_days * DAY), WIDEST_WINDOW),
        reread=settings.reread_days * DAY,
        weights=weights,
    )


@contextmanager
def store(settings: Settings, patience_s: int | None = None, *, only_reads: bool = False) -> Iterator[Connection]:
    """A connection to the configured database, with our schema; for the arguments see `open_database`."""
    url = settings.database_url.get_secret_value() if settings.database_url else None
    patience = settings.patience_seconds
    with open_database(url, settings.data_dir, patience_s, patience, only_reads=only_reads) as connection:
        yield connection


def for_queries(settings: Settings) -> AbstractContextManager[Connection]:
    """The same for statements that are not ours."""
    url = settings.database_url.get_secret_value() if settings.database_url else None
    return open_for_queries(url, settings.data_dir, settings.patience_seconds)


@contextmanager
def served(settings: Settings) -> Iterator[Settings]:
    """The same settings with the URL of a running server that has our schema, until the block ends."""
    url = settings.database_url.get_secret_value() if settings.database_url else None
    with address(url, settings.data_dir) as reachable:
        with store(settings):
            pass
        yield replace(settings, database_url=SecretStr(reachable))


def has_database(settings: Settings) -> bool:
    """Whether there is a database to look into: `store` would create an embedded one."""
    return settings.database_url is not None or has_embedded_data(settings.data_dir)
