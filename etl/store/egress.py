"""What the processes behind one address share through the database: the weight of a minute, and silence.

A wish to send is one statement that looks for a silence and takes the weight, so that no two processes take the same
and none sends after another was told to be silent. What a process took counts until it ends, however it ends: from then
on it is somebody else's, of which the exchange's header tells.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from secrets import randbelow
from socket import gethostname
from typing import NamedTuple

from sqlalchemy import Connection, Engine, text

from etl.core.egress import EDGE, Taken
from etl.core.timeline import MINUTE, to_datetime
from etl.store import cooldowns
from etl.store.engine import store_errors

UNNAMED = "default"
"""Whose silence it is where no egress is named: of all such processes, because they may well share an address."""

LEASES = 64
"""A lease is this part of what is left of the minute, if that is more than one request: no budget that the exchange
allows makes it so, and one without limit does not ask the database for each request."""

FRESH_S = 0.25
"""Seconds after which a lease is looked at again: a silence may have begun."""

_HOLDERS = 73_019_943
"""The first of the two keys of a lock that says that a process may send; the second is a number of its own."""

_HOLD = text(f"SELECT pg_advisory_lock({_HOLDERS}, :holder)")

_TAKE = text("SELECT * FROM take_weight(:egress, :silence, :holder, :minute, :weight, :late, :room)")

_SPENT = text("""
    SELECT egress,
           coalesce(sum(CASE minute WHEN :minute THEN weight WHEN :before THEN late ELSE 0 END), 0)::bigint AS spent
      FROM (SELECT DISTINCT egress FROM spent_weight) AS known LEFT JOIN shared_weight USING (egress) GROUP BY egress
""")

_FORGET = text("DELETE FROM spent_weight WHERE noted_at < now() - interval '1 day'")


class _Lease(NamedTuple):
    """Weight that is written down already and not sent yet; good within its part of the minute."""

    part: tuple[int, bool]
    weight: int
    spent: int
    """By all of ours, the lease included."""
    taken_s: float


class SharedEgress:
    """An `Egress` on a connection of its own, which commits by itself. One thread at a time.

    A connection that was lost is replaced by the next one who asks.
    """

    def __init__(self, engine: Engine, name: str | None) -> None:
        """`name`: as the settings have it. Without one the weight is this machine's own, the silence everybody's."""
        self._engine = engine.execution_options(isolation_level="AUTOCOMMIT")
        self._connected: Connection | None = None
        self._holder = 0
        self._name = name or gethostname()
        self._silence = name or UNNAMED
        self._lease = _Lease((0, False), 0, 0, 0)

    def take(self, weight: int, now: int, room: int) -> Taken:
        minute = now // MINUTE * MINUTE
        part = (minute, now >= minute + MINUTE - EDGE)
        if part[0] != self._lease.part[0]:
            self._forget()
        lease = self._lease if part == self._lease.part else _Lease(part, 0, 0, 0)
        if lease.weight < weight or time.monotonic() - lease.taken_s > FRESH_S:
            wanted = max(weight - lease.weight, (room - lease.spent) // LEASES - lease.weight, 0)
            granted, spent, silent = self._ask(part, wanted, room)
            if silent or (wanted and not granted):
                self._lease = _Lease(part, lease.weight, spent, 0)
                return Taken(False, spent - lease.weight, silent)
            lease = _Lease(part, lease.weight + wanted, spent, time.monotonic())
        self._lease = lease._replace(weight=lease.weight - weight)
        return Taken(True, lease.spent - self._lease.weight, 0)

    def silence(self, left: int, reason: str) -> None:
        with self._connection() as connection:
            cooldowns.start(connection, self._silence, left, reason)

    def close(self) -> None:
        """Disconnect: nothing that was taken here counts any longer."""
        if self._connected is not None:
            self._connected.close()
        self._connected = None

    @contextmanager
    def _connection(self) -> Iterator[Connection]:
        with store_errors():
            try:
                if self._connected is None:
                    self._connected = self._engine.connect()
                    # Another holder each time: the server may not know yet that the last connection is gone.
                    self._holder = randbelow(1 << 31)
                    self._connected.execute(_HOLD, {"holder": self._holder})
                yield self._connected
            except Exception:
                self.close()
                raise

    def _ask(self, part: tuple[int, bool], weight: int, room: int) -> Taken:
        minute, is_late = part
        values = {"egress": self._name, "silence": self._silence, "weight": weight, "room": room}
        values |= {"minute": to_datetime(minute), "late": weight if is_late else 0}
        with self._connection() as connection:
            return Taken._make(connection.execute(_TAKE, values | {"holder": self._holder}).one())

    def _forget(self) -> None:
        with self._connection() as connection:
            connection.execute(_FORGET)


@contextmanager
def shared_egress(engine: Engine, name: str | None) -> Iterator[SharedEgress]:
    """What is shared with all who use the same database and egress."""
    egress = SharedEgress(engine, name)
    try:
        yield egress
    finally:
        egress.close()


def spent_weights(connection: Connection, now: int) -> dict[str, int]:
    """What ours have spent of the exchange's minute of `now`, epoch milliseconds, as the budget sees it, by egress."""
    minute = now // MINUTE * MINUTE
    rows = connection.execute(_SPENT, {"minute": to_datetime(minute), "before": to_datetime(minute - MINUTE)})
    return {row.egress: row.spent for row in rows}
