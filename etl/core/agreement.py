"""Whether the columns of an order say what its row as received says."""

from collections.abc import Callable, Mapping
from decimal import Decimal, InvalidOperation

from etl.core.orders import FIELDS, FieldType, close_type_of
from etl.core.seals import UnreadRow


def differing_columns(columns: Mapping[str, object], row: object) -> list[str]:
    """The columns that do not follow from the row; times are epoch milliseconds. `raw` alone if it is no object.

    `row` is as `etl.core.seals.row_of` reads it. Nothing is said of one that was not read.
    """
    if isinstance(row, UnreadRow):
        return []
    if not isinstance(row, dict):
        return ["raw"]
    differing = [column for wire, column in _TEXTS if columns[column] != row.get(wire)]
    differing += [column for wire, column, read in _READ if not _agrees(read, columns[column], row.get(wire))]
    created, updated = row.get("time"), row.get("updateTime")
    times = {
        "order_time": updated if created is None else created,
        "update_time": created if updated is None else updated,
    }
    differing += [name for name, sent in times.items() if sent is None or not _agrees(_decimal, columns[name], sent)]
    name = row.get("clientOrderId")
    if columns["close_type"] != close_type_of(name if isinstance(name, str) else None):
        differing.append("close_type")
    return differing


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
_TEXTS = tuple((field.wire, field.column) for field in FIELDS if field.type is FieldType.TEXT)
_READ = tuple((field.wire, field.column, _READERS[field.type]) for field in FIELDS if field.type in _READERS)
