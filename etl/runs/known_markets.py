"""The markets of an account as far as they are known without a request."""

from collections.abc import Sequence

from sqlalchemy import Connection

from etl.core.account_markets import readable
from etl.core.markets import USDM
from etl.settings.model import Settings
from etl.store import account_markets
from etl.store.engine import store_errors


def known_markets(settings: Settings, connection: Connection, account: str) -> Sequence[str]:
    """Those of the settings, else those that it was found to have, else USDⓈ-M futures. Raises StoreError."""
    if chosen := settings.markets_of(account):
        return chosen
    with store_errors():
        found = readable(account_markets.of_account(connection, account))
        connection.rollback()
    return found or (USDM,)
