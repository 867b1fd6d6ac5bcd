"""Reads whole days of stored orders, column by column, for seals and checks."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import date
from itertools import groupby
from operator import itemgetter
from typing import Any, NamedTuple

from sqlalchemy import Connection, TextClause, text

from etl.core.orders import FIELDS, FieldType, Key
from etl.core.seals import SEALED_COLUMNS
from etl.core.timeline import Window, merge
from etl.store.canonical_form import KEYS, RAW, Values

CHUNK_ROWS = 250
"""Orders that Postgres sends at a time: with a thousand, a backfill needs 3 MB more and is no quicker."""

_SYMBOL, _ORDER_ID = KEYS.index("symbol"), KEYS.index("order_id")
_TIMES = ("order_time", "update_time")
_DECIMALS = tuple(field.column for field in FIELDS if field.type is FieldType.DECIMAL)
_UNSEALED = {*(field.column for field in FIELDS), "order_time_source", "source"} - {*SEALED_COLUMNS}
_COLUMNS = {
    name: f"extract(epoch FROM {name}) * 1000" if name in _TIMES else name
    for name in (*SEALED_COLUMNS, *sorted(_UNSEALED))
}
_RAW_TEXT = f"{RAW}::text"
_DIGITS = {name: f"trim_scale({_COLUMNS[name]})::text" for name in (*_TIMES, *_DECIMALS)}
_SEALED = [({RAW: _RAW_TEXT} | _DIGITS).get(name, name) for name in KEYS]
"""For seals: decimals as plain digits without trailing zeros, which Postgres writes for less than Python."""


class StoredOrder(NamedTuple):
    """An order of a UTC day. The columns by name; times are exact epoch milliseconds. `raw` is JSON text."""

    day: date
    columns: Mapping[str, Any]
    raw: str

    @property
    def key(self) -> Key:
        return self.columns["symbol"], self.columns["order_id"]


class OrderToSeal(NamedTuple):
    """An order of a UTC day, as the canonical form needs it."""

    day: date
    values: Values

    @property
    def key(self) -> Key:
        return self.values[_SYMBOL], self.values[_ORDER_ID]


def of_days(connection: Connection, account: str, market: str, days: Collection[date]) -> Iterator[StoredOrder]:
    """The orders of these days by day, symbol (by code point) and order id. Holds CHUNK_ROWS of them in memory."""
    for chunk in _chunks(connection, _OF_DAYS, account, market, days):
        yield from (StoredOrder(row[0], dict(zip(_COLUMNS, row[2:], strict=True)), row[1]) for row in chunk)


def to_seal(
    connection: Connection, account: str, market: str, days: Collection[date]
) -> Iterator[tuple[date, list[Values]]]:
    """The same in parts of one day each, as the canonical form needs them."""
    for chunk in _chunks(connection, _TO_SEAL, account, market, days):
        for day, rows in groupby(chunk, itemgetter(0)):
            yield day, [row[1:] for row in rows]


def _chunks(
    connection: Connection, query: TextClause, account: str, market: str, days: Collection[date]
) -> Iterator[Sequence[Sequence[Any]]]:
    options = {"yield_per": CHUNK_ROWS}  # a server-side cursor
    for stretch in merge(Window(day.toordinal(), day.toordinal() + 1) for day in days):
        first, end = date.fromordinal(stretch.start), date.fromordinal(stretch.end)
        values = {"account": account, "market": market, "first": first, "end": end}
        with connection.execute(query, values, execution_options=options) as found:
            yield from found.partitions(CHUNK_ROWS)


def scopes(connection: Connection) -> list[tuple[str, str]]:
    """Every account and market that the database knows."""
    return [(account, market) for account, market in connection.execute(_SCOPES)]


def days(connection: Connection, account: str, market: str) -> list[date]:
    """The days that have orders. Left out are days that no calendar has, such as infinity."""
    return list(connection.scalars(_DAYS, {"account": account, "market": market}))


def before_last_change(connection: Connection, account: str, market: str, keys: Collection[Key]) -> list[OrderToSeal]:
    """What these orders were before they last changed. Left out are those that never changed."""
    symbols, order_ids = [symbol for symbol, _ in keys], [order_id for _, order_id in keys]
    values = {"account": account, "market": market, "symbols": symbols, "order_ids": order_ids}
    return [OrderToSeal(row[0], row[1:]) for row in connection.execute(_BEFORE_LAST_CHANGE, values)]


def _statement(query: str, columns: Iterable[str]) -> TextClause:
    return text(query.replace(":columns", ", ".join(columns)))


_ORDERS_OF_DAYS = """
    SELECT (order_time AT TIME ZONE 'UTC')::date AS day, :columns FROM force_orders
     WHERE account = :account AND market = :market
       AND order_time >= CAST(:first AS timestamp) AT TIME ZONE 'UTC'
       AND order_time < CAST(:end AS timestamp) AT TIME ZONE 'UTC'
     ORDER BY day, symbol COLLATE "C", order_id
"""
_OF_DAYS = _statement(_ORDERS_OF_DAYS, [_RAW_TEXT, *_COLUMNS.values()])
_TO_SEAL = _statement(_ORDERS_OF_DAYS, _SEALED)
_BEFORE_LAST_CHANGE = _statement(
    """
    SELECT DISTINCT ON (symbol, order_id) (order_time AT TIME ZONE 'UTC')::date AS day, :columns
      FROM force_order_revisions
     WHERE account = :account AND market = :market
       AND (symbol, order_id) IN (SELECT * FROM unnest(CAST(:symbols AS text[]), CAST(:order_ids AS bigint[])))
     ORDER BY symbol, order_id, valid_until DESC
""",
    _SEALED,
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
