"""The connections of a worker's jobs: one job after the other uses the same, because opening one costs as much as a
quiet night. Between two jobs a connection has no transaction and no lock."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from threading import Lock

from sqlalchemy import Connection

from etl.errors import StoreError
from etl.runs import from_settings
from etl.settings.model import Settings
from etl.store import migrate
from etl.store.engine import store_errors
from etl.store.locks import release_all


class KeptConnections:
    """As many as jobs ran at once. Safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._idle: list[tuple[ExitStack, Connection]] = []

    @contextmanager
    def of_job(self, settings: Settings) -> Iterator[Connection]:
        """As `from_settings.store`. The job's locks end with the block, as if the connection did.

        A connection that failed, or that cannot be cleaned, is closed; then Postgres releases its locks.
        """
        opened, connection = self._checked() or _opened(settings)
        with ExitStack() as unless_clean:
            unless_clean.callback(opened.close)
            with store_errors():
                yield connection
            with suppress(StoreError):
                with store_errors():
                    release_all(connection)
                unless_clean.pop_all()
                with self._lock:
                    self._idle.append((opened, connection))

    def close(self) -> None:
        """Close those that no job uses."""
        with self._lock:
            idle, self._idle = self._idle, []
        for opened, _ in idle:
            opened.close()

    def _checked(self) -> tuple[ExitStack, Connection] | None:
        """An idle one that still works, with our schema; None: there is none."""
        while True:
            with self._lock:
                if not self._idle:
                    return None
                opened, connection = self._idle.pop()
            with suppress(StoreError), store_errors():
                if migrate.is_current(connection):
                    return opened, connection
            opened.close()


def _opened(settings: Settings) -> tuple[ExitStack, Connection]:
    opened = ExitStack()
    return opened, opened.enter_context(from_settings.store(settings))
