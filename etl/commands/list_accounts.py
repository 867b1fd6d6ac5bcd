"""`accounts list`: where each key comes from, and how far the history is read. Sends no request."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, select

from etl.accounts.credentials import read_keys
from etl.accounts.key_sources import KeyLocation, KeySource, Missing, PrivateKeyFile, key_sources
from etl.core.account_markets import AccountMarket
from etl.core.timeline import to_millis
from etl.exchange.signing import PrivateKey
from etl.settings.model import Settings
from etl.store import account_markets, coverage
from etl.store.engine import store_errors
from etl.store.schema import EVERY_SYMBOL


@dataclass(frozen=True)
class ListedAccount:
    """What is known of an account's key without a request."""

    source: KeySource
    kind: str | None
    """HMAC, RSA or Ed25519; None: unknown."""
    wrong: str | None


def list_accounts(settings: Settings) -> list[ListedAccount]:
    """All accounts; raises ConfigError if there is none."""
    sources = key_sources(settings)
    keys = read_keys(sources)
    private_keys = {one.account: one.private_key for one in keys.usable}
    return [
        ListedAccount(one, _kind(one.secret, private_keys.get(one.account)), keys.faults.get(one.account))
        for one in sources
    ]


def _kind(secret: KeyLocation, private_key: PrivateKey | None) -> str | None:
    if private_key is not None:
        return private_key.kind
    return None if isinstance(secret, PrivateKeyFile | Missing) else "HMAC"


@dataclass(frozen=True)
class StoredAccount:
    """How far an account is read, and in which markets."""

    watermark: int | None
    """The earliest of the watermarks for all symbols of the markets that it still has, epoch milliseconds."""
    markets: Sequence[AccountMarket]
    """What was found of them; empty if the settings name them or nothing was read yet."""


def read_stored_accounts(connection: Connection, names: Sequence[str]) -> dict[str, StoredAccount]:
    """What is stored of these accounts. Raises StoreError."""
    mark = coverage.watermarks.c
    with store_errors():
        rows = connection.execute(
            select(mark.account, mark.market, mark.watermark).where(
                mark.symbol == EVERY_SYMBOL, mark.watermark.is_not(None)
            )
        ).all()
        closed = account_markets.closed(connection)
        own: dict[str, list[int]] = {}
        for row in rows:
            if (row.account, row.market) not in closed:
                own.setdefault(row.account, []).append(to_millis(row.watermark))
        marks = {account: min(of_markets) for account, of_markets in own.items()}
        known = account_markets.of_accounts(connection, names)
        connection.rollback()
    return {name: StoredAccount(marks.get(name), known.get(name, ())) for name in names}
