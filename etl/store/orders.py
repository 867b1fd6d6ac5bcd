"""The orders of the API: the upsert of a page, and what is stored of a window.

A later version replaces an earlier one, never the reverse. What is from an archive is no evidence for or against a
page: its times are off by up to a second, so all that pages are held against leaves it out.
"""

from collections import Counter
from collections.abc import Mapping, Sequence, Set
from typing import NamedTuple

from sqlalchemy import (
    ColumnElement,
    Connection,
    Text,
    TextClause,
    and_,
    cast,
    exists,
    func,
    not_,
    or_,
    select,
    text,
    true,
    tuple_,
)

from etl.core.differences import StoredOrder
from etl.core.orders import TIME, Key, Order, TimeSource
from etl.core.retention import UNFILLED_KEPT
from etl.core.timeline import Window, to_datetime, to_millis
from etl.store.decisions import Decision
from etl.store.schema import decisions, force_orders
from etl.store.upserting import Change, changes_of, parameters, upsert_statement

IS_VANISHED = exists().where(
    decisions.c.kind == Decision.VANISHED,
    decisions.c.account == force_orders.c.account,
    decisions.c.market == force_orders.c.market,
    decisions.c.details["symbol"].astext == force_orders.c.symbol,
    decisions.c.details["order_id"].astext == cast(force_orders.c.order_id, Text),
)
"""Whether an operator accepted that the exchange no longer shows the order."""

IS_OF_API = force_orders.c.source == "api"

IS_FORGOTTEN = or_(
    and_(
        func.coalesce(force_orders.c.executed_qty, 0) == 0,
        force_orders.c.order_time < func.now() - text(f"interval '{UNFILLED_KEPT} milliseconds'"),
    ),
    IS_VANISHED,
)
"""Whether the exchange may leave the order out of its answers."""


class Tally(NamedTuple):
    """Numbers of orders that are new, replaced by a later version, and unchanged."""

    inserted: int = 0
    updated: int = 0
    unchanged: int = 0


def tally(written: Mapping[Key, Change], unchanged_if_not: Set[Key]) -> Tally:
    """Count what `upsert` wrote, and the orders of `unchanged_if_not` that it did not write."""
    changes = Counter(written.values())
    return Tally(changes[Change.INSERTED], changes[Change.UPDATED], len(unchanged_if_not - written.keys()))


def upsert(
    connection: Connection,
    account: str,
    market: str,
    run_id: int,
    orders: Sequence[Order],
    *,
    replace_equal: bool = False,
) -> dict[Key, Change]:
    """Write orders, one version of each; returns the change of each key that was written, so none for the unchanged.

    `replace_equal`: for a repair. A version of the same update time replaces a stored one that differs from it.
    Raises DBAPIError (DataError) where Postgres cannot read a row, and where the stored order of its key is of the
    other kind of margin, isolated or cross.
    """
    if not orders:
        return {}
    statement = _REPAIR if replace_equal else _UPSERT
    values = {"account": account, "market": market, "run_id": run_id, **parameters(orders)}
    return changes_of(connection.execute(statement, values))


def stored(connection: Connection, account: str, market: str, keys: Sequence[Key]) -> dict[Key, StoredOrder]:
    """The rows of these keys, as many as are stored."""
    table = force_orders.c
    others = [column for column in table if column is not table.raw]
    rows = connection.execute(
        select(*others, cast(table.raw, Text).label("raw")).where(
            table.account == account, table.market == market, tuple_(table.symbol, table.order_id).in_(keys)
        )
    )
    return {(row["symbol"], row["order_id"]): dict(row) for row in rows.mappings()}


def between(
    connection: Connection, account: str, market: str, symbol: str | None, window: Window
) -> list[tuple[tuple[str, int], int]]:
    """Key and order time (epoch milliseconds) of the orders with both times in a window."""
    table = force_orders.c
    rows = connection.execute(
        select(table.symbol, table.order_id, table.order_time).where(*_between(account, market, symbol, window))
    )
    return [((row.symbol, row.order_id), to_millis(row.order_time)) for row in rows]


def markets(connection: Connection, account: str, key: Key) -> list[str]:
    """The markets in which an order is stored."""
    table, (symbol, order_id) = force_orders.c, key
    of_order = (table.account == account, table.symbol == symbol, table.order_id == order_id)
    return [*connection.scalars(select(table.market).where(*of_order).order_by(table.market))]


def is_vanished(connection: Connection, account: str, market: str, key: Key) -> bool:
    """Whether an operator accepted that the exchange no longer shows a stored order."""
    table, (symbol, order_id) = force_orders.c, key
    of_order = (table.account == account, table.market == market, table.symbol == symbol, table.order_id == order_id)
    return bool(connection.scalar(select(IS_VANISHED).where(*of_order)))


class Times(NamedTuple):
    """An order and its two times, epoch milliseconds."""

    key: Key
    order_time: int
    update_time: int
    is_forgotten: bool
    """Whether the exchange may leave it out of its answers."""


