"""Advisory locks of runs and their accounts. Postgres releases them when their connection ends, however it ends.

A pooler between us and Postgres has to keep the connection for the session (PgBouncer: pool_mode = session).
"""

from datetime import datetime
from typing import NamedTuple

from sqlalchemy import ColumnElement, Connection, literal_column, text

from etl.core.timeline import iso, to_millis
from etl.errors import BusyError

_RUNS = 73_019_942
"""First key of a run's lock; the second is the run's id. An account's lock has one key, a hash."""

_OURS = "locktype = 'advisory' AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
_HASH = "hashtextextended(:account || '/' || :market, 0)"

is_alive: ColumnElement[bool] = literal_column(
    f"EXISTS (SELECT FROM pg_locks WHERE {_OURS} AND objsubid = 2 AND classid = {_RUNS}"
    " AND objid = (runs.id % 2147483648)::oid)"
)
"""Whether the process of a row of `runs` is still connected to the database."""

_HOLDER = text(f"""
    WITH ours AS (SELECT pid, objsubid, classid, objid FROM pg_locks WHERE {_OURS} AND granted)
    SELECT runs.id, runs.command, runs.started_at
      FROM ours AS of_account
      JOIN ours AS of_run ON of_run.pid = of_account.pid AND of_run.objsubid = 2 AND of_run.classid = {_RUNS}
      JOIN runs ON (runs.id % 2147483648)::oid = of_run.objid AND runs.status = 'running'
     WHERE of_account.objsubid = 1 AND (of_account.classid::bigint << 32 | of_account.objid::bigint) = {_HASH}
     ORDER BY runs.id DESC LIMIT 1
""")  # noqa: S608  # made of the constants above


class Holder(NamedTuple):
    """The run that holds an account."""

    id: int
    command: str
    started_at: datetime

    def __str__(self) -> str:
        return f"run {self.id} ({self.command}, since {iso(to_millis(self.started_at))})"


def hold_run(connection: Connection, run_id: int) -> None:
    """Mark the run as alive until the connection ends. Never waits, because the run's id is unique."""
    connection.execute(text(f"SELECT pg_advisory_lock({_RUNS}, (:id % 2147483648)::int)"), {"id": run_id})


def hold_account(connection: Connection, account: str, market: str) -> bool:
    """Lock an account in a market until the connection ends; False where another connection holds it. Never waits."""
    return bool(connection.scalar(text(f"SELECT pg_try_advisory_lock({_HASH})"), _key(account, market)))


def claim_account(connection: Connection, account: str, market: str) -> None:
    """Lock an account in a market until the connection ends. Raises BusyError where another connection holds it."""
    if not hold_account(connection, account, market):
        other = holder(connection, account, market) or "another program"
        raise BusyError(f"account {account} is being read by {other}; try again when it is done")


def holder(connection: Connection, account: str, market: str) -> Holder | None:
    """The run that holds the account in a market; None where no run does."""
    row = connection.execute(_HOLDER, _key(account, market)).first()
    return Holder(*row) if row else None


def _key(account: str, market: str) -> dict[str, str]:
    return {"account": account, "market": market}
