"""`coverage accept`: the absence of a stored order from the exchange's answers contradicts no page any more."""

from sqlalchemy import Connection

from etl.commands.retire_account import check_stored
from etl.core.orders import Key
from etl.errors import ConfigError
from etl.runs.arguments import parse_symbols
from etl.store import decisions, orders
from etl.store.decisions import Decision
from etl.store.engine import store_errors


def accept_vanished(connection: Connection, account: str, symbol: str, order_id: int, why: str) -> bool:
    """Record that the exchange no longer shows an order; False if that was accepted before. The order stays stored.

    Raises ConfigError for an account or order that is not stored.
    """
    key: Key = (parse_symbols([symbol])[0], order_id)
    with store_errors():
        check_stored(connection, account)
        markets = orders.markets(connection, account, key)
        if not markets:
            raise ConfigError(f"account {account} has no order {order_id} of {key[0]}; see the table force_orders")
        new = [market for market in markets if not orders.is_vanished(connection, account, market, key)]
        for market in new:
            details = {"symbol": key[0], "order_id": order_id}
            decisions.record(connection, Decision.VANISHED, account, why, market=market, details=details)
        connection.commit()
    return bool(new)
