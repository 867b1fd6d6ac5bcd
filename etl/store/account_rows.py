"""All rows of one account, in every table of ours: what there is, and its deletion. Decisions are never deleted."""

from sqlalchemy import Connection, delete, func, select, text, union
from sqlalchemy.exc import ProgrammingError

from etl.core import capital_flows, fills, income
from etl.errors import StoreError
from etl.store.schema import coverage, decisions, force_orders, metadata, order_counts, quarantined_orders

_TABLES = [table for table in metadata.sorted_tables if "account" in table.c and table is not decisions]

_OF_RUNS = (coverage, order_counts, quarantined_orders)
"""The tables to which a run adds a row for each account, and which every writer may read."""

# A job that is running belongs to its worker, and ends by itself: without a key in the settings nothing is read.
_DELETE_JOBS = text("""
    DELETE FROM procrastinate_jobs
     WHERE task_name IN ('sync', 'backfill') AND args ->> 'account' = :account AND status <> 'doing'
""")

_INSUFFICIENT_PRIVILEGE = "42501"


def names(connection: Connection) -> list[str]:
    """Every account that was read, sorted."""
    return sorted(connection.scalars(union(*(select(table.c.account) for table in _OF_RUNS))))


def markets(connection: Connection, account: str) -> list[str]:
    """Every market in which the account was read, sorted."""
    of_account = (select(table.c.market).where(table.c.account == account) for table in _OF_RUNS)
    return sorted(market for market in connection.scalars(union(*of_account)) if _is_market(market))


def _is_market(market: str) -> bool:
    """Not one of the other lists whose rows may be quarantined."""
    return market not in (capital_flows.QUARANTINE, fills.QUARANTINE) and income.market_of(market) is None


def count_orders(connection: Connection, account: str) -> int:
    return connection.scalar(select(func.count()).where(force_orders.c.account == account)) or 0


def delete_all(connection: Connection, account: str) -> None:
    """Delete every row, and the jobs that do not run. Raises StoreError for a role that may not delete orders."""
    try:
        for table in reversed(_TABLES):
            connection.execute(delete(table).where(table.c.account == account))
        connection.execute(_DELETE_JOBS, {"account": account})
    except ProgrammingError as error:
        if getattr(error.orig, "sqlstate", None) != _INSUFFICIENT_PRIVILEGE:
            raise
        raise StoreError("only the owner of the tables may delete orders; run this with the owner's URL") from None
