"""One query of the user's own, in a transaction that cannot write."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import psycopg
from sqlalchemy import Connection, text

from etl.errors import ConfigError
from etl.store.engine import store_errors

OF_THE_QUERY = frozenset(("0A", "21", "22", "23", "25", "2D", "3F", "42", "44", "54", "P0"))
"""Classes of SQLSTATE that speak of a statement, not of the server: syntax, names, rights, values, writing, limits."""


def read_only(connection: Connection, sql: str) -> tuple[list[str], Sequence[Sequence[Any]]]:
    """Column names and rows; raises ConfigError for a wrong or a writing statement, and for more than one.

    The query is prepared, which Postgres does for a single statement only: none can follow that ends the transaction.
    """
    with store_errors(), query_errors(connection):
        connection.execute(text("SET TRANSACTION READ ONLY"))
        driver = connection.connection.driver_connection
        assert isinstance(driver, psycopg.Connection)  # noqa: S101 – the only driver that engine_for uses
        cursor = driver.execute(sql.encode(errors="replace"), prepare=True)
        rows = cursor.fetchall() if cursor.description else []
        columns = [column.name for column in cursor.description or ()]
        connection.rollback()
        return columns, rows


@contextmanager
def query_errors(connection: Connection) -> Iterator[None]:
    """Turn what Postgres, or its driver, says of the query itself into ConfigError, with its hint; leave the rest."""
    try:
        yield
    except psycopg.Error as error:
        connection.invalidate()  # a COPY leaves it in a state that no rollback ends
        if not is_of_the_query(error):
            raise
        said = error.diag.message_primary or str(error)
        hint = f" ({error.diag.message_hint})" if error.diag.message_hint else ""
        raise ConfigError(f"the query cannot be run: {' '.join(f'{said}{hint}'.split())}") from None


def is_of_the_query(error: psycopg.Error) -> bool:
    """Whether another query may do better. The driver's own errors, as of a date beyond its range, have no state."""
    if error.sqlstate is None:
        return isinstance(error, psycopg.ProgrammingError | psycopg.DataError | psycopg.NotSupportedError)
    return error.sqlstate[:2] in OF_THE_QUERY
