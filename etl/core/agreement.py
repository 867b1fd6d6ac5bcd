"""Whether the columns of an order say what its row as received says."""

import re
from collections.abc import Callable, Mapping
from decimal import Decimal, InvalidOperation

from etl.core.orders import FIELDS, FieldType, close_type_of, time_source_of, times_sent_in
from etl.core.seals import SEALED_COLUMNS, UnreadRow

_NUMBER = re.compile(r"[+-]?([0-9]{1,60}(\.[0-9]{0,60})?|\.[0-9]{1,60})([eE][+-]?[0-9]{1,2})?")


def differing_columns(columns: Mapping[str, object], row: object) -> list[str]:
    """The columns that do not follow from the row; times are epoch milliseconds. `raw` alone if it is no object.

    `row` is as `etl.core.seals.row_of` reads it. Nothing is said of one that was not read.
    """
    if isinstance(row, UnreadRow):
        return []
    if not isinstance(row, dict):
        return ["raw"]
    differing = [field.column for field in _TEXTS if columns[field.column] != field.sent_in(row)]
    differing += [field.column for field, read in _READ if not _agrees(read, columns[field.column], field.sent_in(row))]
    differing = [name for name in differing if columns[name] is not None or not _was_unread(name, row)]
    created, updated = times_sent_in(row)
    times = {
        "order_time": updated if created is None else created,
        "update_time": created if updated is None else updated,
    }
    differing += [name for name, sent in times.items() if sent is None or not _agrees(_decimal, columns[name], sent)]
    name = row.get("clientOrderId")
    if columns["close_type"] != close_type_of(name if isinstance(name, str) else None):
        differing.append("close_type")
    if columns["order_time_source"] != time_source_of(row):
        differing.append("order_time_source")
    return differing


def _was_unread(column: str, row: Mapping[str, object]) -> bool:
    """Whether the column came later, and the row is an older one with something unreadable in its place."""
    field = next(field for field in FIELDS if field.column == column)
    return column not in SEALED_COLUMNS and not _is_readable(field.type, field.sent_in(row))


def _is_readable(kind: FieldType, sent: object) -> bool:
    match kind:
        case FieldType.TEXT:
            return isinstance(sent, str)
        case FieldType.BOOLEAN:
            return isinstance(sent, bool) or sent in ("true", "false")
        case _:
            return not isinstance(sent, bool) and _NUMBER.fullmatch(str(sent)) is not None


def _agrees(read: Callable[[object], object], stored: object, sent: object) -> bool:
    """Equal by value: `0.50` and `0.5` are one decimal."""
    if stored is None or sent is None:
        return stored is sent
    try:
        return bool(stored == read(sent))
    except (ValueError, InvalidOperation):
        return False


def _decimal(sent: object) -> Decimal:
    return Decimal(sent if isinstance(sent, str | int) else str(sent))


def _boolean(sent: object) -> bool:
    if sent in (True, "true"):
        return True
    if sent in (False, "false"):
        return False
    raise ValueError(sent)


_READERS = {FieldType.INTEGER: _decimal, FieldType.DECIMAL: _decimal, FieldType.BOOLEAN: _boolean}
_TEXTS = tuple(field for field in FIELDS if field.type is FieldType.TEXT)
_READ = tuple((field, _READERS[field.type]) for field in FIELDS if field.type in _READERS)
