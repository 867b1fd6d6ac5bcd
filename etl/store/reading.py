"""One query of the user's own, in a transaction that cannot write."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, text

from etl.store.engine import store_errors


def read_only(connection: Connection, sql: str) -> tuple[list[str], Sequence[Sequence[Any]]]:
    """Column names and rows; raises StoreError for a wrong or a writing statement."""
    with store_errors():
        connection.execute(text("SET TRANSACTION READ ONLY"))
        result = connection.exec_driver_sql(sql)
        rows = result.fetchall() if result.returns_rows else []
        columns = list(result.keys()) if result.returns_rows else []
        connection.rollback()
        return columns, [tuple(row) for row in rows]
