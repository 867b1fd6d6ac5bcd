"""The markets of an account as far as they are known without a request."""

from collections.abc import Sequence

from sqlalchemy import Connection

from etl.core.market_choice import sort_markets
from etl.core.markets import USDM
from etl.settings.model import Settings
from etl.store import account_rows
from etl.store.engine import store_errors


def known_markets(settings: Settings, connection: Connection, account: str) -> Sequence[str]:
    """Those of the settings, else those that are stored, else USDⓈ-M futures. Raises StoreError."""
    return settings.markets_of(account) or markets_stored(connection, account) or (USDM,)


def markets_stored(connection: Connection, account: str) -> Sequence[str]:
    """Those in which the account was read, in the order of all markets. Raises StoreError."""
    with store_errors():
        stored = account_rows.markets(connection, account)
        connection.rollback()
    return sort_markets(stored)
