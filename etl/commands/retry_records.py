"""Quarantined rows of other lists than the force orders: flows, fills, income. None of them counts as an order."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from sqlalchemy import Connection
from sqlalchemy.exc import DataError

from etl.core import capital_flows, fills
from etl.core.capital_flows import Flow
from etl.core.fills import DueOrder, Fill
from etl.core.income import Income, market_of
from etl.core.markets import MARKETS
from etl.core.orders import Reject
from etl.core.timeline import to_millis
from etl.core.wallets import Wallet
from etl.exchange.capital_flow import read_flow
from etl.exchange.fills import read_fill
from etl.exchange.income import read_row as read_income
from etl.runs.fill_recorder import judge_stored
from etl.store import capital_flows as stored_flows
from etl.store import fills as stored_fills
from etl.store import income as stored_income
from etl.store.orders import Tally
from etl.store.quarantine import Quarantined


class Retry(NamedTuple):
    """How the rows of one list are read again."""

    wallets: Callable[[Connection, Quarantined], Sequence[Wallet]]
    """To which a row may belong."""
    store: Callable[[Connection, int, Quarantined], Tally | None]
    """Returns what it counts, None where the row still cannot be read."""


def retry_of(market: str) -> Retry | None:
    """By the column `market` of `quarantined_orders`; None for the orders of a market."""
    if market == capital_flows.QUARANTINE:
        return Retry(lambda _, row: [_wallet_of_flow(row)], _store_flow)
    if market == fills.QUARANTINE:
        return Retry(lambda connection, row: [*_orders_of(connection, row)], _store_fill)
    if market_of(market) is not None:
        return Retry(lambda _, row: [_wallet_of_income(row)], _store_income)
    return None


def _wallet_of_flow(row: Quarantined) -> Wallet:
    return Wallet(row.account, capital_flows.OF_MARKET)


def _store_flow(connection: Connection, run_id: int, row: Quarantined) -> Tally | None:
    flow = read_flow(row.raw.encode(), to_millis(row.seen_at))
    if not isinstance(flow, Flow):
        return None
    flows = [flow] if flow.is_liquidation else []
    return _added(connection, lambda: stored_flows.add(connection, *_wallet_of_flow(row), run_id, flows))


def _wallet_of_income(row: Quarantined) -> Wallet:
    return Wallet(row.account, market_of(row.market) or row.market)


def _store_income(connection: Connection, run_id: int, row: Quarantined) -> Tally | None:
    income = read_income(row.raw.encode(), to_millis(row.seen_at))
    if not isinstance(income, Income):
        return None
    return _added(connection, lambda: stored_income.add(connection, *_wallet_of_income(row), run_id, [income]))


def _orders_of(connection: Connection, row: Quarantined) -> dict[Wallet, DueOrder]:
    """The orders to which a fill may belong; none of a row that is one of the owner's own trades."""
    fill = read_fill(row.raw.encode(), to_millis(row.seen_at))
    markets = [market.name for market in MARKETS if market.fills]
    owners = stored_fills.owners(connection, row.account, markets, fill.order) if isinstance(fill, Fill) else {}
    return {Wallet(row.account, market): order for market, order in owners.items()}


def _store_fill(connection: Connection, run_id: int, row: Quarantined) -> Tally | None:
    """An order may be complete with its fill."""
    fill = read_fill(row.raw.encode(), to_millis(row.seen_at))
    if not isinstance(fill, Fill):
        return None

    def add() -> list[Reject]:
        others: list[Reject] = []
        for wallet, order in _orders_of(connection, row).items():
            others += stored_fills.add(connection, *wallet, run_id, [fill])
            stored_fills.record(connection, *wallet, run_id, judge_stored(connection, wallet, [order]))
        return others

    return _added(connection, add)


def _added(connection: Connection, add: Callable[[], list[Reject]]) -> Tally | None:
    """None where Postgres refuses the row, or where it contradicts what is stored."""
    attempt = connection.begin_nested()
    try:
        others = add()
    except DataError:
        attempt.rollback()
        return None
    attempt.commit()
    return None if others else Tally()
