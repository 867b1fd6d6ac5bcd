"""Reads the orders that an export writes: the rows of the view report_force_orders.

Holds no more than a few thousand orders in memory at a time.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO

from sqlalchemy import BigInteger, Boolean, Column, Connection, DateTime, MetaData, Numeric, Select, Table, Text, select

from etl.core.timeline import to_datetime
from etl.store.engine import store_errors

CHUNK_ROWS = 1_000
"""Orders that Postgres sends at a time."""

PRECISION = 38
"""Digits of Parquet's decimal128. The view's own decimals have no limit."""


def _decimal(name: str, scale: int = 18) -> Column[Any]:
    return Column(name, Numeric(PRECISION, scale))


report_force_orders = Table(
    "report_force_orders",
    MetaData(),
    Column("account", Text),
    Column("market", Text),
    Column("symbol", Text),
    Column("order_id", BigInteger),
    Column("close_type", Text),
    Column("side", Text),
    Column("position_closed", Text),
    Column("order_time", DateTime(timezone=True)),
    Column("update_time", DateTime(timezone=True)),
    Column("status", Text),
    _decimal("quantity_ordered"),
    _decimal("quantity_filled"),
    _decimal("fill_ratio", 6),
    _decimal("price"),
    _decimal("average_price"),
    _decimal("improvement_bps", 2),
    _decimal("notional"),
    *(Column(name, Text) for name in ("quote_asset", "base_asset", "margin_asset")),
    _decimal("coin_notional"),
    *(Column(name, Text) for name in ("pair", "contract_type")),
    _decimal("contract_size"),
    Column("delivery_at", DateTime(timezone=True)),
    Column("is_isolated", Boolean),
    *(Column(name, Text) for name in ("order_time_source", "source")),
)

COLUMNS = tuple(report_force_orders.columns)

Chunk = Sequence[Any]
"""Rows of the view."""
Encoder = Callable[[Iterable[Chunk]], Iterator[bytes]]
"""From all chunks to the pieces of a file. The file is complete only once the iterator is exhausted."""


@dataclass(frozen=True)
class OrderFilter:
    """Which orders: since ≤ order_time < until, epoch milliseconds. None or an empty list: no restriction."""

    since: int | None = None
    until: int | None = None
    symbols: Sequence[str] = ()
    accounts: Sequence[str] = ()
    markets: Sequence[str] = ()


def export_orders(connection: Connection, chosen: OrderFilter, encode: Encoder, out: BinaryIO) -> int:
    """Write the chosen orders to `out` and return their number. Raises StoreError, and OutputError as `encode` does."""
    count = 0

    def counted() -> Iterator[Chunk]:
        nonlocal count
        for chunk in _read_orders(connection, chosen):
            count += len(chunk)
            yield chunk

    for piece in encode(counted()):
        out.write(piece)
    return count


def has_orders(connection: Connection, chosen: OrderFilter) -> bool:
    """Whether there is any order to export."""
    return connection.execute(_where(select(report_force_orders.c.order_id), chosen).limit(1)).first() is not None


def _read_orders(connection: Connection, chosen: OrderFilter) -> Iterator[Chunk]:
    """The orders by account, time, symbol and id, all as of one instant. Raises StoreError."""
    view = report_force_orders.c
    query = select(report_force_orders).order_by(view.account, view.order_time, view.symbol, view.order_id)
    # `yield_per` uses a server-side cursor; without it the driver fetches every row before the first is returned.
    options = {"yield_per": CHUNK_ROWS}
    with store_errors(), connection.execute(_where(query, chosen), execution_options=options) as found:
        yield from found.partitions()


def _where(query: Select[Any], chosen: OrderFilter) -> Select[Any]:
    view = report_force_orders.c
    if chosen.accounts:
        query = query.where(view.account.in_(chosen.accounts))
    if chosen.markets:
        query = query.where(view.market.in_(chosen.markets))
    if chosen.symbols:
        query = query.where(view.symbol.in_(chosen.symbols))
    if chosen.since is not None:
        query = query.where(view.order_time >= to_datetime(chosen.since))
    if chosen.until is not None:
        query = query.where(view.order_time < to_datetime(chosen.until))
    return query
