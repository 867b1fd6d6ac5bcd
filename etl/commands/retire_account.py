"""`accounts retire`: ends the alarms of an account that is no longer read. Its history stays."""

from sqlalchemy import Connection

from etl.accounts.key_sources import account_names
from etl.errors import ConfigError
from etl.settings.model import Settings
from etl.store import account_rows, decisions
from etl.store.decisions import Decision
from etl.store.engine import store_errors


def retire_account(settings: Settings, connection: Connection, account: str, why: str) -> bool:
    """Record that the account is retired; False if it is already.

    Raises ConfigError for an account that is still in the settings, or not in the database.
    """
    if account in account_names(settings):
        raise ConfigError(f"account {account} is still in the settings; take it out of them first")
    with store_errors():
        check_stored(connection, account)
        is_new = account not in decisions.retired_accounts(connection)
        if is_new:
            decisions.record(connection, Decision.RETIRE, account, why)
        connection.commit()
    return is_new


def check_stored(connection: Connection, account: str) -> None:
    """Raise ConfigError for an account of which the database has no row."""
    stored = account_rows.names(connection)
    if account not in stored:
        known = f"it holds {', '.join(stored)}" if stored else "nothing is stored yet"
        raise ConfigError(f"there is no account {account!r} in the database; {known}")
