"""Reads the state of each day of a calendar."""

from collections.abc import Collection, Sequence
from datetime import date

import psycopg
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from etl.core.completeness import CalendarDay, DayState
from etl.errors import ConfigError
from etl.store.engine import store_errors


def known_accounts(connection: Connection) -> list[str]:
    """Every account of which something is stored, sorted."""
    with store_errors():
        found = scoped_accounts(connection)
        connection.rollback()
    return found


def scoped_accounts(connection: Connection) -> list[str]:
    """The same inside the caller's transaction."""
    return sorted(connection.scalars(text("SELECT DISTINCT account FROM report_scopes")).all())


def first_asked(connection: Connection) -> date | None:
    """The first day of UTC that was ever asked for as a whole; None: none was."""
    with store_errors():
        first: date | None = connection.scalar(_FIRST_ASKED)
        connection.rollback()
    return first


def read_days(
    connection: Connection,
    first: date,
    last: date,
    zone: str = "UTC",
    accounts: Collection[str] = (),
    markets: Collection[str] = (),
) -> Sequence[CalendarDay]:
    """The days of these accounts and markets, or of all, in a time zone.

    Raises ConfigError if there is no such time zone, StoreError.
    """
    with store_errors():
        try:
            days = calendar_days(connection, first, last, zone, accounts, markets)
        except DBAPIError as error:
            if isinstance(error.orig, psycopg.errors.InvalidParameterValue):
                raise ConfigError(str(error.orig.diag.message_primary)) from None
            raise
        connection.rollback()
    return days


def calendar_days(
    connection: Connection,
    first: date,
    last: date,
    zone: str,
    accounts: Collection[str] = (),
    markets: Collection[str] = (),
) -> Sequence[CalendarDay]:
    """The same inside the caller's transaction; the database's error if there is no such time zone."""
    values = {"first": first, "last": last, "zone": zone, "accounts": [*accounts], "markets": [*markets]}
    rows = connection.execute(_DAYS, values).all()
    return [CalendarDay(account, market, day, DayState(state)) for account, market, day, state in rows]


_FIRST_ASKED = text("""
    SELECT timezone('UTC', min(asked_since) + interval '1 day' - interval '1 microsecond')::date FROM report_scopes
""")
_DAYS = text("""
    SELECT account, market, day, state FROM report_completeness(:first, :last, :zone)
     WHERE (account = ANY(:accounts) OR :accounts = '{}') AND (market = ANY(:markets) OR :markets = '{}')
     ORDER BY account, market, day
""")
