"""The table `runs`: each run of a command, its cost and its result."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    and_,
    bindparam,
    case,
    func,
    literal,
    not_,
    select,
    text,
    union_all,
    update,
)
from sqlalchemy.dialects.postgresql import insert

from etl.core.wallets import Wallet
from etl.store import run_days
from etl.store.locks import hold_run, is_alive
from etl.store.orders import Tally
from etl.store.schema import run_days as days
from etl.store.schema import runs


@dataclass
class Counts:
    """What a run has done so far, named like the columns of `runs`."""

    requests: int = 0
    weight: int = 0
    rows_received: int = 0
    inserted: int = 0
    updated: int = 0
    unchanged: int = 0
    quarantined: int = 0
    largest_page: int = 0

    def add(self, rows: int, tally: Tally, quarantined: int, largest_page: int = 0) -> None:
        self.rows_received += rows
        self.largest_page = max(self.largest_page, largest_page)
        self.inserted += tally.inserted
        self.updated += tally.updated
        self.unchanged += tally.unchanged
        self.quarantined += quarantined


DIED = "died: the process was killed, or lost the database; what was proven by then is kept"
"""The error of a run that could not record its own end."""

_has_died = and_(runs.c.status == "running", not_(is_alive))


class LastRun(NamedTuple):
    id: int
    command: str
    status: str
    started_at: datetime
    finished_at: datetime | None
    error: str | None


class Assignment(NamedTuple):
    """The job that a run is for, and the worker that runs it."""

    job_id: int
    worker: str


def start(connection: Connection, command: str, assignment: Assignment | None = None) -> int:
    """Add a row with the status `running` and return its id. The run counts as alive until the connection ends.

    Marks earlier runs that died as failed.
    """
    ended = {"status": "failed", "error": DIED, "finished_at": func.now()}
    connection.execute(update(runs).where(_has_died).values(ended))
    new = {"command": command, "status": "running"} | (assignment._asdict() if assignment else {})
    started = connection.execute(insert(runs).values(new).returning(runs.c.id, hold_run(runs.c.id)))
    return int(started.one().id)


def save(connection: Connection, run_id: int, counts: Counts, by_wallet: Mapping[Wallet, Counts] | None = None) -> None:
    """Store the run's counts so far, in the transaction of what they count.

    `by_wallet` has the counts so far of the accounts in their markets that the transaction is about.
    """
    if not by_wallet:
        connection.execute(_SAVE, {"run": run_id, **vars(counts)})
        return
    of_wallets = {f"wallet_{name}": [getattr(one, name) for one in by_wallet.values()] for name in _OF_WALLET}
    scopes = {"accounts": [one.account for one in by_wallet], "markets": [one.market for one in by_wallet]}
    connection.execute(_SAVE_BOTH, {"run": run_id, **vars(counts), **of_wallets, **scopes})


def finish(connection: Connection, run_id: int, counts: Counts, status: str, error: str | None) -> None:
    ended: dict[str, Any] = {"status": status, "error": error, "finished_at": func.now()}
    connection.execute(update(runs).where(runs.c.id == run_id).values(**vars(counts), **ended))


def last(connection: Connection) -> LastRun | None:
    """The newest run."""
    row = connection.execute(select(*_shown(LastRun._fields)).order_by(runs.c.id.desc()).limit(1)).first()
    return LastRun(*row) if row else None


class Stored(NamedTuple):
    """A run, its end and what it stored."""

    id: int
    command: str
    status: str
    error: str | None
    inserted: int
    updated: int
    quarantined: int


def of_ids(connection: Connection, run_ids: Sequence[int]) -> list[Stored]:
    """The runs with these ids, oldest first."""
    rows = connection.execute(select(*_shown(Stored._fields)).where(runs.c.id.in_(run_ids)).order_by(runs.c.id))
    return [Stored(*row) for row in rows]


def _shown(names: Sequence[str]) -> list[ColumnElement[Any]]:
    """Columns of a run. One that died shows as failed even before the next run marks it."""
    died = {"status": literal("failed"), "error": literal(DIED)}
    return [case((_has_died, died[name]), else_=runs.c[name]) if name in died else runs.c[name] for name in names]


class Total(NamedTuple):
    """All runs of a command that ended in one way."""

    command: str
    status: str
    runs: int
    requests: int
    weight: int
    last_end: datetime | None
    """None while one of them runs."""


def totals(connection: Connection) -> list[Total]:
    """Sums over all runs, also those that were removed, by command and status. A run that died counts as failed."""
    counted_until = run_days.counted_until(connection)
    status = case((_has_died, literal("failed")), else_=runs.c.status).label("status")
    one = literal(1).label("runs")
    newer = select(runs.c.command, status, one, runs.c.requests, runs.c.weight, runs.c.finished_at)
    if counted_until is not None:
        newer = newer.where(runs.c.started_at >= counted_until)
    day = days.c
    counted = select(day.command, day.status, day.runs, day.requests, day.weight, day.last_finished_at)
    own = union_all(newer, counted).subquery().c
    sums = (func.sum(column).cast(BigInteger) for column in (own.runs, own.requests, own.weight))
    rows = connection.execute(
        select(own.command, own.status, *sums, func.max(own.finished_at))
        .group_by(own.command, own.status)
        .order_by(own.command, own.status)
    )
    return [Total._make(row) for row in rows]


_OF_WALLET = tuple(one.name for one in fields(Counts) if one.name not in ("requests", "weight"))
# One statement, as one more to the server for each page costs a backfill of many pages more than its rows do.
_SAVE_BOTH = text(f"""
    WITH of_wallets AS (
        INSERT INTO run_wallets (run_id, account, market, {", ".join(_OF_WALLET)})
        SELECT :run, * FROM unnest(CAST(:accounts AS text[]), CAST(:markets AS text[]),
                                   {", ".join(f"CAST(:wallet_{name} AS bigint[])" for name in _OF_WALLET)})
            ON CONFLICT (run_id, account, market) DO UPDATE
           SET {", ".join(f"{name} = excluded.{name}" for name in _OF_WALLET)}
    )
    UPDATE runs SET {", ".join(f"{one.name} = :{one.name}" for one in fields(Counts))} WHERE id = :run
""")  # noqa: S608 – the names are those of the dataclass
_SAVE = (
    update(runs).where(runs.c.id == bindparam("run")).values({one.name: bindparam(one.name) for one in fields(Counts)})
)
