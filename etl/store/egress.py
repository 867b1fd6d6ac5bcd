"""What the processes behind one address share through the database: the weight of a minute, and silence.

A wish to send is one statement that looks for a silence and takes the weight, so that no two processes take the same
and none sends after another was told to be silent. What a process took it gives back when it ends: from then on its
weight is somebody else's, of which the exchange's header tells.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from socket import gethostname
from typing import NamedTuple

from sqlalchemy import Connection, Engine, text

from etl.core.egress import EDGE, Taken
from etl.core.timeline import MINUTE, to_datetime
from etl.errors import StoreError
from etl.store import silences
from etl.store.engine import store_errors

UNNAMED = "default"
"""Whose silence it is where no egress is named: of all such processes, because they may well share an address."""

LEASES = 64
"""A lease is this part of what is left of the minute, if that is more than one request: no budget that the exchange
allows makes it so, and one without limit does not ask the database for each request."""

FRESH_S = 0.25
"""Seconds after which a lease is looked at again: a silence may have begun."""

_TAKE = text("""
    WITH silence AS (
        SELECT extract(epoch FROM until - clock_timestamp()) * 1000 AS remaining
          FROM silences WHERE egress = :silence AND until > clock_timestamp()
    ), before AS (
        SELECT coalesce(sum(late), 0)::bigint AS late
          FROM spent_weight WHERE egress = :egress AND minute = CAST(:minute AS timestamptz) - interval '1 minute'
    ), taken AS (
        INSERT INTO spent_weight AS own (egress, minute, weight, late)
        SELECT :egress, :minute, :weight, :late
          FROM before WHERE NOT EXISTS (SELECT FROM silence) AND before.late + :weight <= :room
            ON CONFLICT (egress, minute) DO UPDATE
           SET weight = own.weight + excluded.weight, late = own.late + excluded.late
         WHERE own.weight + excluded.weight + (SELECT late FROM before) <= :room
        RETURNING weight
    ), known AS (
        SELECT weight FROM spent_weight WHERE egress = :egress AND minute = :minute
    )
    SELECT EXISTS (SELECT FROM taken) AS granted,
           coalesce((SELECT weight FROM taken), (SELECT weight FROM known), 0) + before.late AS spent,
           coalesce((SELECT remaining FROM silence), 0)::bigint AS silent
      FROM before
""")
"""What was sent in the last second of a minute may count in the next: it is added to both."""

_GIVE_BACK = text("""
    UPDATE spent_weight SET weight = weight - :weight, late = late - :late WHERE egress = :egress AND minute = :minute
""")

_SPENT = text("""
    SELECT egress,
           sum(CASE minute WHEN :minute THEN weight WHEN :before THEN late ELSE 0 END)::bigint AS spent
      FROM spent_weight GROUP BY egress
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
        self._name = name or gethostname()
        self._silence = name or UNNAMED
        self._lease = _Lease((0, False), 0, 0, 0)
        self._taken: dict[tuple[int, bool], int] = {}

    def take(self, weight: int, now: int, room: int) -> Taken:
        minute = now // MINUTE * MINUTE
        part = (minute, now >= minute + MINUTE - EDGE)
        if part[0] != self._lease.part[0]:
            self._forget(minute)
        lease = self._lease if part == self._lease.part else _Lease(part, 0, 0, 0)
        if lease.weight < weight or time.monotonic() - lease.taken_s > FRESH_S:
            wanted = max(weight - lease.weight, (room - lease.spent) // LEASES - lease.weight, 0)
            granted, spent, silent = self._ask(part, wanted, room)
            if silent or (wanted and not granted):
                self._lease = _Lease(part, lease.weight, spent, 0)
                return Taken(False, spent - lease.weight, silent)
            self._taken[part] = self._taken.get(part, 0) + wanted
            lease = _Lease(part, lease.weight + wanted, spent, time.monotonic())
        self._lease = lease._replace(weight=lease.weight - weight)
        return Taken(True, lease.spent - self._lease.weight, 0)

    def silence(self, left: int, reason: str) -> None:
        with self._connection() as connection:
            silences.keep(connection, self._silence, left, reason)

    def close(self) -> None:
        """Let nothing that was taken here count any longer, and disconnect."""
        with suppress(StoreError), self._connection() as connection:  # else it counts until the minute is over
            for part, weight in self._taken.items():
                connection.execute(_GIVE_BACK, self._written(part, weight))
        self._taken.clear()
        self._disconnect()

    @contextmanager
    def _connection(self) -> Iterator[Connection]:
        with store_errors():
            try:
                self._connected = self._connected or self._engine.connect()
                yield self._connected
            except Exception:
                self._disconnect()
                raise

    def _disconnect(self) -> None:
        if self._connected is not None:
            self._connected.close()
        self._connected = None

    def _ask(self, part: tuple[int, bool], weight: int, room: int) -> Taken:
        values = self._written(part, weight) | {"silence": self._silence, "room": room}
        with self._connection() as connection:
            return Taken._make(connection.execute(_TAKE, values).one())

    def _written(self, part: tuple[int, bool], weight: int) -> dict[str, object]:
        minute, is_late = part
        late = weight if is_late else 0
        return {"egress": self._name, "minute": to_datetime(minute), "weight": weight, "late": late}

    def _forget(self, minute: int) -> None:
        """What is long over, and here all but this minute and the one before."""
        self._taken = {part: weight for part, weight in self._taken.items() if part[0] >= minute - MINUTE}
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
