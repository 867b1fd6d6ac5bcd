"""`quarantine retry`: reads quarantined rows again, as an upgraded program may understand them."""

from dataclasses import dataclass

from sqlalchemy import Connection
from sqlalchemy.exc import DataError

from etl.core import fills
from etl.core.capital_flows import OF_MARKET, QUARANTINE, Flow
from etl.core.fills import DueOrder, Fill
from etl.core.markets import MARKETS
from etl.core.orders import Order
from etl.core.timeline import to_millis
from etl.core.wallets import Wallet
from etl.errors import ExitCode
from etl.exchange.capital_flow import read_flow
from etl.exchange.fills import read_fill
from etl.exchange.rows import read_row
from etl.runs.exit_codes import RunResult, status_and_exit_code
from etl.runs.fill_recorder import judge_stored
from etl.store import capital_flows, coverage, locks, orders, quarantine, runs, seals
from etl.store import fills as stored_fills
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


def _wallets_of(connection: Connection, row: Quarantined) -> list[Wallet]:
    if row.market == fills.QUARANTINE:
        return [*_orders_of(connection, row)]
    return [Wallet(row.account, OF_MARKET if row.market == QUARANTINE else row.market)]


def _store(connection: Connection, run_id: int, row: Quarantined) -> Tally | None:
    """Returns what it counts, None where the row still cannot be read."""
    by_market = {QUARANTINE: _store_flow, fills.QUARANTINE: _store_fill}
    return by_market.get(row.market, _store_order)(connection, run_id, row)


def _read_fill(row: Quarantined) -> Fill | None:
    fill = read_fill(row.raw.encode(), to_millis(row.seen_at))
    return fill if isinstance(fill, Fill) else None


def _orders_of(connection: Connection, row: Quarantined) -> dict[Wallet, DueOrder]:
    """The orders to which a fill may belong; none of a row that is one of the owner's own trades."""
    fill, markets = _read_fill(row), [market.name for market in MARKETS if market.fills]
    owners = stored_fills.owners(connection, row.account, markets, fill.order) if fill else {}
    return {Wallet(row.account, market): order for market, order in owners.items()}


def _store_fill(connection: Connection, run_id: int, row: Quarantined) -> Tally | None:
    """A fill is no order, and counts as none. Its order may be complete with it."""
    fill = _read_fill(row)
    if fill is None:
        return None
    attempt, others = connection.begin_nested(), False
    try:
        for wallet, order in _orders_of(connection, row).items():
            others |= bool(stored_fills.add(connection, *wallet, run_id, [fill]))
            stored_fills.record(connection, *wallet, run_id, judge_stored(connection, wallet, [order]))
    except DataError:
        attempt.rollback()
        return None
    attempt.commit()
    return None if others else Tally()


def _store_flow(connection: Connection, run_id: int, row: Quarantined) -> Tally | None:
    """A flow is no order, and counts as none."""
    flow = read_flow(row.raw.encode(), to_millis(row.seen_at))
    if not isinstance(flow, Flow):
        return None
    attempt = connection.begin_nested()
    try:
        others = capital_flows.add(connection, row.account, OF_MARKET, run_id, [flow] if flow.is_liquidation else [])
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
