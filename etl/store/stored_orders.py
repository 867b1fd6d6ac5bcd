"""Reads whole days of stored orders, column by column, for seals and checks."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import date
from typing import Any, NamedTuple

from sqlalchemy import Connection, TextClause, text

from etl.core.orders import FIELDS, FieldType, Key
from etl.core.seals import SEALED_COLUMNS
from etl.core.timeline import Window, merge

CHUNK_ROWS = 1_000
"""Orders that Postgres sends at a time."""

_TIMES = ("order_time", "update_time")
_DECIMALS = tuple(field.column for field in FIELDS if field.type is FieldType.DECIMAL)
_UNSEALED = {*(field.column for field in FIELDS), "order_time_source", "source"} - {*SEALED_COLUMNS}
_COLUMNS = {
    name: f"extract(epoch FROM {name}) * 1000" if name in _TIMES else name
    for name in (*SEALED_COLUMNS, *sorted(_UNSEALED))
}
_DIGITS = {
    name: f"trim_scale({_COLUMNS[name]})::text" if name in (*_TIMES, *_DECIMALS) else name for name in SEALED_COLUMNS
}
"""The same for seals: decimals as plain digits without trailing zeros, which Postgres writes for less than Python."""


class StoredOrder(NamedTuple):
    """An order of a UTC day. The columns by name; times are exact epoch milliseconds. `raw` is JSON text.

    For seals, decimals and times are digits.
    """

    day: date
    columns: Mapping[str, Any]
    raw: str

    @property
    def key(self) -> Key:
        return self.columns["symbol"], self.columns["order_id"]


def of_days(connection: Connection, account: str, market: str, days: Collection[date]) -> Iterator[StoredOrder]:
    """The orders of these days by day, symbol (by code point) and order id. Holds CHUNK_ROWS of them in memory."""
    return _read(connection, _OF_DAYS, _COLUMNS, account, market, days)


def to_seal(connection: Connection, account: str, market: str, days: Collection[date]) -> Iterator[StoredOrder]:
    """The same with the columns of a seal alone, and those as digits."""
    return _read(connection, _TO_SEAL, _DIGITS, account, market, days)


def _read(
    connection: Connection, query: TextClause, names: Iterable[str], account: str, market: str, days: Collection[date]
) -> Iterator[StoredOrder]:
    options = {"yield_per": CHUNK_ROWS}  # a server-side cursor
    for stretch in merge(Window(day.toordinal(), day.toordinal() + 1) for day in days):
        first, end = date.fromordinal(stretch.start), date.fromordinal(stretch.end)
        values = {"account": account, "market": market, "first": first, "end": end}
        with connection.execute(query, values, execution_options=options) as found:
            for chunk in found.partitions(CHUNK_ROWS):
                yield from (_order(row, names) for row in chunk)


def scopes(connection: Connection) -> list[tuple[str, str]]:
    """Every account and market that the database knows."""
    return [(account, market) for account, market in connection.execute(_SCOPES)]


def days(connection: Connection, account: str, market: str) -> list[date]:
    """The days that have orders. Left out are days that no calendar has, such as infinity."""
    return list(connection.scalars(_DAYS, {"account": account, "market": market}))


def before_last_change(connection: Connection, account: str, market: str, keys: Collection[Key]) -> list[StoredOrder]:
    """What these orders were before they last changed, as for seals. Left out are those that never changed."""
    symbols, order_ids = [symbol for symbol, _ in keys], [order_id for _, order_id in keys]
    values = {"account": account, "market": market, "symbols": symbols, "order_ids": order_ids}
    return [_order(row, _DIGITS) for row in connection.execute(_BEFORE_LAST_CHANGE, values)]


def _order(row: Sequence[Any], names: Iterable[str]) -> StoredOrder:
    return StoredOrder(row[0], dict(zip(names, row[2:], strict=True)), row[1])


def _statement(query: str, columns: Mapping[str, str]) -> TextClause:
    return text(query.replace(":columns", ", ".join(["raw::text", *columns.values()])))


_ORDERS_OF_DAYS = """
    SELECT (order_time AT TIME ZONE 'UTC')::date AS day, :columns FROM force_orders
     WHERE account = :account AND market = :market
       AND order_time >= CAST(:first AS timestamp) AT TIME ZONE 'UTC'
       AND order_time < CAST(:end AS timestamp) AT TIME ZONE 'UTC'
     ORDER BY day, symbol COLLATE "C", order_id
"""
_OF_DAYS = _statement(_ORDERS_OF_DAYS, _COLUMNS)
_TO_SEAL = _statement(_ORDERS_OF_DAYS, _DIGITS)
_BEFORE_LAST_CHANGE = _statement(
    """
    SELECT DISTINCT ON (symbol, order_id) (order_time AT TIME ZONE 'UTC')::date AS day, :columns
      FROM force_order_revisions
     WHERE account = :account AND market = :market
       AND (symbol, order_id) IN (SELECT * FROM unnest(CAST(:symbols AS text[]), CAST(:order_ids AS bigint[])))
     ORDER BY symbol, order_id, valid_until DESC
""",
    _DIGITS,
)
_SCOPES = text("""
    SELECT account, market FROM force_orders UNION
    SELECT account, market FROM seals UNION
    SELECT account, market FROM effective_coverage ORDER BY account, market
""")
_DAYS = text("""
    SELECT DISTINCT (order_time AT TIME ZONE 'UTC')::date AS day FROM force_orders
     WHERE account = :account AND market = :market AND order_time >= 'epoch' AND order_time < '9999-12-31Z' ORDER BY day
""")
