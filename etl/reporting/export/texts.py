"""Orders as CSV and JSONL, with every digit of their decimals."""

import csv
import io
import json
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from string import whitespace
from typing import Any

from sqlalchemy import BigInteger, Boolean, DateTime, Numeric, Text
from sqlalchemy.dialects.postgresql import TIMESTAMP

from etl.reporting.export.columns import Columns
from etl.reporting.export.content import Chunk, Content

BOM = b"\xef\xbb\xbf"
"""Excel takes a CSV without it for the encoding of the machine's language."""


def as_csv(content: Content) -> Generator[bytes, None, None]:
    r"""RFC 4180: UTF-8 without a byte order mark, a header, \r\n, quotes only where needed; null is an empty cell.

    A spreadsheet would run a text that begins like a formula, and texts come from the exchange. So a text that begins
    with = + - @ (or their full-width forms), white space or an apostrophe gets an apostrophe in front. No known symbol,
    side or status begins so, and numbers are left alone; removing one apostrophe restores the text. JSONL, Parquet and
    xlsx contain it unchanged.
    """
    yield _csv_lines([[column.name for column in content.columns]])
    for chunk in content.chunks:
        yield _csv_lines(_as_texts(content.columns, chunk, _CSV_WRITERS))


def as_csv_for_excel(content: Content) -> Generator[bytes, None, None]:
    """The same, after a byte order mark."""
    yield BOM
    yield from as_csv(content)


def as_jsonl(content: Content) -> Generator[bytes, None, None]:
    """One object on each line; every value is a string or null, because many readers turn numbers into floats.

    A float would round a decimal, and an order id above 2⁵³, which the exchange's type allows.
    """
    names = [column.name for column in content.columns]
    for chunk in content.chunks:
        rows = (dict(zip(names, texts, strict=True)) for texts in _as_texts(content.columns, chunk, _WRITERS))
        yield "".join(json.dumps(row, separators=(",", ":")) + "\n" for row in rows).encode()


def to_the_millisecond(moment: datetime) -> str:
    return _utc(moment, "milliseconds")


def to_the_microsecond(moment: datetime) -> str:
    return _utc(moment, "microseconds")


def _csv_lines(rows: Iterable[Sequence[str | None]]) -> bytes:
    lines = io.StringIO(newline="")
    csv.writer(lines).writerows(rows)
    return lines.getvalue().encode()


def _as_texts(
    columns: Columns, chunk: Chunk, writers: Mapping[type[Any], Callable[[Any], str]]
) -> Iterator[list[str | None]]:
    of_columns = [writers[type(column.type)] for column in columns]
    for row in chunk:
        yield [None if value is None else write(value) for write, value in zip(of_columns, row, strict=False)]


def _digits(value: Decimal) -> str:
    return f"{value:f}"


def _utc(moment: datetime, precision: str) -> str:
    return moment.astimezone(UTC).isoformat(timespec=precision).removesuffix("+00:00") + "Z"


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
    DateTime: to_the_millisecond,
    TIMESTAMP: to_the_microsecond,
}
_CSV_WRITERS = _WRITERS | {Text: _escape_formula}
