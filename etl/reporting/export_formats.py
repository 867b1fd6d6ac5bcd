"""The formats of an export: orders as CSV, JSONL or Parquet, with every digit of their decimals."""

import csv
import io
import json
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from decimal import Context, Decimal, Inexact, InvalidOperation
from itertools import islice
from pathlib import Path
from string import whitespace
from typing import Any

from sqlalchemy import BigInteger, Boolean, Column, DateTime, Numeric, Text

from etl.core.timeline import to_millis
from etl.errors import ConfigError, OutputError
from etl.reporting.export import COLUMNS, PRECISION, Chunk, Encoder

# pyarrow is imported inside functions: it is optional and large.

GZIP = ".gz"
GZIP_WBITS = 16 + zlib.MAX_WBITS
"""zlib's word for the format of gzip."""
OTHER_COMPRESSIONS = (".zst", ".zstd", ".bz2", ".xz", ".zip", ".lz4", ".br")
CHUNKS_PER_ROW_GROUP = 20
"""Readers of Parquet skip or read a row group as a whole."""


def encoder_for(out: str, file_format: str | None) -> Encoder:
    """The encoder for a file of this name, in one of FORMATS or in that of its suffix; `.gz` compresses it.

    Raises ConfigError where the name does not say what to write, or if the library of the format is not installed.
    """
    name = Path(out)
    suffix = name.suffix.lower()
    if suffix in OTHER_COMPRESSIONS:
        raise ConfigError(f"{out}: only gzip can compress it; write {name.stem}.gz, or compress it afterwards")
    is_compressed = suffix == GZIP
    file_format = file_format or _format_of(name.stem if is_compressed else out, out)
    if is_compressed and file_format == "parquet":
        raise ConfigError(f"{out}: Parquet is compressed already, and no reader takes it with {GZIP}")
    encode = _encoder_of(file_format)
    return gzipped(encode) if is_compressed else encode


def _format_of(name: str, out: str) -> str:
    suffix = Path(name).suffix.lower().removeprefix(".")
    if suffix not in FORMATS:
        raise ConfigError(f"the suffix of {out} is not a known format; add --format {'|'.join(FORMATS)}")
    return suffix


def _encoder_of(file_format: str) -> Encoder:
    if file_format == "parquet":
        try:
            import pyarrow.parquet  # noqa: F401 – only whether it is installed
        except ImportError:
            raise ConfigError("Parquet needs pyarrow: pip install 'force-orders-etl[parquet]'") from None
    return FORMATS[file_format]


def gzipped(encode: Encoder) -> Encoder:
    """The same file, compressed. It holds neither a name nor a time, so that the same orders are the same bytes."""

    def compressed(chunks: Iterable[Chunk]) -> Iterator[bytes]:
        pack = zlib.compressobj(wbits=GZIP_WBITS)
        for piece in encode(chunks):
            yield pack.compress(piece)
        yield pack.flush()

    return compressed


def as_csv(chunks: Iterable[Chunk]) -> Iterator[bytes]:
    r"""RFC 4180: UTF-8 without a byte order mark, a header, \r\n, quotes only where needed; null is an empty cell.

    A spreadsheet would run a text that begins like a formula, and texts come from the exchange. So a text that begins
    with = + - @ (or their full-width forms), white space or an apostrophe gets an apostrophe in front. No known symbol,
    side or status begins so, and numbers are left alone; removing one apostrophe restores the text. JSONL and Parquet
    contain it unchanged.
    """
    yield _csv_lines([[column.name for column in COLUMNS]])
    for chunk in chunks:
        yield _csv_lines(_as_texts(chunk, _CSV_WRITERS))


def as_jsonl(chunks: Iterable[Chunk]) -> Iterator[bytes]:
    """One object on each line; every value is a string or null, because many readers turn numbers into floats.

    A float would round a decimal, and an order id above 2⁵³, which the exchange's type allows.
    """
    names = [column.name for column in COLUMNS]
    for chunk in chunks:
        rows = (dict(zip(names, texts, strict=True)) for texts in _as_texts(chunk, _WRITERS))
        yield "".join(json.dumps(row, separators=(",", ":")) + "\n" for row in rows).encode()


def as_parquet(chunks: Iterable[Chunk]) -> Iterator[bytes]:
    """Decimals as decimal128 of fixed scale, times as milliseconds of UTC.

    Raises OutputError if a decimal has more digits than that, instead of rounding it.
    """
    import pyarrow
    from pyarrow.parquet import ParquetWriter

    schema = pyarrow.schema([(column.name, _arrow_type(column)) for column in COLUMNS])
    # A buffer, not the file itself: a writer that is abandoned still writes the footer, and half a file looks complete.
    sink = io.BytesIO()
    writer = ParquetWriter(sink, schema)
    batches = (
        pyarrow.RecordBatch.from_arrays(
            [pyarrow.array(values, kind) for values, kind in zip(_arrow_columns(chunk), schema.types, strict=True)],
            schema=schema,
        )
        for chunk in chunks
    )
    while group := list(islice(batches, CHUNKS_PER_ROW_GROUP)):
        writer.write_table(pyarrow.Table.from_batches(group, schema))
        yield _drain(sink)
    writer.close()
    yield _drain(sink)


FORMATS: Mapping[str, Encoder] = {"csv": as_csv, "parquet": as_parquet, "jsonl": as_jsonl}


def _csv_lines(rows: Iterable[Sequence[str | None]]) -> bytes:
    lines = io.StringIO(newline="")
    csv.writer(lines).writerows(rows)
    return lines.getvalue().encode()


def _as_texts(chunk: Chunk, writers: Mapping[type[Any], Callable[[Any], str]]) -> Iterator[list[str | None]]:
    of_columns = [writers[type(column.type)] for column in COLUMNS]
    for row in chunk:
        yield [None if value is None else write(value) for write, value in zip(of_columns, row, strict=True)]


def _digits(value: Decimal) -> str:
    return f"{value:f}"


def _utc(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").removesuffix("+00:00") + "Z"


def _word(value: bool) -> str:
    return "true" if value else "false"


def _escape_formula(text: str) -> str:
    return f"'{text}" if text[:1] in _FORMULA_STARTS else text


_FORMULA_STARTS = frozenset("=+-@＝＋－＠'" + whitespace)
_WRITERS: dict[type[Any], Callable[[Any], str]] = {
    Text: str,
    BigInteger: str,
    Boolean: _word,
    Numeric: _digits,
    DateTime: _utc,
}
_CSV_WRITERS = _WRITERS | {Text: _escape_formula}


def _arrow_type(column: Column[Any]) -> Any:
    import pyarrow

    match column.type:
        case Numeric(scale=scale):
            return pyarrow.decimal128(PRECISION, scale)
        case DateTime():
            return pyarrow.timestamp("ms", tz="UTC")
        case BigInteger():
            return pyarrow.int64()
        case Boolean():
            return pyarrow.bool_()
        case _:
            return pyarrow.string()


def _arrow_columns(chunk: Chunk) -> Iterator[list[Any]]:
    """The values of each column, as pyarrow takes them."""
    for index, column in enumerate(COLUMNS):
        match column.type:
            case Numeric(scale=int(scale)):
                unit = Decimal(1).scaleb(-scale)
                yield [None if row[index] is None else _rescaled(row[index], unit, column.name, row) for row in chunk]
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
