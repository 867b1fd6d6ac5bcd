"""What files cover of every symbol, in the table `coverage`. It never becomes proven by that."""

from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import Connection, select
from sqlalchemy.dialects.postgresql import insert

from etl.core.timeline import Window
from etl.store.ranges import multirange, windows_of
from etl.store.schema import EVERY_SYMBOL, coverage


class KnownTime(NamedTuple):
    """What is known of every symbol of an account in a market."""

    proven: Sequence[Window] = ()
    archived: Sequence[Window] = ()


def read(connection: Connection, account: str, market: str) -> KnownTime:
    own = coverage.c
    scope = (own.account == account, own.market == market, own.symbol == EVERY_SYMBOL)
    row = connection.execute(select(own.proven, own.archived).where(*scope)).first()
    return KnownTime(windows_of(row.proven), windows_of(row.archived)) if row else KnownTime()


def add(connection: Connection, account: str, market: str, windows: Sequence[Window]) -> None:
    """Record what a file covers."""
    statement = insert(coverage).values(
        account=account, market=market, symbol=EVERY_SYMBOL, archived=multirange(windows)
    )
    grown = coverage.c.archived + statement.excluded.archived
    connection.execute(
        statement.on_conflict_do_update(index_elements=list(coverage.primary_key), set_={"archived": grown})
    )
