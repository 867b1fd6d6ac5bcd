"""The connection to Postgres, and the one place where a database's errors become ours."""

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from psycopg import conninfo
from sqlalchemy import Connection, Engine, create_engine, exc, pool, text

from etl.errors import ConfigError, StoreError
from etl.store.session import Session

OLDEST_POSTGRES = 14
"""Multiranges, which coverage is made of, came with it."""

DEFAULTS = {
    "application_name": "force-orders",
    "client_encoding": "UTF8",  # else a database without an encoding of its own would give bytes in place of text
    "connect_timeout": "10",
    # A server that vanished without a word counts as gone after a minute, not after the system's two hours.
    "keepalives_idle": "20",
    "keepalives_interval": "10",
    "keepalives_count": "3",
    "tcp_user_timeout": "60000",
}
"""libpq's parameters, seconds but for the last, milliseconds; the URL may say otherwise."""


def parse_url(url: str) -> dict[str, str]:
    """libpq's parameters of a SQLAlchemy or libpq URL; raises ConfigError without showing it, for its password."""
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
    # Where a password holds an unescaped sign, a part of it ends up here, and would in the error of the connection.
    if "@" in parameters.get("host", "") or not all(port.isdecimal() and 0 < int(port) < 1 << 16 for port in ports):
        raise unreadable
    return parameters


def conninfo_of(url: str, **firmly: str) -> str:
    """libpq's connection string for a URL, with our defaults, and `firmly` whatever it says. It holds the password."""
    return conninfo.make_conninfo(**(DEFAULTS | parse_url(url) | firmly))


def engine_for(url: str, patience_s: int | None = None) -> Engine:
    """An engine that opens a connection when asked for one and keeps none.

    With `patience_s` it gives up a connection, and a statement, that takes longer than so many seconds.
    """
    limits = {} if patience_s is None else {"connect_timeout": str(patience_s)}
    parameters = conninfo_of(url, **limits)

    def connect() -> psycopg.Connection[object]:
        connection = Session.opened(parameters)
        return connection if patience_s is None else _limited(connection, patience_s)

    return create_engine("postgresql+psycopg://", creator=connect, poolclass=pool.NullPool)


def _limited(connection: psycopg.Connection[object], patience_s: int) -> psycopg.Connection[object]:
    """By a statement, not by libpq's `options`, which pgbouncer refuses."""
    try:
        connection.execute(f"SET statement_timeout = '{patience_s}s'")
        connection.commit()
    except BaseException:
        connection.close()
        raise
    return connection


@contextmanager
def connection_to(engine: Engine) -> Iterator[Connection]:
    """A connection to a Postgres that is new enough; its errors come out as StoreError, one line each."""
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
    """What Postgres said, on one line. Statements and their values are left out: they hold the orders."""
    cause = error.orig if isinstance(error, exc.DBAPIError) and error.orig else error
    diagnostic = cause.diag.message_primary if isinstance(cause, psycopg.Error) else None
    said = diagnostic or str(cause)
    return " ".join(said.split()) or type(cause).__name__
