"""What the processes behind one address share through the database: the weight of a minute, and cooldowns.

Before each request one statement checks the cooldown and takes the weight. So no two processes take the same weight,
and none sends after another has met a rate limit. What a process took counts until its connection ends, however it
ends; after that it counts as other traffic, which the exchange's header shows.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from secrets import randbelow
from socket import gethostname
from threading import Lock
from typing import NamedTuple, TypeVar

from sqlalchemy import Connection, Engine, exc, text

from etl.core.egress import EDGE, Taken
from etl.core.markets.apis import APIS, FUTURES_POOL
from etl.core.markets.market import Pool
from etl.core.timeline import MINUTE, to_datetime
from etl.store import cooldowns
from etl.store.engine import store_errors

T = TypeVar("T")

UNNAMED = "default"
"""The egress of cooldowns where the settings name none: all such processes may share an address."""

_OTHER_POOLS = {api.pool.name for api in APIS} - {FUTURES_POOL.name}

LEASES = 64
"""A lease is this fraction of the minute's rest, where that is more than one request. It saves statements only for
budgets beyond what USDⓈ-M allows: above 64 requests of weight 50 a minute."""

LEASE_VALID_S = 0.25
"""Seconds after which a lease is checked again, because a cooldown may have begun."""

_HOLDERS = 73_019_943
"""First key of the advisory lock of a process that may send; the second is a random number of the process."""

_HOLD = text(f"SELECT pg_advisory_lock({_HOLDERS}, :holder)")

_TAKE = text("SELECT * FROM take_weight(:egress, :cooldown_of, :holder, :minute, :weight, :late, :room)")

_SPENT = text("""
    SELECT egress,
           coalesce(sum(CASE minute WHEN :minute THEN weight WHEN :before THEN late ELSE 0 END), 0)::bigint AS spent
      FROM (SELECT DISTINCT egress FROM spent_weight) AS known LEFT JOIN shared_weight USING (egress)
     WHERE NOT pg_is_in_recovery() GROUP BY egress
""")

_FORGET = text("DELETE FROM spent_weight WHERE noted_at < now() - interval '1 day'")


class _Lease(NamedTuple):
    """Weight that is taken already and not sent yet; valid within its part of the minute."""

    part: tuple[int, bool]
    weight: int
    spent: int
    """Weight of all our processes, the lease included."""
    taken_s: float


class SharedEgress:
    """What the processes on an egress share, on a connection of its own in autocommit mode. Safe for several threads.

    A schedule has it open between two nights, in which a server or a firewall may end it: then another is opened.
    """

    def __init__(self, engine: Engine, name: str | None) -> None:
        """`name`: from the settings. Without one, machines share cooldowns but not weight."""
        self._engine = engine.execution_options(isolation_level="AUTOCOMMIT")
        self._connected: Connection | None = None
        self._holder = 0
        self._lock = Lock()
        self._name = name or gethostname()
        self._cooldown_of = name or UNNAMED

    def of_pool(self, pool: Pool) -> "PoolEgress":
        """The `Egress` of requests that share this allowance of weight."""
        return PoolEgress(self, self._name if pool == FUTURES_POOL else f"{self._name}/{pool.name}")

    def start_cooldown(self, milliseconds: int, reason: str) -> None:
        self._on_connection(lambda one: cooldowns.start(one, self._cooldown_of, milliseconds, reason))

    def ask(self, name: str, part: tuple[int, bool], weight: int, room: int) -> Taken:
        """Take weight of a pool, by the name under which it is counted, in a part of a minute."""
        minute, is_late = part
        values = {"egress": name, "cooldown_of": self._cooldown_of, "weight": weight, "room": room}
        values |= {"minute": to_datetime(minute), "late": weight if is_late else 0}
        return self._on_connection(lambda one: Taken._make(one.execute(_TAKE, values | {"holder": self._holder}).one()))

    def forget(self) -> None:
        """Delete what was taken long ago."""
        self._on_connection(lambda one: one.execute(_FORGET))

    def close(self) -> None:
        """Disconnect. What was taken here no longer counts."""
        if self._connected is not None:
            self._connected.close()
        self._connected = None

    def _on_connection(self, work: Callable[[Connection], T]) -> T:
        """Do it on the connection, and once more on a new one where the server has ended the old one.

        Nothing counts twice: what was taken on a connection counts no longer than it.
        """
        with self._lock, store_errors():
            was_connected = self._connected is not None
            try:
                return self._tried(work)
            except exc.DBAPIError as error:
                if not (was_connected and error.connection_invalidated):
                    raise
            return self._tried(work)

    def _tried(self, work: Callable[[Connection], T]) -> T:
        try:
            if self._connected is None:
                self._connected = self._engine.connect()
                # A new holder each time: the server may not know yet that the last connection has ended.
                self._holder = randbelow(1 << 31)
                self._connected.execute(_HOLD, {"holder": self._holder})
            return work(self._connected)
        except Exception:
            self.close()
            raise


class PoolEgress:
    """An `Egress`: the part of a shared one whose requests count against one pool. For one thread at a time."""

    def __init__(self, shared: SharedEgress, name: str) -> None:
        self._shared = shared
        self._name = name
        self._lease = _Lease((0, False), 0, 0, 0)

    def take(self, weight: int, now: int, room: int) -> Taken:
        minute = now // MINUTE * MINUTE
        part = (minute, now >= minute + MINUTE - EDGE)
        if part[0] != self._lease.part[0]:
            self._shared.forget()
        lease = self._lease if part == self._lease.part else _Lease(part, 0, 0, 0)
        if lease.weight < weight or time.monotonic() - lease.taken_s > LEASE_VALID_S:
            wanted = max(weight - lease.weight, (room - lease.spent) // LEASES - lease.weight, 0)
            granted, spent, silent = self._shared.ask(self._name, part, wanted, room)
            if silent or (wanted and not granted):
                self._lease = _Lease(part, lease.weight, spent, 0)
                return Taken(False, spent - lease.weight, silent)
            lease = _Lease(part, lease.weight + wanted, spent, time.monotonic())
        self._lease = lease._replace(weight=lease.weight - weight)
        return Taken(True, lease.spent - self._lease.weight, 0)

    def start_cooldown(self, milliseconds: int, reason: str) -> None:
        self._shared.start_cooldown(milliseconds, reason)


@contextmanager
def shared_egress(engine: Engine, name: str | None) -> Iterator[SharedEgress]:
    """The egress that all processes with this database and name share."""
    egress = SharedEgress(engine, name)
    try:
        yield egress
    finally:
        egress.close()


def spent_weights(connection: Connection, now: int) -> dict[tuple[str, str], int]:
    """Weight by egress and pool that our running processes have taken in the minute of `now`, epoch milliseconds.

    Empty on a standby, which does not show who is connected to its primary.
    """
    minute = now // MINUTE * MINUTE
    rows = connection.execute(_SPENT, {"minute": to_datetime(minute), "before": to_datetime(minute - MINUTE)})
    return {_egress_and_pool(row.egress): row.spent for row in rows}


def _egress_and_pool(counted_as: str) -> tuple[str, str]:
    """From the name under which `SharedEgress.of_pool` counts."""
    egress, separator, pool = counted_as.rpartition("/")
    return (egress, pool) if separator and pool in _OTHER_POOLS else (counted_as, FUTURES_POOL.name)
