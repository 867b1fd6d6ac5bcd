"""The table `account_markets`: which markets an account has, and whether they are read."""

from dataclasses import asdict, dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import Connection, func, or_, select
from sqlalchemy.dialects.postgresql import insert

from etl.core.timeline import to_datetime, to_millis
from etl.store.schema import account_markets


class MarketState(StrEnum):
    """The column `state`."""

    READ = "read"
    NOT_PERMITTED = "not_permitted"
    """The key may not read it."""
    ABSENT = "absent"
    """The account does not have it."""
    UNKNOWN = "unknown"
    """Nobody could be asked."""
    CLOSED = "closed"
    """The account had it until `closed_at`."""


@dataclass(frozen=True, slots=True)
class AccountMarket:
    """What is known of a market of an account. Times are epoch milliseconds."""

    account: str
    market: str
    state: MarketState
    exists: bool | None
    """Whether the account has it, whoever may read it. None: nobody knows."""
    source: str
    """Which request told."""
    seen_at: int
    """When it told."""
    reason: str | None = None
    """Why the market is not read, in words."""
    since: int | None = None
    """From when on the account has it. None: nobody knows, so it counts from the account's beginning."""
    closed_at: int | None = None


def of_account(connection: Connection, account: str) -> list[AccountMarket]:
    """By market."""
    own = account_markets.c
    rows = connection.execute(select(account_markets).where(own.account == account).order_by(own.market))
    return [
        AccountMarket(
            account=row["account"],
            market=row["market"],
            state=MarketState(row["state"]),
            exists=row["exists"],
            source=row["source"],
            seen_at=to_millis(row["seen_at"]),
            reason=row["reason"],
            since=_millis(row["since"]),
            closed_at=_millis(row["closed_at"]),
        )
        for row in rows.mappings()
    ]


def remember(connection: Connection, found: AccountMarket) -> None:
    """Keep what was found, in place of what was known. The caller commits.

    Without `since` the former one stays. A closed market stays closed until it is read again.
    """
    own = account_markets.c
    statement = insert(account_markets).values(_row(found))
    told = {column.name: statement.excluded[column.name] for column in own if not column.primary_key}
    kept = {"since": func.coalesce(statement.excluded.since, own.since)}
    connection.execute(
        statement.on_conflict_do_update(
            index_elements=list(account_markets.primary_key),
            set_=told | kept,
            where=or_(
                own.state != MarketState.CLOSED,
                statement.excluded.state.in_([MarketState.READ, MarketState.CLOSED]),
            ),
        )
    )


def close(connection: Connection, account: str, market: str, at: int, *, source: str, reason: str) -> None:
    """Record that the account lost a market at an instant. The caller commits.

    What is unread before that becomes a gap.
    """
    remember(
        connection,
        AccountMarket(
            account, market, MarketState.CLOSED, exists=False, source=source, seen_at=at, reason=reason, closed_at=at
        ),
    )


def _row(found: AccountMarket) -> dict[str, object]:
    moments = {name: _moment(getattr(found, name)) for name in ("seen_at", "since", "closed_at")}
    return asdict(found) | moments


def _moment(instant: int | None) -> datetime | None:
    return None if instant is None else to_datetime(instant)


def _millis(moment: datetime | None) -> int | None:
    return None if moment is None else to_millis(moment)
