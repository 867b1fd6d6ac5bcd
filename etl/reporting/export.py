"""Orders as a file: the rows of the view report_force_orders, streamed as CSV, JSONL or Parquet with all their digits.

Nothing here holds more than a few thousand orders at a time, however many there are.
"""

import csv
import io
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Context, Decimal, Inexact, InvalidOperation
from itertools import islice
from string import whitespace
from typing import Any, BinaryIO

from sqlalchemy import BigInteger, Column, Connection, DateTime, MetaData, Numeric, Select, Table, Text, select

from etl.core.timeline import to_datetime, to_millis
from etl.errors import ConfigError, OutputError
from etl.store.engine import store_errors

CHUNK = 1_000
"""Orders that Postgres sends at a time."""
CHUNKS_A_GROUP = 20
"""A row group of Parquet is what its readers skip or read as a whole."""
PRECISION = 38
"""Digits of Parquet's decimal128."""


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
    _decimal("slippage_bps", 2),
    _decimal("notional"),
    Column("quote_asset", Text),
)
"""The view. Its decimals have any number of digits; the precision here is that of Parquet's."""

COLUMNS = tuple(report_force_orders.columns)

Chunk = Sequence[Any]
"""Rows of the view."""
Encoder = Callable[[Iterable[Chunk]], Iterator[bytes]]
"""From all chunks to a file's pieces; what was not asked for to the end is no whole file."""


@dataclass(frozen=True)
class Chosen:
    """Which orders: since ≤ order_time < until, epoch milliseconds. None, or no name at all: no bound."""

    since: int | None = None
    until: int | None = None
    symbols: Sequence[str] = ()
    accounts: Sequence[str] = ()


def encoder_for(file_format: str) -> Encoder:
    """The encoder of csv, jsonl or parquet; raises ConfigError where the last one's library is not installed."""
    if file_format == "parquet":
        try:
            import pyarrow.parquet  # noqa: F401 – whether it is there
        except ImportError:
            raise ConfigError("Parquet needs pyarrow: pip install 'force-orders-etl[parquet]'") from None
    return {"csv": as_csv, "jsonl": as_jsonl, "parquet": as_parquet}[file_format]


def export_orders(connection: Connection, chosen: Chosen, encode: Encoder, out: BinaryIO) -> int:
    """Write the chosen orders to `out`, and how many they were; raises StoreError, and OutputError as `encode` does."""
    count = 0

    def counted() -> Iterator[Chunk]:
        nonlocal count
        for chunk in read_orders(connection, chosen):
            count += len(chunk)
            yield chunk

    for piece in encode(counted()):
        out.write(piece)
    return count


def read_orders(connection: Connection, chosen: Chosen) -> Iterator[Chunk]:
    """The orders by account, time, symbol and id, all as they stood at one instant. Raises StoreError."""
    # `yield_per` makes it a cursor of the server's: without one the driver fetches every row before the first.
    with store_errors(), connection.execute(_query(chosen), execution_options={"yield_per": CHUNK}) as found:
        yield from found.partitions()


def has_orders(connection: Connection, chosen: Chosen) -> bool:
    """Whether there is any order to export."""
    return connection.execute(_where(select(report_force_orders.c.order_id), chosen).limit(1)).first() is not None


def _query(chosen: Chosen) -> Select[Any]:
    view = report_force_orders.c
    query = select(report_force_orders).order_by(view.account, view.order_time, view.symbol, view.order_id)
    return _where(query, chosen)


def _where(query: Select[Any], chosen: Chosen) -> Select[Any]:
    view = report_force_orders.c
    if chosen.accounts:
        query = query.where(view.account.in_(chosen.accounts))
    if chosen.symbols:
        query = query.where(view.symbol.in_(chosen.symbols))
    if chosen.since is not None:
        query = query.where(view.order_time >= to_datetime(chosen.since))
    if chosen.until is not None:
        query = query.where(view.order_time < to_datetime(chosen.until))
    return query


def as_csv(chunks: Iterable[Chunk]) -> Iterator[bytes]:
    r"""RFC 4180: UTF-8 without a mark, a header, \r\n, quotes only where they are needed; null is an empty cell.

    A spreadsheet would run a text that begins like a formula, and such texts may come from the exchange. So one that
    begins with = + - @ (or their full-width forms), white space or an apostrophe has an apostrophe before it.
    No symbol, side or status is known that does, and numbers are left alone; to take one apostrophe off gives the exact
    text back. JSONL and Parquet have it as it is.
    """
    yield _csv_lines([[column.name for column in COLUMNS]])
    for chunk in chunks:
        yield _csv_lines(_as_texts(chunk, _IN_CSV))


