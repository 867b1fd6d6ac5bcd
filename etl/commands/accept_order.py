"""`coverage accept`: what the exchange says of an order, and nobody can resolve, raises no alarm any more."""

from enum import StrEnum

from sqlalchemy import Connection

from etl.commands.retire_account import check_stored
from etl.core.orders import Key
from etl.errors import ConfigError
from etl.runs.arguments import parse_symbols
from etl.store import decisions, orders, reconciliations
from etl.store.decisions import Decision
from etl.store.engine import store_errors


class Accepted(StrEnum):
    """What is accepted of an order."""

    DISPUTED = "disputed"
    """That the exchange's own lists disagree on it."""
    VANISHED = "vanished"
    """That the exchange no longer shows it, although it is stored."""


def accept_order(connection: Connection, account: str, symbol: str, order_id: int, why: str) -> tuple[Accepted, bool]:
    """End the dispute about an order, or without one record that the exchange no longer shows it.

    No order is stored or removed. Returns what is accepted, and whether that is new. Raises ConfigError for an account
    or order that is not known.
    """
    key: Key = (parse_symbols([symbol])[0], order_id)
    with store_errors():
        check_stored(connection, account)
        disputed = [one.market for one in reconciliations.disputed(connection, [account]) if one.key == key]
        stored = orders.markets(connection, account, key)
        if not stored and not disputed:
            if key in reconciliations.accepted(connection, account):
                return Accepted.DISPUTED, False
            raise ConfigError(f"account {account} has no order {order_id} of {key[0]}; see the table force_orders")
        vanished = [market for market in stored if not orders.is_vanished(connection, account, market, key)]
        kind, new = (Decision.DISPUTED, disputed) if disputed else (Decision.VANISHED, vanished)
        for market in new:
            details = {"symbol": key[0], "order_id": order_id}
            decisions.record(connection, kind, account, why, market=market, details=details)
            reconciliations.accept(connection, account, market, key)
        connection.commit()
    return Accepted.DISPUTED if disputed else Accepted.VANISHED, bool(new)
