"""`accounts forget`: deletes every row of an account, but for the decisions about it."""

from sqlalchemy import Connection

from etl.commands.retire_account import check_stored
from etl.core.markets import USDM
from etl.store import account_rows, decisions, locks
from etl.store.decisions import Decision
from etl.store.engine import store_errors


def orders_to_forget(connection: Connection, account: str) -> int:
    """How many orders would be deleted. Raises ConfigError for an account that is not in the database."""
    with store_errors():
        check_stored(connection, account)
        orders = account_rows.count_orders(connection, account)
        connection.rollback()
    return orders


def forget_account(connection: Connection, account: str, why: str) -> int:
    """Delete all rows in one transaction and return the number of orders among them.

    Raises BusyError while a run has the account, and StoreError for a role that may not delete orders.
    """
    with store_errors():
        for market in sorted({USDM, *account_rows.markets(connection, account)}):
            locks.claim_account(connection, account, market, "accounts forget")
        orders = account_rows.count_orders(connection, account)
        account_rows.delete_all(connection, account)
        decisions.record(connection, Decision.FORGET, account, why, details={"orders": orders})
        connection.commit()
    return orders
