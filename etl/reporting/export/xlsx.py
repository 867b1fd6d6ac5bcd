"""Orders as a workbook of Excel: real dates, ids as text, and numbers only where Excel holds every digit."""

from collections.abc import Callable, Generator
from datetime import UTC, datetime
from decimal import Decimal
from itertools import chain
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from sqlalchemy import BigInteger, Boolean, DateTime, Numeric, Text
from sqlalchemy.dialects.postgresql import TIMESTAMP

from etl.errors import ConfigError, OutputError
from etl.reporting.export.content import Content
from etl.reporting.export.texts import to_the_millisecond

# xlsxwriter is imported inside functions: it is optional.

MAX_ORDERS = 1_048_575
"""The rows of a sheet, but for its header."""
MAX_TEXT = 32_767
"""UTF-16 units of a cell."""
EXACT_DIGITS = 15
"""Significant digits that a double, and so Excel, holds of every decimal."""
GREATEST_EXPONENT = 300
"""Of ten, and far inside of what a double holds."""
FIRST_YEAR = 1900
DATE_FORMAT = "yyyy-mm-dd hh:mm:ss.000"
DATE_WIDTH = 23
CREATED = datetime(2000, 1, 1)  # noqa: DTZ001 – an instant for every file, so that the same orders are the same bytes
PIECE = 1 << 20


def check_installed() -> None:
    """Raise ConfigError without the library."""
    try:
        import xlsxwriter  # noqa: F401 – only whether it is installed
    except ImportError:
        raise ConfigError("xlsx needs XlsxWriter: pip install 'force-orders-etl[xlsx]'") from None


def too_many(orders: int) -> str | None:
    """The message for more orders than a sheet has rows."""
    if orders <= MAX_ORDERS:
        return None
    return (
        f"{orders:,} orders do not fit into a sheet of Excel, which has 1,048,576 rows; narrow the span with "
        "--since and --until, or use --partition day, csv or parquet"
    )


def is_exact(value: Decimal) -> bool:
    """Whether Excel, which calculates in doubles, holds every digit."""
    if not value.is_finite():
        return False
    digits = "".join(map(str, value.as_tuple().digits)).strip("0")
    return len(digits) <= EXACT_DIGITS and (not value or abs(value.adjusted()) <= GREATEST_EXPONENT)


def as_xlsx(content: Content) -> Generator[bytes, None, None]:
    """One sheet. The rows wait in a temporary directory until the last one is known, not in memory.

    Raises OutputError for a text that a cell has no room for.
    """
    from xlsxwriter import Workbook

    with TemporaryDirectory(prefix="force-orders-") as directory:
        file = Path(directory) / "orders.xlsx"
        book = Workbook(str(file), {"constant_memory": True, "tmpdir": directory})
        book.use_zip64()
        book.set_properties({"created": CREATED})
        sheet = book.add_worksheet("orders")
        sheet.freeze_panes(1, 0)
        writers = _writers(sheet, book.add_format({"num_format": DATE_FORMAT}))
        for place, column in enumerate(content.columns):
            if isinstance(column.type, DateTime):
                sheet.set_column(place, place, DATE_WIDTH)
            sheet.write_string(0, place, column.name)
        cells = [(place, writers[type(column.type)]) for place, column in enumerate(content.columns)]
        try:
            for number, row in enumerate(chain.from_iterable(content.chunks), start=1):
                for place, write in cells:
                    if (value := row[place]) is not None:
                        write(number, place, value)
            book.close()
        finally:
            sheet.row_data_fh.close()
        with file.open("rb") as made:
            while piece := made.read(PIECE):
                yield piece


def _writers(sheet: Any, date_format: Any) -> dict[type[Any], Callable[[int, int, Any], object]]:
    def text(row: int, place: int, value: str) -> None:
        # The library takes a text of <r> … </r> for markup of its own.
        if sheet.write_string(row, place, value) or (value.startswith("<r>") and value.endswith("</r>")):
            raise OutputError(f"a text of row {row + 1} does not fit into a cell of Excel; csv has room for it")

    def number(row: int, place: int, value: Decimal) -> None:
        if is_exact(value):
            sheet.write_number(row, place, value)
        else:
            sheet.write_string(row, place, f"{value:f}")

    def date(row: int, place: int, value: datetime) -> None:
        moment = value.astimezone(UTC).replace(tzinfo=None)
        if moment.year < FIRST_YEAR:
            sheet.write_string(row, place, to_the_millisecond(value))
        else:
            sheet.write_datetime(row, place, moment, date_format)

    def identifier(row: int, place: int, value: int) -> None:
        sheet.write_string(row, place, str(value))

    return {
        Text: text,
        BigInteger: identifier,
        Boolean: sheet.write_boolean,
        Numeric: number,
        DateTime: date,
        TIMESTAMP: date,
    }
