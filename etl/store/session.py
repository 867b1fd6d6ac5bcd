"""A session that says when it waits: for a connection, for a statement, for a lock and who has it."""

import time
from collections.abc import Generator
from typing import Any, Self, TypeVar

import psycopg
from psycopg.conninfo import make_conninfo

from etl.waits import REPORTED_AFTER_S, WAITS, Reason, WaitSlot

LOOK_AGAIN_S = 5.0
"""Seconds after which it is looked again who is in the way."""

LOOK_TIMEOUT_S = 2

_BLOCKERS = """
    SELECT pid, usename, application_name FROM pg_stat_activity
     WHERE pid = ANY (pg_blocking_pids(%s)) ORDER BY xact_start LIMIT 1
"""

T = TypeVar("T")


class Session(psycopg.Connection[Any]):
    """A connection whose statements stand on the board of waits once they take long.

    psycopg gives the floor to the generator of a statement ten times a second while the server says nothing: that is
    where this looks at the time, in the thread that waits.
    """

    _parameters = ""

    @classmethod
    def opened(cls, parameters: str) -> Self:
        """A connection by libpq's connection string. Raises psycopg.OperationalError."""
        with WAITS.blocking(Reason.CONNECTING):
            session = cls.connect(parameters)
        session._parameters = parameters
        return session

    def wait(self, gen: Generator[Any, Any, T], interval: float = 0.1, timeout: float | None = None) -> T:
        """As psycopg's own."""
        with WAITS.slot() as slot:
            return super().wait(self._timed(gen, slot), interval, timeout)

    def _timed(self, gen: Generator[Any, Any, T], slot: WaitSlot) -> Generator[Any, Any, T]:
        began, look_at = time.monotonic(), REPORTED_AFTER_S
        try:
            wanted = next(gen)
            while True:
                ready = yield wanted
                if not ready and time.monotonic() - began > look_at:
                    look_at += LOOK_AGAIN_S
                    slot.put(*self._in_the_way(), since=began)
                wanted = gen.send(ready)
        except StopIteration as end:
            result: T = end.value
            return result
        finally:
            gen.close()

    def _in_the_way(self) -> tuple[Reason, str]:
        """The session that has what this one wants, as far as another connection can tell."""
        own, there = self.info.backend_pid, make_conninfo(self._parameters, connect_timeout=LOOK_TIMEOUT_S)
        try:
            with psycopg.connect(there, autocommit=True) as looking:
                looking.execute(f"SET statement_timeout = '{LOOK_TIMEOUT_S}s'")
                blocker = looking.execute(_BLOCKERS, [own]).fetchone()
        except psycopg.Error:
            blocker = None
        return (Reason.DATABASE, "") if blocker is None else (Reason.LOCK, _named(*blocker))


def _named(pid: int, user: str | None, application: str | None) -> str:
    names = ", ".join(name for name in (user, application) if name)
    return f"pid {pid} ({names})" if names else f"pid {pid}"
