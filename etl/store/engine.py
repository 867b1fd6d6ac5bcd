"""The connection to Postgres, and the only place that turns its errors into StoreError."""

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from psycopg import conninfo
from sqlalchemy import Connection, Engine, create_engine, exc, pool, text

from etl.errors import ConfigError, StoreError
from etl.store.session import Session

OLDEST_POSTGRES = 14
"""The first version with multiranges, which coverage needs."""

LOCK_TIMEOUT_S = 90
"""Seconds, as the default of `patience_seconds`."""

DEFAULTS = {
    "application_name": "force-orders",
    "client_encoding": "UTF8",  # a database with the encoding SQL_ASCII would return bytes otherwise
    "connect_timeout": "10",
    # A server that disappears counts as lost after a minute, not after the system's two hours.
    "keepalives_idle": "20",
    "keepalives_interval": "10",
    "keepalives_count": "3",
    "tcp_user_timeout": "60000",
}
"""libpq's parameters, which the URL may override. Times are seconds; tcp_user_timeout is milliseconds."""


def parse_url(url: str) -> dict[str, str]:
    """libpq's parameters of a SQLAlchemy or libpq URL. Raises ConfigError, without the URL: it has a password."""
    unreadable = ConfigError(
        "the database URL cannot be read; write postgresql://user:password@host:5432/database "
        "(special characters in the password percent-encoded)"
    )
    try:
        parsed = conninfo.conninfo_to_dict("postgresql://" + url.split("://", 1)[1])
    except (psycopg.ProgrammingError, IndexError):
        raise unreadable from None
    parameters = {name: str(value) for name, value in parsed.items() if value is not None}
    ports = [port for port in parameters.get("port", "").split(",") if port]
    # Part of a password with an unescaped character ends up in the host or port, and would show in connection errors.
    if "@" in parameters.get("host", "") or not all(port.isdecimal() and 0 < int(port) < 1 << 16 for port in ports):
        raise unreadable
    return parameters


def conninfo_of(url: str, **overrides: str) -> str:
    """libpq's connection string: our defaults, then the URL, then `overrides`. It holds the password."""
    return conninfo.make_conninfo(**(DEFAULTS | parse_url(url) | overrides))


def engine_for(
    url: str, patience_s: int | None = None, lock_timeout_s: int = LOCK_TIMEOUT_S, **overrides: str
) -> Engine:
    """An engine without a pool: it opens each connection anew.

    `patience_s`: the timeout of connecting, and of each statement, in seconds; None: no limit of ours.
    `lock_timeout_s`: how long a statement waits for a lock. `overrides`: libpq's parameters that win over the URL.
    """
    limits = {} if patience_s is None else {"connect_timeout": str(patience_s)}
    parameters = conninfo_of(url, **limits | overrides)
    return create_engine(
        "postgresql+psycopg://",
        creator=lambda: Session.opened(parameters, lock_timeout_s, patience_s),
        poolclass=pool.NullPool,
    )


@contextmanager
def connection_to(engine: Engine) -> Iterator[Connection]:
    """A connection to a Postgres that is new enough. Its errors become StoreError with one line each."""
    with store_errors(), engine.connect() as connection:
        version = connection.scalar(text("SELECT current_setting('server_version_num')::int / 10000"))
        connection.rollback()
        if version < OLDEST_POSTGRES:
            raise StoreError(f"the database is PostgreSQL {version}; {OLDEST_POSTGRES} or newer is needed")
        yield connection


@contextmanager
def store_errors() -> Iterator[None]:
    """Turn the database's errors into StoreError."""
    try:
        yield
    except (exc.DBAPIError, psycopg.Error) as error:
        raise StoreError(f"the database cannot be used: {_reason(error)}") from None
    except exc.SQLAlchemyError as error:
        raise StoreError(f"the database cannot be used: {type(error).__name__}") from None


def _reason(error: BaseException) -> str:
    """The message of Postgres on one line, without the statement and its values: they hold the orders."""
    cause = error.orig if isinstance(error, exc.DBAPIError) and error.orig else error
    diagnostic = cause.diag.message_primary if isinstance(cause, psycopg.Error) else None
    said = diagnostic or str(cause)
    return " ".join(said.split()) or type(cause).__name__