def as_jsonl(chunks: Iterable[Chunk]) -> Iterator[bytes]:
    """An object a line; every value is a text or null, because many readers make a float of a number.

    That would round a decimal, and an order id beyond 2⁵³, for which the exchange's type has room.
    """
    names = [column.name for column in COLUMNS]
    for chunk in chunks:
        rows = (dict(zip(names, texts, strict=True)) for texts in _as_texts(chunk, _PLAIN))
        yield "".join(json.dumps(row, separators=(",", ":")) + "\n" for row in rows).encode()


def as_parquet(chunks: Iterable[Chunk]) -> Iterator[bytes]:
    """Decimals as decimal128 of fixed scale, times as milliseconds of UTC.

    Raises OutputError where a decimal has more digits than that: it would have to be rounded.
    """
    import pyarrow
    from pyarrow.parquet import ParquetWriter

    schema = pyarrow.schema([(column.name, _arrow_type(column)) for column in COLUMNS])
    # Not the file itself: a writer that is given up writes a file's end, and half of the orders would look like all.
    sink = io.BytesIO()
    writer = ParquetWriter(sink, schema)
    batches = (
        pyarrow.RecordBatch.from_arrays(
            [pyarrow.array(values, kind) for values, kind in zip(_arrow_columns(chunk), schema.types, strict=True)],
            schema=schema,
        )
        for chunk in chunks
    )
    while group := list(islice(batches, CHUNKS_A_GROUP)):
        writer.write_table(pyarrow.Table.from_batches(group, schema))
        yield _taken_from(sink)
    writer.close()
    yield _taken_from(sink)


def _csv_lines(rows: Iterable[Sequence[str | None]]) -> bytes:
    lines = io.StringIO(newline="")
    csv.writer(lines).writerows(rows)
    return lines.getvalue().encode()


def _as_texts(chunk: Chunk, writing: Mapping[type[Any], Callable[[Any], str]]) -> Iterator[list[str | None]]:
    writers = [writing[type(column.type)] for column in COLUMNS]
    for row in chunk:
        yield [None if value is None else write(value) for write, value in zip(writers, row, strict=True)]


def _digits(value: Decimal) -> str:
    return f"{value:f}"


def _instant(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").removesuffix("+00:00") + "Z"


def _no_formula(text: str) -> str:
    return f"'{text}" if text[:1] in _FORMULA_OPENINGS else text


_FORMULA_OPENINGS = frozenset("=+-@＝＋－＠'" + whitespace)
_PLAIN: dict[type[Any], Callable[[Any], str]] = {Text: str, BigInteger: str, Numeric: _digits, DateTime: _instant}
_IN_CSV = _PLAIN | {Text: _no_formula}


def _arrow_type(column: Column[Any]) -> Any:
    import pyarrow

    match column.type:
        case Numeric(scale=scale):
            return pyarrow.decimal128(PRECISION, scale)
        case DateTime():
            return pyarrow.timestamp("ms", tz="UTC")
        case BigInteger():
            return pyarrow.int64()
        case _:
            return pyarrow.string()


def _arrow_columns(chunk: Chunk) -> Iterator[list[Any]]:
    """The values of each column, as pyarrow takes them."""
    for place, column in enumerate(COLUMNS):
        match column.type:
            case Numeric(scale=int(scale)):
                unit = Decimal(1).scaleb(-scale)
                yield [None if row[place] is None else _fitting(row[place], unit, column.name, row) for row in chunk]
            case DateTime():
                yield [None if row[place] is None else to_millis(row[place]) for row in chunk]
            case _:
                yield [row[place] for row in chunk]


_EXACTLY = Context(prec=PRECISION, traps=[Inexact, InvalidOperation])


def _fitting(value: Decimal, unit: Decimal, name: str, order: Any) -> Decimal:
    """The same value in this unit; raises OutputError where there is none."""
    if value.is_finite():
        with suppress(Inexact, InvalidOperation):
            return _EXACTLY.quantize(value, unit)
    raise OutputError(
        f"{name} of the order {order.order_id} of {order.symbol}, account {order.account}, does not fit into Parquet's "
        f"decimal128({PRECISION}, {-int(unit.adjusted())}); csv and jsonl have room for it"
    )


def _taken_from(sink: io.BytesIO) -> bytes:
    piece = sink.getvalue()
    sink.seek(0)
    sink.truncate()
    return piece
