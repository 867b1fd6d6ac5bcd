"""One query of the user's own, in a transaction that cannot write."""

from collections.abc import Sequence
from typing import Any

import psycopg
from sqlalchemy import Connection, text

from etl.store.engine import store_errors


def read_only(connection: Connection, sql: str) -> tuple[list[str], Sequence[Sequence[Any]]]:
    """Column names and rows; raises StoreError for a wrong or a writing statement, and for more than one.

    The query is prepared, which Postgres does for a single statement only: none can follow that ends the transaction.
    """
    with store_errors():
        connection.execute(text("SET TRANSACTION READ ONLY"))
        driver = connection.connection.driver_connection
        assert isinstance(driver, psycopg.Connection)  # noqa: S101 – the only driver that engine_for uses
        cursor = driver.execute(sql.encode(), prepare=True)
        rows = cursor.fetchall() if cursor.description else []
        columns = [column.name for column in cursor.description or ()]
        connection.rollback()
        return columns, rows
