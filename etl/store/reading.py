"""A query of the user's own, in a read-only transaction."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg.types.string import TextLoader
from sqlalchemy import Connection, text
from sqlalchemy.exc import ProgrammingError

from etl.errors import ConfigError
from etl.store.engine import store_errors

OF_THE_QUERY = frozenset(("0A", "21", "22", "23", "25", "2D", "3F", "42", "44", "54", "P0"))
"""SQLSTATE classes of faults in the statement, not the server: syntax, names, rights, values, writing, limits."""


_REACHES_FURTHER = text("""
    SELECT bool_or(pg_has_role(oid, 'MEMBER')) FROM pg_roles
     WHERE rolname IN ('pg_read_server_files', 'pg_write_server_files', 'pg_execute_server_program')
""")
"""Whether our role may use files and programs of the server, as superusers may: a read-only transaction does not
keep it from that."""


def read_only(connection: Connection, sql: str) -> tuple[list[str], Sequence[Sequence[Any]]]:
    """Column names and rows; JSON as its text.

    Raises ConfigError for an invalid or writing statement, and for more than one. Postgres prepares only a single one,
    so no second one can end the read-only transaction. A role that may use files and programs of the server gives up
    its rights for those of `pg_read_all_data` first; raises ConfigError if it may not. A statement that is written for
    it can take the rights of a superuser back, so that this is no protection against its author; `open_for_queries` is.
    """
    with store_errors():
        if connection.scalar(_REACHES_FURTHER):
            _give_up_rights(connection)
    with store_errors(), query_errors(connection):
        connection.execute(text("SET TRANSACTION READ ONLY"))
        driver = connection.connection.driver_connection
        assert isinstance(driver, psycopg.Connection)  # noqa: S101 – the only driver that engine_for uses
        cursor = driver.cursor()
        for name in (
            "json",
            "jsonb",
        ):  # as text: a parser's numbers are inexact, and may have no more than 4,300 digits
            cursor.adapters.register_loader(name, TextLoader)
        cursor.execute(sql.encode(errors="replace"), prepare=True)
        columns = [column.name for column in cursor.description or ()]
        rows = cursor.fetchall() if columns else []
        connection.rollback()
    if not columns:
        raise ConfigError("the statement returns no rows: write a query, such as SELECT")
    return columns, rows


def _give_up_rights(connection: Connection) -> None:
    """Until the end of the transaction."""
    try:
        connection.execute(text("SET LOCAL ROLE pg_read_all_data"))
    except ProgrammingError:
        raise ConfigError(
            "the role may use files and programs of the database server, so that a query could too; use another role, "
            "or let it have less for queries: GRANT pg_read_all_data"
        ) from None


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
