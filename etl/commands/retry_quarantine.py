"""`quarantine retry`: reads quarantined rows again, as an upgraded program may understand them."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection
from sqlalchemy.exc import DataError

from etl.commands.retry_records import retry_of
from etl.core.orders import Order
from etl.core.timeline import to_millis
from etl.core.wallets import Wallet
from etl.errors import ExitCode
from etl.exchange.rows import read_row
from etl.runs.exit_codes import RunResult, status_and_exit_code
from etl.store import coverage, locks, orders, quarantine, runs, seals
from etl.store.engine import store_errors
from etl.store.orders import Tally
from etl.store.quarantine import Quarantined


@dataclass(frozen=True)
class Retried:
    """How many rows were stored, and how many stay in quarantine."""

    stored: int
    left: int
    exit_code: ExitCode


def retry_quarantine(connection: Connection) -> Retried:
    """Store what can be read now, in one transaction and as one row in the table `runs`.

    Raises BusyError while another run has one of the accounts.
    """
    with store_errors():
        rows = quarantine.unresolved(connection)
        for wallet in sorted({wallet for row in rows for wallet in _wallets_of(connection, row)}):
            locks.claim_account(connection, *wallet, "quarantine retry")
        run_id = runs.start(connection, "quarantine retry")
        counts = runs.Counts()
        stored: list[int] = []
        for row in rows:
            tally = _store(connection, run_id, row)
            if tally is not None:
                counts.add(1, tally, 0)
                stored.append(row.id)
        counts.quarantined = len(rows) - len(stored)
        quarantine.resolve(connection, stored)
        status, exit_code = status_and_exit_code(RunResult(quarantined=counts.quarantined))
        runs.finish(connection, run_id, counts, status, None)
        connection.commit()
    return Retried(len(stored), counts.quarantined, exit_code)


def _wallets_of(connection: Connection, row: Quarantined) -> Sequence[Wallet]:
    retry = retry_of(row.market)
    return retry.wallets(connection, row) if retry else [Wallet(row.account, row.market)]


def _store(connection: Connection, run_id: int, row: Quarantined) -> Tally | None:
    """Returns what it counts, None where the row still cannot be read."""
    retry = retry_of(row.market)
    return (retry.store if retry else _store_order)(connection, run_id, row)


def _store_order(connection: Connection, run_id: int, row: Quarantined) -> Tally | None:
    order = read_row(row.raw.encode(), to_millis(row.seen_at))
    if not isinstance(order, Order):
        return None
    attempt = connection.begin_nested()
    try:
        changes = orders.upsert(connection, row.account, row.market, run_id, [order])
        sealed = seals.sealed_days(connection, row.account, row.market)
        seals.seal_corrections(connection, row.account, row.market, run_id, sealed, [order], changes)
        coverage.name_symbols(connection, row.account, row.market, [order.symbol])
    except DataError:
        attempt.rollback()
        return None
    attempt.commit()
    return orders.tally(changes, {order.key})
