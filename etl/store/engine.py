"""The connection to Postgres, and the only place that turns its errors into StoreError."""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache

import psycopg
from psycopg import conninfo, pq
from sqlalchemy import Connection, Engine, create_engine, exc, pool, text

from etl.errors import ConfigError, StoreError
from etl.store.pooler import pools_transactions
from etl.store.session import Session

OLDEST_POSTGRES = 14
"""The first version with multiranges, which coverage needs."""

SESSION_VARIABLES = ("PGDATESTYLE", "PGTZ", "PGGEQO")
"""What libpq sends as settings of the session; it does not list them with its parameters."""

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
    except (psycopg.ProgrammingError, IndexError) as error:
        raise _unknown_parameter(url, str(error)) or unreadable from None
    parameters = {name: str(value) for name, value in parsed.items() if value is not None}
    ports = [port for port in parameters.get("port", "").split(",") if port]
    # Part of a password with an unescaped character ends up in the host or port, and would show in connection errors.
    if "@" in parameters.get("host", "") or not all(port.isdecimal() and 0 < int(port) < 1 << 16 for port in ports):
        raise unreadable
    return parameters


def _unknown_parameter(url: str, said: str) -> ConfigError | None:
    """What libpq said about a parameter that other programs know; None: nothing, or it may be part of a password."""
    found = re.search(r'invalid URI query parameter: "(\w{1,40})"', said)
    if found is None or "@" in url.partition("?")[2]:
        return None
    name = found[1]
    schema = "; for another schema: ALTER ROLE … SET search_path" if "schema" in name.lower() else ""
    return ConfigError(f"the database URL has the parameter {name!r}, which libpq does not know: remove it{schema}")


def conninfo_of(url: str, **overrides: str) -> str:
    """libpq's connection string: our defaults, then the URL, then `overrides`. It holds the password."""
    return conninfo.make_conninfo(**(DEFAULTS | parse_url(url) | overrides))


@lru_cache(maxsize=16)
def engine_for(
    url: str, patience_s: int | None = None, lock_timeout_s: int = LOCK_TIMEOUT_S, **overrides: str
) -> Engine:
    """An engine without a pool: it opens each connection anew.

    The same for the same arguments, because an engine keeps the statements that it compiled.

    `patience_s`: the timeout of connecting, and of each statement, in seconds; None: no limit of ours.
    `lock_timeout_s`: how long a statement waits for a lock. `overrides`: libpq's parameters that win over the URL.
    """
    limits = {} if patience_s is None else {"connect_timeout": str(patience_s)}
    parameters = conninfo_of(url, **limits | overrides)
    return create_engine(
        "postgresql+psycopg://",
        creator=lambda: _opened(parameters, lock_timeout_s, patience_s),
        poolclass=pool.NullPool,
    )


def _opened(parameters: str, lock_timeout_s: int, statement_timeout_s: int | None) -> Session:
    """Connect; the error names the variables of the environment that had a say."""
    try:
        return Session.opened(parameters, lock_timeout_s, statement_timeout_s)
    except psycopg.OperationalError as error:
        given = conninfo.conninfo_to_dict(parameters)
        options = ((one.keyword.decode(), (one.envvar or b"").decode()) for one in pq.Conninfo.get_defaults())
        names = [variable for keyword, variable in options if variable in os.environ and keyword not in given]
        names += [variable for variable in SESSION_VARIABLES if variable in os.environ]
        inherited = f"; the environment has a say in this: {', '.join(names)}" if names else ""
        raise StoreError(f"the database cannot be used: {reason(error)}{inherited}") from None


@contextmanager
def connection_to(engine: Engine) -> Iterator[Connection]:
    """A connection to a Postgres that is new enough. Its errors become StoreError with one line each."""
    with store_errors(), engine.connect() as connection:
        version = connection.scalar(text("SELECT current_setting('server_version_num')::int / 10000"))
        connection.rollback()
        if version < OLDEST_POSTGRES:
            raise StoreError(f"the database is PostgreSQL {version}; {OLDEST_POSTGRES} or newer is needed")
        if pools_transactions(connection):
            raise StoreError(
                "a pooler before the database gives each transaction another session, in which no lock holds; "
                "let it pool by session (PgBouncer: pool_mode = session), or connect to the server itself"
            )
        yield connection


@contextmanager
def store_errors() -> Iterator[None]:
    """Turn the database's errors into StoreError."""
    try:
        yield
    except (exc.DBAPIError, psycopg.Error) as error:
        raise StoreError(f"the database cannot be used: {reason(error)}") from None
    except exc.SQLAlchemyError as error:
        raise StoreError(f"the database cannot be used: {type(error).__name__}") from None
    except Exception as error:
        if not isinstance(error.__cause__, psycopg.Error):
            raise
        # The queue's library wraps the driver's errors in its own.
        raise StoreError(f"the database cannot be used: {reason(error)}") from None


def reason(error: BaseException) -> str:
    """Postgres' message and error class on one line, without the statement and its values: they hold the orders.

    After them the notes of `Session`. Takes errors of the driver, and those that wrap one.
    """
    cause = error.orig if isinstance(error, exc.DBAPIError) and error.orig else error
    cause = cause.__cause__ if isinstance(cause.__cause__, psycopg.Error) else cause
    if not isinstance(cause, psycopg.Error):
        return " ".join(str(cause).split()) or type(cause).__name__
    said = " ".join((cause.diag.message_primary or str(cause)).split()) or type(cause).__name__
    named = f"{said} ({type(cause).__name__})" if cause.sqlstate else said
    return "; ".join((named, *getattr(cause, "__notes__", ())))
