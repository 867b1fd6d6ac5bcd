"""Reads the orders that an export writes: the rows of the view report_force_orders.

Holds no more than a few thousand orders in memory at a time.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, func, or_, select, text, tuple_

from etl.core.timeline import to_datetime
from etl.reporting.export.columns import COLUMNS, Columns, report_force_orders
from etl.reporting.export.content import Chunk
from etl.reporting.export.partitions import Partition
from etl.store.engine import store_errors
from etl.store.schema import force_order_revisions, instruments

CHUNK_ROWS = 1_000
"""Orders that Postgres sends at a time."""

NEEDED = ("account", "symbol", "order_id", "order_time")
"""What a row has besides the chosen columns: the name of an order for a message, and the time for a partition."""


@dataclass(frozen=True)
class OrderFilter:
    """Which orders: since ≤ order_time < until, epoch milliseconds. None or an empty list: no restriction."""

    since: int | None = None
    until: int | None = None
    symbols: Sequence[str] = ()
    accounts: Sequence[str] = ()
    markets: Sequence[str] = ()
    changed_since: int | None = None
    """Orders that were stored or changed from this instant on, and those whose instrument was."""


def begin_snapshot(connection: Connection) -> None:
    """What is read from here on is all as of one instant, until the transaction ends. Raises StoreError."""
    with store_errors():
        connection.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY"))


def has_orders(connection: Connection, chosen: OrderFilter) -> bool:
    """Whether there is any order to export."""
    query = select(report_force_orders.c.order_id).where(*_conditions(chosen)).limit(1)
    return connection.execute(query).first() is not None


def count_orders(connection: Connection, chosen: OrderFilter, partition: Partition | None) -> int:
    """The number of orders, or that of the largest partition. Raises StoreError."""
    counts = select(func.count().label("orders")).select_from(report_force_orders).where(*_conditions(chosen))
    if partition is not None:
        counts = counts.group_by(_begin(partition, report_force_orders.c.order_time))
    with store_errors():
        return int(connection.scalar(select(func.max(counts.subquery().c.orders))) or 0)


def read_orders(connection: Connection, chosen: OrderFilter, columns: Columns = COLUMNS) -> Iterator[Chunk]:
    """The orders by account, time, symbol and id, all as of one instant. Raises StoreError."""
    return _read(connection, columns, _conditions(chosen), ())


def read_partitions(
    connection: Connection,
    chosen: OrderFilter,
    columns: Columns,
    partition: Partition,
    begins: Sequence[datetime] | None,
) -> Iterator[Chunk]:
    """The same by partition first; `begins`: of these partitions all orders, whenever they were changed."""
    begin = _begin(partition, report_force_orders.c.order_time)
    conditions = _conditions(chosen, of_changes=begins is None)
    return _read(connection, columns, [*conditions, *([] if begins is None else [begin.in_(begins)])], (begin,))


def changed_partitions(connection: Connection, chosen: OrderFilter, partition: Partition) -> Sequence[datetime]:
    """The beginnings of the partitions that hold, or held before, an order that was changed. Raises StoreError."""
    if chosen.changed_since is None:
        raise ValueError("every partition is one to write")
    changed_at = to_datetime(chosen.changed_since)
    now = select(_begin(partition, report_force_orders.c.order_time).label("begin")).where(*_conditions(chosen))
    before = select(_begin(partition, force_order_revisions.c.order_time)).where(
        *_of_scope(chosen, force_order_revisions.c), force_order_revisions.c.valid_until >= changed_at
    )
    with store_errors():
        return connection.scalars(now.union(before).order_by("begin")).all()


def _read(
    connection: Connection, columns: Columns, conditions: Sequence[ColumnElement[bool]], first: Sequence[Any]
) -> Iterator[Chunk]:
    view = report_force_orders.c
    chosen = {column.name for column in columns}
    selected = [*columns, *(view[name] for name in NEEDED if name not in chosen)]
    order = (*first, view.account, view.order_time, view.symbol, view.order_id)
    query = select(*selected).where(*conditions).order_by(*order)
    # `yield_per` uses a server-side cursor; without it the driver fetches every row before the first is returned.
    options = {"yield_per": CHUNK_ROWS}
    with store_errors(), connection.execute(query, execution_options=options) as found:
        yield from found.partitions()


def _begin(partition: Partition, moment: ColumnElement[Any]) -> ColumnElement[Any]:
    return func.date_trunc(partition.value, moment, "UTC")


def _conditions(chosen: OrderFilter, *, of_changes: bool = True) -> list[ColumnElement[bool]]:
    view = report_force_orders.c
    conditions = _of_scope(chosen, view)
    if of_changes and chosen.changed_since is not None:
        moment, own = to_datetime(chosen.changed_since), instruments.c
        instrument = tuple_(func.instrument_market(view.market), view.symbol)
        retold = select(own.market, own.symbol).where(own.changed_at >= moment)
        conditions.append(or_(view.changed_at >= moment, instrument.in_(retold)))
    return conditions


def _of_scope(chosen: OrderFilter, table: Any) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    for column, values in (
        (table.account, chosen.accounts),
        (table.market, chosen.markets),
        (table.symbol, chosen.symbols),
    ):
        if values:
            conditions.append(column.in_(values))
    if chosen.since is not None:
        conditions.append(table.order_time >= to_datetime(chosen.since))
    if chosen.until is not None:
        conditions.append(table.order_time < to_datetime(chosen.until))
    return conditions
