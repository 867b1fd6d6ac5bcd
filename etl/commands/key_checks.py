"""One signed request with a key, and what the answer says of the key; `accounts check`, `doctor` and `init` use it."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from threading import Event

from etl.accounts.credentials import Keyring
from etl.core.account_markets import Probe
from etl.core.markets import USDM
from etl.core.markets.margin import MARKET as MARGIN
from etl.core.markets.pm_margin import MARKET as PM_MARGIN
from etl.core.paging import PageRequest
from etl.core.text import printable
from etl.core.timeline import SECOND, Window, iso
from etl.core.wallets import Wallet
from etl.errors import (
    ClockSkewError,
    ConfigError,
    ContractError,
    CredentialsError,
    ExchangeError,
    ExitCode,
    ForceOrdersError,
    RejectedError,
    ThrottledError,
    TransientError,
)
from etl.exchange.access import Access
from etl.runs import composition
from etl.runs.fetchers import interruptibly
from etl.runs.reader import Reader
from etl.settings.model import Settings

ATTEMPTS = 2
"""The most attempts of a request. A person waits for the result, so that the retries of a nightly run are too many."""


@dataclass(frozen=True)
class KeyCheck:
    """The result of a request with one account's key."""

    account: str
    result: str
    wrong: str | None = None
    remedy: str | None = None
    exit_code: ExitCode = ExitCode.DONE
    markets: str | None = None
    """What the account has and the key may read; None: not asked."""
    notes: Sequence[str] = ()
    """What is not wrong and worth knowing, a line each."""


def interactive_reader(settings: Settings, keys: Keyring, access: Access, stop: Event) -> Reader:
    """A reader with few retries, because a person waits for the result."""
    few = replace(settings, attempts=min(settings.attempts, ATTEMPTS))
    return composition.reader(few, keys, access, stop)


def key_check(account: str, error: ForceOrdersError | None) -> KeyCheck:
    """The result for an account whose request ended with this error, or without one."""
    if error is None:
        return KeyCheck(account, "fine")
    result, remedy = _remedy(error)
    code = ExitCode.BANNED if isinstance(error, ThrottledError) else ExitCode.FAILED
    return KeyCheck(account, result, printable(str(error)), remedy, code)


def _remedy(error: ForceOrdersError) -> tuple[str, str]:
    if isinstance(error, ThrottledError):
        return "banned", f"wait until {iso(-(-error.cooldown_until // SECOND) * SECOND)}; nothing is sent before"
    if isinstance(error, CredentialsError):
        # The program treats all of these alike, so they are one error. The remedies differ.
        code = re.search(r"code (-\d+)", str(error))
        return _BY_CODE.get(code[1] if code else "", _NO_PERMISSION)
    return next((found for kind, found in _BY_KIND.items() if isinstance(error, kind)), _NOT_SERVED)


_NO_PERMISSION = (
    "refused",
    "check in the exchange's API management that the key exists, that futures are enabled and that this machine's "
    "address is allowed; check that base_url is the host (real or test) that the key was made on; after a switch to "
    "Portfolio Margin make a new key: the switch takes the permission for futures from every older one",
)

_NOT_SERVED = (
    "wrong host",
    "set base_url to the USDⓈ-M futures API, such as https://fapi.binance.com, and connect from a country that it "
    "serves",
)

_BY_CODE = {
    "-1022": ("wrong secret", "copy the secret of this key; if it is lost, make a new key: it is shown only once"),
    "-2014": ("wrong key", "copy the key again, in full and without anything else"),
    "-2008": (
        "wrong key",
        "check that the key is still in the exchange's API management, and that base_url is the host it was made on",
    ),
    "-2017": ("locked", "unlock the key in the exchange's API management, or make a new one"),
}

_BY_KIND: dict[type[ForceOrdersError], tuple[str, str]] = {
    ConfigError: ("no key", "put the key where the settings look for it: 'force-orders accounts list' shows where"),
    ClockSkewError: ("clock", "set this machine's clock with NTP; on a slow connection raise recv_window_ms"),
    TransientError: (
        "unreachable",
        "check base_url and this machine's network, proxy and name server, then try again",
    ),
    ContractError: _NOT_SERVED,
}


_INSTEAD = {CredentialsError: PM_MARGIN, RejectedError: MARGIN}
"""By how the futures API refuses an account: a cheap market of an account that the API may refuse like that.

In Portfolio Margin it refuses the key; without futures it refuses the request.
"""


def _has_other_markets(reader: Reader, account: str, error: ExchangeError) -> bool:
    """Whether the futures API refused only because the account has other markets than classic futures."""
    instead = next((market for kind, market in _INSTEAD.items() if isinstance(error, kind)), None)
    if instead is None or reader.markets_set(account):
        return False
    return interruptibly(reader.client(Wallet(account, instead.name)).probe, reader.stop) is Probe.ANSWERED


def home_of(reader: Reader, account: str) -> Wallet:
    """The market with which a key is tried: the first that is set, or USDⓈ-M futures."""
    return Wallet(account, (*reader.markets_set(account), USDM)[0])


def check_keys(reader: Reader) -> Iterator[KeyCheck]:
    """The result for each account of the reader, as soon as it is known; raises StoppedError."""
    unreachable: TransientError | None = None
    try:
        interruptibly(reader.client(home_of(reader, reader.accounts[0])).set_clock, reader.stop)
    except TransientError as error:
        unreachable = error  # for every account, so that none needs to wait for it again
    except ExchangeError:
        pass  # this machine's clock is good enough; each account's own request reports what is wrong
    for account in reader.accounts:
        client = reader.client(home_of(reader, account))
        fault: ExchangeError | None = unreachable
        if fault is None:
            end = client.clock.now()
            request = PageRequest(Window(end - SECOND, end), 1, client.market.probe_symbol)
            try:
                interruptibly(lambda: client.page(request), reader.stop)  # noqa: B023 - it ends before the next iteration
            except ExchangeError as error:
                fault = None if _has_other_markets(reader, account, error) else error
        yield key_check(account, fault)
