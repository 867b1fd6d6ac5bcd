"""The rows of a page out of their columns, written anew and not as the page's own script reads them."""

from datetime import UTC, datetime, timedelta
from typing import Any


def unpack(packed: dict[str, Any]) -> list[list[Any]]:
    """The rows that `etl.reporting.packed_rows.pack` was given."""
    columns = [_values(column, packed["rows"]) for column in packed["columns"]]
    return [[column[place] for column in columns] for place in range(packed["rows"])]


def unpacked_page(data: dict[str, Any]) -> dict[str, Any]:
    """The data of a page with rows in place of columns, as `ReportData.as_json` has them."""
    return {name: _unpacked(value) for name, value in data.items()}


def _unpacked(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    return unpack(value) if set(value) == {"rows", "columns"} else {name: _unpacked(one) for name, one in value.items()}


def _values(column: list[Any], count: int) -> list[Any]:
    way, *parts = column
    if way == "plain":
        return list(parts[0])
    if way == "runs":
        (runs,) = parts
        return [value for value, times in zip(runs[::2], runs[1::2], strict=True) for _ in range(times)]
    if way == "names":
        return [parts[0][place] for place in parts[1]]
    if way == "words":
        return [word or None for word in parts[0].split(" ")]
    if way == "instants":
        moments = (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=parts[0] + later) for later in parts[1])
        return [moment.isoformat(timespec="milliseconds").replace("+00:00", "Z") for moment in moments]
    names, columns = parts
    values = [_values(own, count) for own in columns]
    objects = [dict(zip(names, row, strict=True)) for row in zip(*values, strict=True)] or [{}] * count
    return [{name: one for name, one in own.items() if one is not None} or None for own in objects]
