"""Whether the columns of an order from an archive say what its row in the file says."""

from collections.abc import Mapping
from contextlib import suppress
from decimal import Decimal, InvalidOperation

from etl.core.archive.formats import ASKED, WEB, parse_time
from etl.core.archive.rows import Row, close_type_in, fields_of_raw
from etl.core.orders import FIELDS, FieldType, TimeSource


def differing_archived(columns: Mapping[str, object], row: object) -> list[str]:
    """The columns that do not follow from the row; times are epoch milliseconds. `raw` alone if it is no such row.

    The times of a file of the web page do not follow from it: its time zone is not in it.
    """
    if not isinstance(row, dict) or not {*row} <= {*ASKED.columns, *WEB.columns} or "Order No" not in row:
        return ["raw"]
    cells = {name: str(cell) for name, cell in row.items()}
    of = ASKED if "Client Order Id" in cells else WEB
    fields = fields_of_raw(cells)
    differing = [
        field.column for field in FIELDS if not _agrees(field.type, columns[field.column], fields.get(field.wire))
    ]
    if of.is_utc:
        times = {"order_time": of.time_column, "update_time": "Update Time"}
        differing += [name for name, column in times.items() if columns[name] != _time(cells.get(column, ""))]
    if columns["close_type"] != close_type_in(of, Row("", 0, 0, cells)):
        differing.append("close_type")
    if columns["order_time_source"] != TimeSource.TIME:
        differing.append("order_time_source")
    return differing


def _agrees(kind: FieldType, stored: object, in_file: str | None) -> bool:
    if in_file is None or stored is None:
        return in_file is stored
    if kind is FieldType.TEXT:
        return stored == in_file
    try:
        return bool(stored == Decimal(in_file))
    except InvalidOperation:
        return False


def _time(text: str) -> int | None:
    with suppress(ValueError):
        return parse_time(text.strip())
    return None
