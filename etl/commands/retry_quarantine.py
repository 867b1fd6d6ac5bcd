"""`quarantine retry`: reads quarantined rows again, as an upgraded program may understand them."""

from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import Connection
from sqlalchemy.exc import DataError

from etl.core.capital_flows import OF_MARKET, QUARANTINE, Flow
from etl.core.income import Income, market_of
from etl.core.orders import Order, Reject
from etl.core.timeline import to_millis
from etl.core.wallets import Wallet
from etl.errors import ExitCode
from etl.exchange.capital_flow import read_flow
from etl.exchange.income import read_row as read_income
from etl.exchange.rows import read_row
from etl.runs.exit_codes import RunResult, status_and_exit_code
from etl.store import capital_flows, coverage, income, locks, orders, quarantine, runs, seals
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
        for wallet in sorted({_wallet_of(row) for row in rows}):
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


def _wallet_of(row: Quarantined) -> Wallet:
    return Wallet(row.account, OF_MARKET if row.market == QUARANTINE else market_of(row.market) or row.market)


def _store(connection: Connection, run_id: int, row: Quarantined) -> Tally | None:
    """Returns what it counts, None where the row still cannot be read."""
    if row.market == QUARANTINE:
        return _store_flow(connection, run_id, row)
    return (_store_order if market_of(row.market) is None else _store_income)(connection, run_id, row)


def _store_flow(connection: Connection, run_id: int, row: Quarantined) -> Tally | None:
    flow = read_flow(row.raw.encode(), to_millis(row.seen_at))
    if not isinstance(flow, Flow):
        return None
    flows = [flow] if flow.is_liquidation else []
    return _add(connection, lambda: capital_flows.add(connection, *_wallet_of(row), run_id, flows))


def _store_income(connection: Connection, run_id: int, row: Quarantined) -> Tally | None:
    read = read_income(row.raw.encode(), to_millis(row.seen_at))
    if not isinstance(read, Income):
        return None
    return _add(connection, lambda: income.add(connection, *_wallet_of(row), run_id, [read]))


def _add(connection: Connection, add: Callable[[], list[Reject]]) -> Tally | None:
    """What is no order counts as none. None where Postgres refuses it, or where it contradicts what is stored."""
    attempt = connection.begin_nested()
    try:
        others = add()
    except DataError:
        attempt.rollback()
        return None
    attempt.commit()
    return None if others else Tally()


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
