"""The accounts as such: where their keys come from, and what the exchange says of each key."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from threading import Event

from sqlalchemy import Connection, select

from etl.accounts.credentials import Keyring, read_keys
from etl.accounts.key_sources import KeySource, Nowhere, Place, PrivateKeyFile, key_sources
from etl.core.egress import Egress
from etl.core.paging import PageRequest
from etl.core.text import printable
from etl.core.timeline import SECOND, Window, iso, to_millis
from etl.errors import (
    ClockSkewError,
    ConfigError,
    ContractError,
    CredentialsError,
    ExchangeError,
    ExitCode,
    ForceOrdersError,
    ThrottledError,
    TransientError,
)
from etl.exchange.clock import ExchangeClock
from etl.exchange.signing import PrivateKey
from etl.runs import composition
from etl.runs.fetchers import interruptibly
from etl.runs.run import Reader
from etl.settings.model import Settings
from etl.store import coverage
from etl.store.egress import shared_egress
from etl.store.engine import store_errors
from etl.store.schema import EVERY_SYMBOL

ATTEMPTS = 2
"""How often a request is sent at most: a person waits for the answer, and a night's patience helps nobody here."""

SYMBOL = "BTCUSDT"
"""Any will do that the exchange has: with one a request costs 20, without 50."""


@dataclass(frozen=True)
class Verdict:
    """What the exchange says of one account's key."""

    account: str
    result: str
    wrong: str | None = None
    remedy: str | None = None
    exit_code: ExitCode = ExitCode.DONE


@dataclass(frozen=True)
class Listed:
    """An account by what can be known of its key without asking the exchange."""

    source: KeySource
    kind: str | None
    """HMAC, RSA or Ed25519; None where that cannot be known."""
    wrong: str | None


def list_accounts(settings: Settings) -> list[Listed]:
    """All of them; raises ConfigError where there is none."""
    sources = key_sources(settings)
    keys = read_keys(sources)
    private_keys = {one.account: one.private_key for one in keys.usable}
    return [
        Listed(one, _kind(one.secret, private_keys.get(one.account)), keys.faults.get(one.account)) for one in sources
    ]


def _kind(secret: Place, private_key: PrivateKey | None) -> str | None:
    if private_key is not None:
        return private_key.kind
    return None if isinstance(secret, PrivateKeyFile | Nowhere) else "HMAC"


def has_database(settings: Settings) -> bool:
    """Whether there is one to look into: an embedded one that was never used is not made just to find it empty."""
    return settings.database_url is not None or (settings.data_dir / "postgres").is_dir()


def read_account_watermarks(connection: Connection, market: str) -> dict[str, int]:
    """Each account's watermark in a market, of all symbols together, epoch milliseconds."""
    mark = coverage.watermarks.c
    wanted = (mark.market == market, mark.symbol == EVERY_SYMBOL, mark.watermark.is_not(None))
    with store_errors():
        rows = connection.execute(select(mark.account, mark.watermark).where(*wanted)).all()
        connection.rollback()
    return {row.account: to_millis(row.watermark) for row in rows}


def check_accounts(
    settings: Settings, sources: Sequence[KeySource], connection: Connection, stop: Event
) -> list[Verdict]:
    """One signed request with each account's key, one after the other; what is wrong with one does not stop the rest.

    Nothing of the answers is kept. Raises StoppedError and StoreError.
    """
    keys = read_keys(sources)
    found = {name: verdict(name, ConfigError(fault)) for name, fault in keys.faults.items()}
    if keys.usable:
        with shared_egress(connection.engine, settings.egress) as egress:
            found |= {one.account: one for one in ask(hasty_reader(settings, keys, egress, stop))}
    return [found[one.account] for one in sources]


def hasty_reader(settings: Settings, keys: Keyring, egress: Egress, stop: Event) -> Reader:
    """A reader for somebody who waits for the answer."""
    few, clock = replace(settings, attempts=min(settings.attempts, ATTEMPTS)), ExchangeClock()
    return composition.reader(few, keys, composition.gate(few, egress, clock, stop), clock, stop)


def exit_code(verdicts: Sequence[Verdict]) -> ExitCode:
    """0 where every key works, 4 where the exchange wants silence, else 1."""
    codes = {one.exit_code for one in verdicts}
    if ExitCode.BANNED in codes:
        return ExitCode.BANNED
    return ExitCode.DONE if codes <= {ExitCode.DONE} else ExitCode.FAILED


def verdict(account: str, error: ForceOrdersError | None) -> Verdict:
    """What an error, or none, says of an account's key."""
    if error is None:
        return Verdict(account, "fine")
    result, remedy = _remedy(error)
    code = ExitCode.BANNED if isinstance(error, ThrottledError) else ExitCode.FAILED
    return Verdict(account, result, printable(str(error)), remedy, code)


def _remedy(error: ForceOrdersError) -> tuple[str, str]:
    if isinstance(error, ThrottledError):
        return "banned", f"wait until {iso(-(-error.until_ms // SECOND) * SECOND)}; nothing is sent before"
    if isinstance(error, CredentialsError):
        # The program does the same about all of these, so they are one error; the person who mends them does not.
        code = re.search(r"code (-\d+)", str(error))
        return _BY_CODE.get(code[1] if code else "", _NO_PERMISSION)
    return next((said for kind, said in _BY_KIND.items() if isinstance(error, kind)), _NOT_SERVED)


_NO_PERMISSION = (
    "refused",
    "in the exchange's API management: is the key there, are futures enabled, is this machine's address allowed? "
    "then: is base_url the host (real or test) that the key was made on?",
)

_NOT_SERVED = (
    "wrong host",
    "let base_url be the USDⓈ-M futures API itself, such as https://fapi.binance.com, reached from a place it serves",
)

_BY_CODE = {
    "-1022": ("wrong secret", "copy the secret that belongs to this key, or make a new key: it is shown only once"),
    "-2014": ("wrong key", "copy the key again: all of it and nothing else"),
    "-2008": ("wrong key", "is the key still in the exchange's API management, and base_url the host it was made on?"),
    "-2017": ("locked", "unlock the key in the exchange's API management, or make a new one"),
}

_BY_KIND: dict[type[ForceOrdersError], tuple[str, str]] = {
    ConfigError: ("no key", "mend where the settings look for it; 'force-orders accounts list' shows where that is"),
    ClockSkewError: ("clock", "let this machine's clock be set by NTP; on a slow line raise recv_window_ms"),
    TransientError: ("unreachable", "look at base_url and at this machine's network, proxy and name server; try again"),
    ContractError: _NOT_SERVED,
}


def ask(reader: Reader) -> Iterator[Verdict]:
    """What the exchange says of each account of the reader, each as soon as it is known; raises StoppedError."""
    unreachable: TransientError | None = None
    try:
        interruptibly(next(iter(reader.clients.values())).set_clock, reader.stop)
    except TransientError as error:
        unreachable = error  # then it is so for every account, and none needs to wait for it
    except ExchangeError:
        pass  # this machine's clock will do; what is wrong is said of each account's own request
    for account, client in reader.clients.items():
        fault: ExchangeError | None = unreachable
        if fault is None:
            end = reader.clock.now()
            request = PageRequest(Window(end - SECOND, end), 1, SYMBOL)
            try:
                interruptibly(lambda: client.page(request), reader.stop)  # noqa: B023 - over before the next begins
            except ExchangeError as error:
                fault = error
        yield verdict(account, fault)
