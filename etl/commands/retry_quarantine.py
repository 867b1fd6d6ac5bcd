"""Rows in quarantine, read once more: after an upgrade the program may understand what it did not."""

from sqlalchemy import Connection
from sqlalchemy.exc import DataError

from etl.core.orders import Order
from etl.errors import BusyError
from etl.exchange.rows import read_row
from etl.store import coverage, locks, orders, quarantine, runs
from etl.store.engine import store_errors
from etl.store.orders import Tally
from etl.store.quarantine import Quarantined


def retry(connection: Connection) -> tuple[int, int]:
    """Store what can be read now; how many that were, and how many are left. One transaction, one run in the ledger.

    Raises BusyError while another run has one of the accounts.
    """
    with store_errors():
        rows = quarantine.unresolved(connection)
        for account, market in sorted({(row.account, row.market) for row in rows}):
            if not locks.hold_account(connection, account, market):
                holder = locks.holder(connection, account, market) or "another program"
                raise BusyError(f"account {account} is being read by {holder}; try again when it is done")
        run_id = runs.start(connection, "quarantine retry")
        counts = runs.Counts()
        read: list[int] = []
        for row in rows:
            tally = _store(connection, run_id, row)
            if tally is not None:
                counts.add(1, tally, 0)
                read.append(row.id)
        counts.quarantined = len(rows) - len(read)
        quarantine.resolve(connection, read)
        status = "incomplete" if counts.quarantined else "succeeded"
        runs.finish(connection, run_id, counts, status, None)
        connection.commit()
    return len(read), counts.quarantined


def _store(connection: Connection, run_id: int, row: Quarantined) -> Tally | None:
    order = read_row(row.raw.encode())
    if not isinstance(order, Order):
        return None
    attempt = connection.begin_nested()
    try:
        tally = orders.tally(orders.upsert(connection, row.account, row.market, run_id, [order]), {order.key})
        coverage.name_symbols(connection, row.account, row.market, [order.symbol])
    except DataError:
        attempt.rollback()
        return None
    attempt.commit()
    return tally
