"""`accounts list`: where each key comes from, and how far the history is read. Sends no request."""

from dataclasses import dataclass

from sqlalchemy import Connection, select

from etl.accounts.credentials import read_keys
from etl.accounts.key_sources import KeyLocation, KeySource, Missing, PrivateKeyFile, key_sources
from etl.core.timeline import to_millis
from etl.exchange.signing import PrivateKey
from etl.settings.model import Settings
from etl.store import coverage
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


def read_account_watermarks(connection: Connection, market: str) -> dict[str, int]:
    """Each account's watermark for all symbols, epoch milliseconds."""
    mark = coverage.watermarks.c
    wanted = (mark.market == market, mark.symbol == EVERY_SYMBOL, mark.watermark.is_not(None))
    with store_errors():
        rows = connection.execute(select(mark.account, mark.watermark).where(*wanted)).all()
        connection.rollback()
    return {row.account: to_millis(row.watermark) for row in rows}
