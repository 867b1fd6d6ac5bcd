"""The table `account_markets`: which markets an account has, and whether they are read."""

from collections.abc import Iterable
from dataclasses import asdict
from datetime import datetime

from sqlalchemy import Connection, Text, any_, func, or_, select
from sqlalchemy.dialects.postgresql import array, insert

from etl.core.account_markets import AccountMarket, MarketState
from etl.core.timeline import to_datetime, to_millis
from etl.store.schema import account_markets


def of_account(connection: Connection, account: str) -> list[AccountMarket]:
    """By market."""
    return of_accounts(connection, [account]).get(account, [])


def of_accounts(connection: Connection, accounts: Iterable[str]) -> dict[str, list[AccountMarket]]:
    """By account, each sorted by market. An account of which nothing is known has no entry."""
    own = account_markets.c
    known: dict[str, list[AccountMarket]] = {}
    of_names = own.account == any_(array([*accounts], type_=Text))
    rows = connection.execute(select(account_markets).where(of_names).order_by(own.account, own.market))
    for row in rows.mappings():
        one = AccountMarket(
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
        known.setdefault(one.account, []).append(one)
    return known


def closed(connection: Connection) -> frozenset[tuple[str, str]]:
    """The markets that an account had and has no more, each with the account before it."""
    own = account_markets.c
    rows = connection.execute(select(own.account, own.market).where(own.state == MarketState.CLOSED))
    return frozenset((row.account, row.market) for row in rows)


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
