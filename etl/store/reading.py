"""A query of the user's own, in a read-only transaction."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import psycopg
from sqlalchemy import Connection, text

from etl.errors import ConfigError
from etl.store.engine import store_errors

OF_THE_QUERY = frozenset(("0A", "21", "22", "23", "25", "2D", "3F", "42", "44", "54", "P0"))
"""SQLSTATE classes of faults in the statement, not the server: syntax, names, rights, values, writing, limits."""


def read_only(connection: Connection, sql: str) -> tuple[list[str], Sequence[Sequence[Any]]]:
    """Column names and rows. Raises ConfigError for an invalid or writing statement, and for more than one.

    Postgres prepares only a single statement, so no second one can end the read-only transaction.
    """
    with store_errors(), query_errors(connection):
        connection.execute(text("SET TRANSACTION READ ONLY"))
        driver = connection.connection.driver_connection
        assert isinstance(driver, psycopg.Connection)  # noqa: S101 – the only driver that engine_for uses
        cursor = driver.execute(sql.encode(errors="replace"), prepare=True)
        columns = [column.name for column in cursor.description or ()]
        rows = cursor.fetchall() if columns else []
        connection.rollback()
    if not columns:
        raise ConfigError("the statement returns no rows: write a query, such as SELECT")
    return columns, rows


@contextmanager
def query_errors(connection: Connection) -> Iterator[None]:
    """Turn errors of the query itself into ConfigError with Postgres' hint; other errors pass."""
    try:
        yield
    except psycopg.Error as error:
        connection.invalidate()  # after a COPY a rollback does not make it usable again
        if not is_of_the_query(error):
            raise
        said = error.diag.message_primary or str(error)
        hint = f" ({error.diag.message_hint})" if error.diag.message_hint else ""
        raise ConfigError(f"the query cannot be run: {' '.join(f'{said}{hint}'.split())}") from None


def is_of_the_query(error: psycopg.Error) -> bool:
    """Whether the query is at fault. The driver's own errors, such as a date out of its range, have no SQLSTATE."""
    if error.sqlstate is None:
        return isinstance(error, psycopg.ProgrammingError | psycopg.DataError | psycopg.NotSupportedError)
    return error.sqlstate[:2] in OF_THE_QUERY
