"""Orders as Parquet, with exact decimals and the provenance in the file's own metadata."""

import io
from collections.abc import Generator, Iterator
from contextlib import suppress
from decimal import Context, Decimal, Inexact, InvalidOperation
from itertools import islice
from typing import Any

from sqlalchemy import BigInteger, Boolean, Column, DateTime, Numeric
from sqlalchemy.dialects.postgresql import TIMESTAMP

from etl.core.timeline import to_millis
from etl.errors import ConfigError, OutputError
from etl.reporting.export.columns import PRECISION, Columns
from etl.reporting.export.content import Chunk, Content

# pyarrow is imported inside functions: it is optional and large.

CHUNKS_PER_ROW_GROUP = 20
"""Readers of Parquet skip or read a row group as a whole."""
METADATA_KEY = "force_orders"


def check_installed() -> None:
    """Raise ConfigError without the library."""
    try:
        import pyarrow.parquet  # noqa: F401 – only whether it is installed
    except ImportError:
        raise ConfigError("Parquet needs pyarrow: pip install 'force-orders-etl[parquet]'") from None


def as_parquet(content: Content) -> Generator[bytes, None, None]:
    """Decimals as decimal128 of fixed scale, the exchange's times as milliseconds of UTC, ours as microseconds.

    Raises OutputError if a decimal has more digits than that, instead of rounding it.
    """
    import pyarrow
    from pyarrow.parquet import ParquetWriter

    fields = [(column.name, _arrow_type(column)) for column in content.columns]
    schema = pyarrow.schema(fields, {METADATA_KEY: content.provenance} if content.provenance else None)
    # A buffer, not the file itself: a writer that is abandoned still writes the footer, and half a file looks complete.
    sink = io.BytesIO()
    writer = ParquetWriter(sink, schema)
    batches = (
        pyarrow.RecordBatch.from_arrays(
            [
                pyarrow.array(values, kind)
                for values, kind in zip(_arrow_columns(content.columns, chunk), schema.types, strict=True)
            ],
            schema=schema,
        )
        for chunk in content.chunks
    )
    while group := list(islice(batches, CHUNKS_PER_ROW_GROUP)):
        writer.write_table(pyarrow.Table.from_batches(group, schema))
        yield _drain(sink)
    writer.close()
    yield _drain(sink)


def _arrow_type(column: Column[Any]) -> Any:
    import pyarrow

    match column.type:
        case Numeric(scale=scale):
            return pyarrow.decimal128(PRECISION, scale)
        case TIMESTAMP():
            return pyarrow.timestamp("us", tz="UTC")
        case DateTime():
            return pyarrow.timestamp("ms", tz="UTC")
        case BigInteger():
            return pyarrow.int64()
        case Boolean():
            return pyarrow.bool_()
        case _:
            return pyarrow.string()


def _arrow_columns(columns: Columns, chunk: Chunk) -> Iterator[list[Any]]:
    """The values of each column, as pyarrow takes them."""
    for index, column in enumerate(columns):
        match column.type:
            case Numeric(scale=int(scale)):
                unit = Decimal(1).scaleb(-scale)
                yield [None if row[index] is None else _rescaled(row[index], unit, column.name, row) for row in chunk]
            case TIMESTAMP():
                yield [row[index] for row in chunk]
            case DateTime():
                yield [None if row[index] is None else to_millis(row[index]) for row in chunk]
            case _:
                yield [row[index] for row in chunk]


_EXACT = Context(prec=PRECISION, traps=[Inexact, InvalidOperation])


def _rescaled(value: Decimal, unit: Decimal, name: str, order: Any) -> Decimal:
    """The same value as a multiple of `unit`; raises OutputError if that would round it."""
    if value.is_finite():
        with suppress(Inexact, InvalidOperation):
            return _EXACT.quantize(value, unit)
    raise OutputError(
        f"{name} of the order {order.order_id} of {order.symbol}, account {order.account}, does not fit into Parquet's "
        f"decimal128({PRECISION}, {-int(unit.adjusted())}); csv and jsonl have room for it"
    )


def _drain(sink: io.BytesIO) -> bytes:
    piece = sink.getvalue()
    sink.seek(0)
    sink.truncate()
    return piece
