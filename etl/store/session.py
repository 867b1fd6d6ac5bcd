"""A database session with our own settings that reports its waits: to connect, for a statement, for a lock's holder."""

import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from typing import Any, Self, TypeVar

import psycopg
from psycopg.conninfo import make_conninfo
from psycopg.errors import InsufficientPrivilege, LockNotAvailable

from etl.waits import REPORTED_AFTER_S, WAITS, Reason, WaitSlot

RECHECK_S = 5.0
"""Seconds between two checks for the session that blocks this one; less where the wait may end sooner."""

SHORTEST_LOCK_TIMEOUT_S = 2
"""Seconds: our own transactions hold locks for a moment, and the session that blocks is looked for after a second."""

CHECK_TIMEOUT_S = 2

SETTINGS = {
    "DateStyle": "ISO, YMD",  # psycopg reads no other
    "IntervalStyle": "postgres",
    "TimeZone": "UTC",
    "client_encoding": "UTF8",  # a URL may name another
    "bytea_output": "hex",
    "extra_float_digits": "1",  # less would round instants
    "array_nulls": "on",  # without it a NULL in an array is the word
    "transform_null_equals": "off",
    "quote_all_identifiers": "off",
    "standard_conforming_strings": "on",
    "default_transaction_isolation": "read committed",
    "idle_session_timeout": "0",  # a run's locks live as long as its session, however long it waits for the exchange
}
"""What a session must not inherit from the role, the database or the environment: what changes how values are
written and read, what a transaction sees, and how long a session may be idle. The rest is the administrator's: the
search path, timeouts, and whether a database takes writes."""

SET_ALL = "SELECT " + ", ".join(f"set_config('{name}', '{value}', false)" for name, value in SETTINGS.items())
"""A statement, because pgbouncer refuses libpq's `options`. Run it outside of a transaction."""


async def set_all(connection: psycopg.AsyncConnection[Any]) -> None:
    """The same for a connection of the queue's pool."""
    await connection.execute(SET_ALL)
    await connection.commit()


_BLOCKERS = """
    SELECT pid, usename, application_name FROM pg_stat_activity
     WHERE pid = ANY (pg_blocking_pids(%s)) ORDER BY xact_start LIMIT 1
"""

_RIGHTS = """
    SELECT CASE WHEN has_table_privilege(to_regclass('runs'), 'INSERT') THEN 'lacks a right'
                WHEN has_table_privilege(to_regclass('runs'), 'SELECT') THEN 'may only read'
                WHEN has_table_privilege(to_regclass('report_runs'), 'SELECT') THEN 'may only read the report views'
                ELSE 'may not read our tables' END
"""

T = TypeVar("T")


class _ServerCursor(psycopg.ServerCursor[Any]):
    """A server-side cursor that warns of not being closed only where there is something to close."""

    def __del__(self, *warn: Any) -> None:
        """SQLAlchemy does not close the cursor of a lost connection; the server did."""
        if not self.connection.closed:
            super().__del__(*warn)


class Session(psycopg.Connection[Any]):
    """A connection that reports statements which take long to `etl.waits`.

    psycopg resumes the generator of a statement ten times a second while the server is silent. This class checks the
    time there, in the waiting thread. A wait for a lock ends with an error that names the session which holds it,
    and a refused statement with a note that says what the role may do.
    """

    _parameters = ""
    _lock_timeout_s = SHORTEST_LOCK_TIMEOUT_S

    @classmethod
    def opened(cls, parameters: str, lock_timeout_s: int, statement_timeout_s: int | None = None) -> Self:
        """Connect by libpq's connection string. Raises psycopg.Error.

        `lock_timeout_s`: how long a statement waits for a lock; at least SHORTEST_LOCK_TIMEOUT_S.
        """
        with WAITS.blocking(Reason.CONNECTING):
            session = cls.connect(parameters, autocommit=True)
        session.server_cursor_factory = _ServerCursor
        session._parameters = parameters
        session._lock_timeout_s = max(lock_timeout_s, SHORTEST_LOCK_TIMEOUT_S)
        try:
            session.execute(SET_ALL)
            session._limit(statement_timeout_s)
            session.autocommit = False
        except BaseException:
            session.close()
            raise
        return session

    def _limit(self, statement_timeout_s: int | None) -> None:
        """By a statement, because pgbouncer refuses libpq's `options`."""
        limits = f"SET lock_timeout = '{self._lock_timeout_s}s'"
        if statement_timeout_s is not None:
            limits += f"; SET statement_timeout = '{statement_timeout_s}s'"
        self.execute(limits.encode())

    def wait(self, gen: Generator[Any, Any, T], interval: float = 0.1, timeout: float | None = None) -> T:
        """As psycopg's own."""
        with WAITS.slot() as slot:
            return super().wait(self._timed(gen, slot), interval, timeout)

    def _timed(self, gen: Generator[Any, Any, T], slot: WaitSlot) -> Generator[Any, Any, T]:
        began, check_after, blocker = time.monotonic(), REPORTED_AFTER_S, ""
        try:
            wanted = next(gen)
            while True:
                ready = yield wanted
                if not ready and time.monotonic() - began > check_after:
                    check_after += min(RECHECK_S, self._lock_timeout_s / 2)
                    reason, blocker = self._blocker()
                    slot.put(reason, blocker, since=began)
                wanted = gen.send(ready)
        except StopIteration as end:
            result: T = end.value
            return result
        except LockNotAvailable:
            raise LockNotAvailable(_held(self._lock_timeout_s, blocker)) from None
        except InsufficientPrivilege as error:
            error.add_note(f"the role {self.info.user} {self._rights()}; 'force-orders doctor' says what a run needs")
            raise
        finally:
            gen.close()

    def _blocker(self) -> tuple[Reason, str]:
        """The session that holds the lock this one waits for, as far as another connection can see it."""
        try:
            with self._other() as other:
                blocker = other.execute(_BLOCKERS, [self.info.backend_pid]).fetchone()
        except psycopg.Error:
            blocker = None
        return (Reason.DATABASE, "") if blocker is None else (Reason.LOCK, described(*blocker))

    def _rights(self) -> str:
        """What the role may do with our tables, in words. Another connection asks: here the transaction has failed."""
        try:
            with self._other() as other:
                found = other.execute(_RIGHTS).fetchone()
        except psycopg.Error:
            found = None
        return str(found[0]) if found else "lacks a right"

    @contextmanager
    def _other(self) -> Iterator[psycopg.Connection[Any]]:
        """Another connection of the same role, which neither waits nor lasts."""
        there = make_conninfo(self._parameters, connect_timeout=CHECK_TIMEOUT_S)
        with psycopg.connect(there, autocommit=True) as checking:
            checking.execute(f"SET statement_timeout = '{CHECK_TIMEOUT_S}s'")
            yield checking


def described(pid: int, user: str | None, application: str | None) -> str:
    """A session of the server in a few words."""
    names = ", ".join(name for name in (user, application) if name)
    return f"pid {pid} ({names})" if names else f"pid {pid}"


def _held(seconds: int, blocker: str) -> str:
    """`blocker`: as `_describe` gives it; empty where nobody could be seen."""
    if not blocker:
        return f"a lock was not free within {seconds} s"
    end = f"SELECT pg_terminate_backend({blocker.split()[1]})"
    return f"{blocker} has held a lock for more than {seconds} s; to end that session: {end}"
