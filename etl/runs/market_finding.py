"""Finds the markets of an account that are not set: asks the exchange once a night, and remembers what it says."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from sqlalchemy import Connection

from etl.core.account_markets import (
    REFUSED,
    AccountInfo,
    AccountMarket,
    MarketState,
    Probe,
    choose,
    conclude,
    is_recent,
    readable,
    to_probe,
)
from etl.core.markets import NAMES, USDM
from etl.core.wallets import Wallet
from etl.errors import CredentialsError, ExchangeError, NotServedError, ThrottledError
from etl.exchange.client import ExchangeClient
from etl.logs import logger
from etl.runs.fetchers import interruptibly
from etl.runs.reader import Reader
from etl.store import account_markets, coverage

_log = logger(__name__)


def find_markets(
    connection: Connection, reader: Reader, account: str, tries: Collection[str] | None = None
) -> list[AccountMarket]:
    """What is known of each market of an account. Asks if that is older than a night, and commits the answers.

    `tries`: asks in any case, and also those of these markets that the account is said to have.
    Raises ThrottledError, StoppedError and StoreError. No other failure ends a run: what was known before counts, or
    else that the account has USDⓈ-M futures.
    """
    note_choice(connection, account, NAMES)  # the settings may have named some before, and name none now
    before = account_markets.of_account(connection, account)
    connection.rollback()
    asking = reader.client(Wallet(account, USDM))
    if tries is None and is_recent(before, asking.clock.now()):
        return before
    info, serves_wallets = _account_info(asking, reader)
    probes: dict[str, Probe] = {}
    names = to_probe(before, info, serves_wallets=serves_wallets)
    if tries is not None:
        names += [name for name in NAMES if info and name in info.markets() and name not in names]
        names = [name for name in names if name in tries]
    for name in names:
        probes[name] = interruptibly(reader.client(Wallet(account, name)).probe, reader.stop)
    found = conclude(account, before, info, probes, _watermarks(connection, before), asking.clock.now())
    for one in found:
        account_markets.remember(connection, one)
    connection.commit()
    if readable(found) != readable(before):
        _log.info("account %s: markets read: %s", account, ", ".join(readable(found)) or "none")
    return found


def begins(connection: Connection, account: str) -> dict[Wallet, int]:
    """From when on a market is read that the account got by a switch, epoch milliseconds."""
    known = account_markets.of_account(connection, account)
    return {Wallet(account, one.market): one.since for one in known if one.since is not None}


def note_choice(connection: Connection, account: str, chosen: Sequence[str]) -> None:
    """Remember that the settings name the markets to read: another one that the account has is a gap. Commits."""
    for one in choose(account_markets.of_account(connection, account), chosen):
        account_markets.remember(connection, one)
    connection.commit()


def note_refusals(connection: Connection, refused: Mapping[Wallet, ExchangeError]) -> None:
    """Remember which markets refused the key, so that the next run asks what the account has. The caller commits.

    A market of which something is proven exists, whoever told of it.
    """
    for wallet, error in refused.items():
        if isinstance(error, CredentialsError):
            exists = True if coverage.known(connection, *wallet)[None].proven else None
            for one in account_markets.of_account(connection, wallet.account):
                if one.market == wallet.market and one.state is MarketState.READ:
                    now = replace(one, state=MarketState.NOT_PERMITTED, exists=exists or one.exists, reason=REFUSED)
                    account_markets.remember(connection, now)


def _account_info(client: ExchangeClient, reader: Reader) -> tuple[AccountInfo | None, bool]:
    """What the exchange says that the account has, and whether its host has that API at all."""
    try:
        return interruptibly(client.account_info, reader.stop), True
    except ThrottledError:
        raise
    except ExchangeError as error:
        _log.info("the exchange does not say which markets the account has: %s", error)
        return None, not isinstance(error, NotServedError)


def _watermarks(connection: Connection, before: Sequence[AccountMarket]) -> dict[str, int]:
    """By market, where the proof ends of what was read without symbol."""
    found: dict[str, int] = {}
    for one in before:
        known = coverage.known(connection, one.account, one.market)[None]
        if known.proven:
            found[one.market] = known.proven[0].end
    connection.rollback()
    return found
