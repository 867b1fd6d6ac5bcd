"""Advisory locks of runs and their accounts. Postgres releases them when their connection ends, however it ends.

A pooler between us and Postgres has to keep the connection for the session (PgBouncer: pool_mode = session).
"""

from datetime import datetime
from typing import NamedTuple

from sqlalchemy import ColumnElement, Connection, Integer, cast, func, literal_column, text

from etl.core.timeline import iso, to_millis
from etl.core.wallets import Wallet
from etl.errors import BusyError
from etl.store.engine import DEFAULTS

_RUNS = 73_019_942
"""First key of a run's lock; the second is the run's id. An account's lock has one key, a hash."""

_OURS = "locktype = 'advisory' AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
_HASH = "hashtextextended(:account || '/' || :market, 0)"

is_alive: ColumnElement[bool] = literal_column(
    f"(pg_is_in_recovery() OR EXISTS (SELECT FROM pg_locks WHERE {_OURS} AND objsubid = 2 AND classid = {_RUNS}"
    " AND objid = (runs.id % 2147483648)::oid))"
)
"""Whether the process of a row of `runs` is still connected to the database. A standby does not show the locks of its
primary, so there nothing counts as dead."""

_HOLDER = text(f"""
    WITH ours AS (SELECT pid, objsubid, classid, objid FROM pg_locks WHERE {_OURS} AND granted)
    SELECT session.pid, session.usename, session.application_name,
           has_table_privilege(session.usesysid, 'runs', 'INSERT') AS may_store,
           runs.id, runs.command, runs.started_at
      FROM ours AS of_account
      JOIN pg_stat_activity AS session USING (pid)
      LEFT JOIN ours AS of_run ON of_run.pid = of_account.pid AND of_run.objsubid = 2 AND of_run.classid = {_RUNS}
      LEFT JOIN runs ON (runs.id % 2147483648)::oid = of_run.objid AND runs.status = 'running'
     WHERE of_account.objsubid = 1 AND (of_account.classid::bigint << 32 | of_account.objid::bigint) = {_HASH}
     ORDER BY runs.id DESC NULLS LAST LIMIT 1
""")  # noqa: S608  # made of the constants above

_NAME_SESSION = text("SELECT set_config('application_name', :name, false)")


class Holder(NamedTuple):
    """The session that holds an account, and its run if it has one."""

    pid: int
    role: str
    application: str
    may_store: bool
    """Whether its role may store a run. Any role may take an advisory lock; one that may not store is no run of ours,
    and would keep every run from its account."""
    run_id: int | None
    command: str | None
    started_at: datetime | None

    def __str__(self) -> str:
        if not self.may_store:
            return f"{self._session}, which is no run; to end that session: SELECT pg_terminate_backend({self.pid})"
        if self.started_at is None:
            return self._session
        return f"run {self.run_id} ({self.command}, since {iso(to_millis(self.started_at))})"

    @property
    def is_run(self) -> bool:
        """Whether it reads the account. Other commands have one too, such as `db move-to`; their application is named
        for them."""
        return self.started_at is not None

    @property
    def _session(self) -> str:
        return f"pid {self.pid} ({', '.join(name for name in (self.role, self.application) if name)})"


def hold_run(run_id: ColumnElement[int]) -> ColumnElement[None]:
    """Marks a run as alive until the connection ends. Never waits, because the run's id is unique."""
    return func.pg_advisory_lock(_RUNS, cast(run_id % 2_147_483_648, Integer))


def hold_account(connection: Connection, account: str, market: str) -> bool:
    """Lock an account in a market until the connection ends; False where another connection holds it. Never waits."""
    return bool(connection.scalar(text(f"SELECT pg_try_advisory_lock({_HASH})"), _key(account, market)))


def release_all(connection: Connection) -> None:
    """End the transaction and release every lock of the connection, as its end would."""
    connection.rollback()
    connection.execute(text("SELECT pg_advisory_unlock_all()"))
    connection.commit()


def claim_account(connection: Connection, account: str, market: str, command: str) -> None:
    """Lock an account in a market until the connection ends, for a command that is no run, which others are told of.

    Raises BusyError where another connection holds it.
    """
    connection.execute(_NAME_SESSION, {"name": f"{DEFAULTS['application_name']} {command}"})
    if not hold_account(connection, account, market):
        raise BusyError(busy(Wallet(account, market), holder(connection, account, market)))


def busy(wallet: Wallet, by: Holder | None) -> str:
    """One line: who holds an account, and what to do; None: it was just released."""
    if by is not None and not by.may_store:
        return f"account {wallet} is locked by {by}"
    does = "is being read" if by is None or by.is_run else "is in use"
    return f"account {wallet} {does} by {by or 'another run'}; try again when it is done"


def holder(connection: Connection, account: str, market: str) -> Holder | None:
    """The session that holds the account in a market; None where none does."""
    row = connection.execute(_HOLDER, _key(account, market)).first()
    return Holder(*row) if row else None


def _key(account: str, market: str) -> dict[str, str]:
    return {"account": account, "market": market}
