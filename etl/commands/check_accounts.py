"""`accounts check`: one signed request with each account's key."""

from collections.abc import Sequence
from threading import Event

from sqlalchemy import Connection

from etl.accounts.credentials import read_keys
from etl.accounts.key_sources import KeySource
from etl.commands.key_checks import KeyCheck, check_keys, interactive_reader, key_check
from etl.errors import ConfigError, ExitCode
from etl.runs import composition
from etl.settings.model import Settings


def check_accounts(
    settings: Settings, sources: Sequence[KeySource], connection: Connection, stop: Event
) -> list[KeyCheck]:
    """The accounts one after the other; a fault of one does not stop the others. Stores nothing of the responses.

    Raises StoppedError and StoreError.
    """
    keys = read_keys(sources)
    found = {name: key_check(name, ConfigError(fault)) for name, fault in keys.faults.items()}
    if keys.usable:
        with composition.access(settings, connection.engine, stop) as access:
            found |= {one.account: one for one in check_keys(interactive_reader(settings, keys, access, stop))}
    return [found[one.account] for one in sources]


def exit_code_of(checks: Sequence[KeyCheck]) -> ExitCode:
    """0 if every key works, 4 during a cooldown of the exchange, else 1."""
    codes = {one.exit_code for one in checks}
    if ExitCode.BANNED in codes:
        return ExitCode.BANNED
    return ExitCode.DONE if codes <= {ExitCode.DONE} else ExitCode.FAILED
