"""The table `backups`, and what a backup is compared by: how many rows each table has, and the newest seals."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import NamedTuple

from psycopg.errors import LockNotAvailable
from sqlalchemy import Connection, func, insert, select, text
from sqlalchemy.exc import OperationalError

from etl.core.timeline import SECOND
from etl.errors import BusyError
from etl.store import seals, stored_orders
from etl.store.schema import backups, metadata
from etl.store.schema import seals as seals_table
from etl.store.seals import StoredSeal

_LOCK = 7_301_994_218
"""Key of the advisory lock that allows one backup of a database at a time."""

LOCK_TIMEOUT = 10 * SECOND
"""Milliseconds to wait for a transaction of a run to end, before the runs are kept from writing."""


class Backup(NamedTuple):
    """A row of the table, but for its id."""

    made_at: datetime
    file: str
    bytes: int
    orders: int
    newest_seal: str | None
    verified_at: datetime | None


class Contents(NamedTuple):
    """How many rows each table of ours has, the accounts, and the newest seal of each account and market."""

    rows: Mapping[str, int]
    accounts: Sequence[str]
    seals: Sequence[StoredSeal]

    @property
    def orders(self) -> int:
        return self.rows["force_orders"]


class Snapshot(NamedTuple):
    """What the database holds at one instant. While it lasts, other sessions can read the same by its name."""

    name: str
    taken_at: datetime
    contents: Contents
    newest_seal: str | None
    schema: str


@contextmanager
def one_at_a_time(connection: Connection) -> Iterator[None]:
    """Raises BusyError while another process backs up the same database."""
    if not connection.scalar(text(f"SELECT pg_try_advisory_lock({_LOCK})")):
        raise BusyError("another process is making a backup of this database; try again when it is done")
    connection.rollback()
    try:
        yield
    finally:
        connection.rollback()
        connection.execute(text(f"SELECT pg_advisory_unlock({_LOCK})"))
        connection.rollback()


@contextmanager
def snapshot(connection: Connection, *, excludes_runs: bool = False) -> Iterator[Snapshot]:
    """What the database holds now, until the block ends. Meanwhile runs may write, unless they are excluded.

    Raises BusyError where a run that is to be excluded writes right now.
    """
    connection.rollback()
    connection.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ"))
    connection.execute(text("SET LOCAL idle_in_transaction_session_timeout = 0"))
    if excludes_runs:
        _exclude_runs(connection)
    try:
        row = connection.execute(text("SELECT pg_export_snapshot(), now(), current_schema()")).one()
        last = select(seals_table.c.digest).order_by(seals_table.c.id.desc()).limit(1)
        yield Snapshot(row[0], row[1], contents(connection), connection.scalar(last), row[2])
    finally:
        connection.rollback()


def _exclude_runs(connection: Connection) -> None:
    connection.execute(text(f"SET LOCAL lock_timeout = {LOCK_TIMEOUT}"))
    try:
        connection.execute(text("LOCK TABLE runs IN SHARE MODE"))
    except OperationalError as error:
        connection.rollback()
        if isinstance(error.orig, LockNotAvailable):
            raise BusyError("a run is storing rows; try again when it is done") from None
        raise


def contents(connection: Connection) -> Contents:
    """The caller ends the transaction."""
    rows = {
        name: connection.scalar(select(func.count()).select_from(table)) or 0 for name, table in metadata.tables.items()
    }
    accounts = sorted({account for account, _ in stored_orders.scopes(connection)})
    return Contents(rows, accounts, seals.newest(connection))


def record(connection: Connection, backup: Backup) -> None:
    """Add a row. The caller commits."""
    connection.execute(insert(backups).values(backup._asdict()))


def newest(connection: Connection, *, verified: bool = False) -> Backup | None:
    """The newest backup; with `verified`, the newest that was restored and checked."""
    query = select(*(backups.c[name] for name in Backup._fields)).order_by(backups.c.id.desc()).limit(1)
    row = connection.execute(query.where(backups.c.verified_at.is_not(None)) if verified else query).first()
    return Backup(*row) if row else None


def occupied(connection: Connection) -> str | None:
    """What the database holds already, in words; None: nothing but empty tables of ours, or no table at all."""
    ours = []
    for schema, name, quoted in connection.execute(_TABLES):
        if name not in metadata.tables and name != "alembic_version" and not name.startswith("procrastinate_"):
            return f"it has a table that is not ours, {schema}.{name}"
        ours += [] if name == "alembic_version" else [(name, quoted)]
    for name, quoted in ours:
        if connection.scalar(text(f"SELECT EXISTS (SELECT FROM {quoted})")):  # noqa: S608 – quoted by Postgres
            return f"its table {name} has rows"
    return None


def is_same_database(one: Connection, other: Connection) -> bool:
    """Whether two connections lead to the same database, whatever their addresses."""
    return _identity(one) == _identity(other)


def _identity(connection: Connection) -> tuple[datetime, int]:
    started_at, own_id = connection.execute(_IDENTITY).one()
    connection.rollback()
    return started_at, own_id


def may_create_databases(connection: Connection) -> bool:
    found = connection.scalar(text("SELECT rolcreatedb OR rolsuper FROM pg_roles WHERE rolname = current_user"))
    connection.rollback()
    return bool(found)


@contextmanager
def scratch_database(connection: Connection) -> Iterator[str]:
    """The name of a new, empty database on the same server, which is dropped with the block.

    Its name belongs to the connection's database, so that the next scratch database replaces one that a killed process
    left. Raises the database's errors.
    """
    _, own_id = _identity(connection)
    name = f"force_orders_verify_{own_id}"
    with connection.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as admin:
        admin.execute(text(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)"))
        admin.execute(text(f"CREATE DATABASE {name} TEMPLATE template0 ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C'"))
        try:
            yield name
        finally:
            admin.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))


_IDENTITY = text("SELECT pg_postmaster_start_time(), oid FROM pg_database WHERE datname = current_database()")

_TABLES = text("""
    SELECT nspname, relname, format('%I.%I', nspname, relname)
      FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
     WHERE relkind IN ('r', 'p', 'f') AND nspname <> 'information_schema' AND left(nspname, 3) <> 'pg_'
       AND NOT EXISTS (SELECT FROM pg_depend
                        WHERE classid = 'pg_class'::regclass AND objid = pg_class.oid AND deptype = 'e')
     ORDER BY nspname, relname
""")
"""All tables but the server's own and those of extensions."""