def times_between(connection: Connection, account: str, market: str, symbol: str | None, window: Window) -> list[Times]:
    """The orders of a symbol, or of all, whose order time lies in a window."""
    table = force_orders.c
    key = (table.symbol, table.order_id)
    rows = connection.execute(
        select(*key, table.order_time, table.update_time, IS_FORGOTTEN.label("is_forgotten")).where(
            table.account == account,
            table.market == market,
            table.symbol == symbol if symbol else true(),
            table.order_time >= to_datetime(window.start),
            table.order_time < to_datetime(window.end),
            IS_OF_API,
        )
    )
    return [
        Times((row.symbol, row.order_id), to_millis(row.order_time), to_millis(row.update_time), row.is_forgotten)
        for row in rows
    ]


def hull(connection: Connection, account: str, market: str) -> Window | None:
    """From the oldest order of an account to the newest, by order time. None: it has none."""
    times, table = force_orders.c.order_time, force_orders.c
    oldest, newest = connection.execute(
        select(func.min(times), func.max(times)).where(table.account == account, table.market == market, IS_OF_API)
    ).one()
    return Window(to_millis(oldest), to_millis(newest) + 1) if oldest else None


def sums(
    connection: Connection, account: str, market: str, scopes: Sequence[tuple[str | None, Window]]
) -> list[tuple[int, int]]:
    """For each symbol (None: all) and window: the number of orders with both times in it, and the sum of their ids."""
    values = {
        "account": account,
        "market": market,
        "symbols": [symbol for symbol, _ in scopes],
        "starts": [to_datetime(window.start) for _, window in scopes],
        "ends": [to_datetime(window.end) for _, window in scopes],
    }
    return [(row.orders, int(row.ids)) for row in connection.execute(_SUMS, values)]


def lasting_between(
    connection: Connection, account: str, market: str, symbol: str | None, window: Window
) -> list[tuple[str, int]]:
    """The keys of the orders with both times in a window that the exchange must still show."""
    table = force_orders.c
    rows = connection.execute(
        select(table.symbol, table.order_id).where(*_between(account, market, symbol, window), not_(IS_FORGOTTEN))
    )
    return [(row.symbol, row.order_id) for row in rows]


def _between(account: str, market: str, symbol: str | None, window: Window) -> list[ColumnElement[bool]]:
    """Both times of the order lie in the window."""
    table = force_orders.c
    start, end = to_datetime(window.start), to_datetime(window.end)
    of_scope = table.symbol == symbol if symbol else true()
    times = (and_(moment >= start, moment < end) for moment in (table.order_time, table.update_time))
    return [table.account == account, table.market == market, of_scope, *times, IS_OF_API]


def _upsert(wins_a_tie: str) -> TextClause:
    """The statement; `wins_a_tie`: when a version replaces one of the same update time.

    What is from an archive is replaced whatever its update time: the API's row has milliseconds and more fields.
    """
    own = {
        "order_time_source": f"CASE WHEN page.raw ->> '{TIME}' IS NULL THEN '{TimeSource.UPDATE}' "
        f"ELSE '{TimeSource.TIME}' END",
        "source": "'api'",
        "time_precision": "'ms'",
        "archive_file_id": "CAST(NULL AS bigint)",
    }
    condition = f"""
               stored.source = 'archive'
            OR excluded.update_time > stored.update_time
            OR excluded.update_time = stored.update_time AND {wins_a_tie}
            OR excluded.is_isolated <> stored.is_isolated  -- a trigger refuses it"""
    return upsert_statement("raw", own, condition)


def _shown_by(row: str) -> str:
    """The columns that come from the exchange."""
    ours = {"account", "market", "source", "first_seen_at", "changed_at", "first_run_id", "last_run_id"}
    ours |= {"time_precision", "archive_file_id"}
    return ", ".join(f"{row}.{column.name}" for column in force_orders.c if column.name not in ours)


_SUMS = text("""
    SELECT of_scope.orders, of_scope.ids
      FROM unnest(CAST(:symbols AS text[]), CAST(:starts AS timestamptz[]), CAST(:ends AS timestamptz[]))
           WITH ORDINALITY AS scope (symbol, start, until, number)
     CROSS JOIN LATERAL (
           SELECT count(*) AS orders, coalesce(sum(order_id), 0) AS ids
             FROM force_orders
            WHERE account = :account AND market = :market AND source = 'api'
              AND order_time >= scope.start AND order_time < scope.until
              AND update_time >= scope.start AND update_time < scope.until
              AND (scope.symbol IS NULL OR symbol = scope.symbol)
           ) AS of_scope
     ORDER BY scope.number
""")

# Of two versions of the same millisecond the one that is filled further is the later: fills never shrink.
_UPSERT = _upsert("excluded.executed_qty > stored.executed_qty")
_REPAIR = _upsert(f"({_shown_by('excluded')}) IS DISTINCT FROM ({_shown_by('stored')})")
