"""`accounts check`: each account's key, its markets, and what the key may do beside reading."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from threading import Event

from sqlalchemy import Connection

from etl.accounts.credentials import read_keys
from etl.accounts.key_sources import KeySource
from etl.commands.key_checks import KeyCheck, check_keys, home_of, interactive_reader, key_check
from etl.core.account_markets import AccountMarket, MarketState, readable, unread
from etl.core.markets import NAMES
from etl.core.timeline import iso
from etl.errors import ConfigError, ExchangeError, ExitCode, ThrottledError
from etl.exchange.account_api import KeyLimits
from etl.runs import composition
from etl.runs.fetchers import interruptibly
from etl.runs.market_finding import find_markets, note_choice
from etl.runs.reader import Reader
from etl.settings.model import Settings


def check_accounts(
    settings: Settings, sources: Sequence[KeySource], connection: Connection, stop: Event
) -> list[KeyCheck]:
    """The accounts one after the other; a fault of one does not stop the others.

    Stores which markets each has, and nothing else of the responses. Raises StoppedError and StoreError.
    """
    keys = read_keys(sources)
    found = {name: key_check(name, ConfigError(fault)) for name, fault in keys.faults.items()}
    if keys.usable:
        with composition.access(settings, connection.engine, stop) as access:
            reader = interactive_reader(settings, keys, access, stop)
            for one in check_keys(reader):
                found[one.account] = one if one.wrong else _with_markets(connection, reader, one)
    return [found[one.account] for one in sources]


def _with_markets(connection: Connection, reader: Reader, check: KeyCheck) -> KeyCheck:
    """The same with the account's markets, of a key that works in one."""
    account = check.account
    chosen = reader.markets_set(account)
    try:
        home = home_of(reader, account)
        known = find_markets(connection, reader, account, {*(chosen or NAMES)} - {home.market})
        states = {one.market: one.state for one in known}
        refused = [name for name in chosen if states[name] is MarketState.NOT_PERMITTED]
        notes = [*_key_notes(reader, account, known)]
        if chosen:
            note_choice(connection, account, chosen)
    except ThrottledError as error:
        return key_check(account, error)
    markets = ", ".join(name for name in (chosen or readable(known)) if name not in refused) or "none"
    missing = [f"the key may not read {name}" for name in refused] if chosen else unread(known)
    if not missing:
        return replace(check, markets=markets, notes=notes)
    remedy = "let the key read them, or name the markets to read with the setting markets"
    wrong = f"not read: {'; '.join(missing)}"
    return KeyCheck(account, "incomplete", wrong, remedy, ExitCode.FAILED, markets, notes)


def _key_notes(reader: Reader, account: str, known: Sequence[AccountMarket]) -> Iterator[str]:
    """Warnings about a key; none where the exchange does not tell what it may do."""
    try:
        limits: KeyLimits = interruptibly(reader.client(home_of(reader, account)).key_limits, reader.stop)
    except ThrottledError:
        raise
    except ExchangeError:
        return
    if limits.more_than_reading:
        yield f"account {account}: the key may also {', '.join(limits.more_than_reading)}; reading is all it needs"
    switched = [one.closed_at for one in known if one.state is MarketState.CLOSED and one.closed_at is not None]
    if limits.created_at is not None and switched and limits.created_at < max(switched):
        yield (
            f"account {account}: the key was made {iso(limits.created_at)}, before the account's markets changed "
            f"({iso(max(switched))}); a switch to Portfolio Margin takes permissions from older keys: make a new one"
        )


def exit_code_of(checks: Sequence[KeyCheck]) -> ExitCode:
    """0 if every key works, 4 during a cooldown of the exchange, else 1."""
    codes = {one.exit_code for one in checks}
    if ExitCode.BANNED in codes:
        return ExitCode.BANNED
    return ExitCode.DONE if codes <= {ExitCode.DONE} else ExitCode.FAILED
