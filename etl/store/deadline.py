"""A deadline for several statements together."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, event


@contextmanager
def deadline(connection: Connection, seconds: float) -> Iterator[None]:
    """Postgres cancels the statement that still runs after so many seconds, and each later one of the block at once."""
    ends = time.monotonic() + seconds

    def limit(_: Connection, cursor: Any, *rest: object) -> None:
        left = max(1, int((ends - time.monotonic()) * 1000))
        cursor.execute(f"SET statement_timeout = {left}")

    event.listen(connection, "before_cursor_execute", limit)
    try:
        yield
    finally:
        event.remove(connection, "before_cursor_execute", limit)
