"""Rows as columns, each in the shortest way to write it, so that years of many accounts make a small page. Pure.

A column is a list whose first item says how it is written; page/rows.js reads it. Nothing is lost or rounded.
"""

import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import groupby
from typing import Any

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


def pack(rows: Sequence[Sequence[Any]]) -> dict[str, Any]:
    """The columns of rows that all have the same length."""
    return {"rows": len(rows), "columns": [_column(values) for values in zip(*rows, strict=True)]}


def _column(values: Sequence[Any]) -> list[Any]:
    return min(_ways(values), key=lambda way: len(json.dumps(way, separators=(",", ":"))))


def _ways(values: Sequence[Any]) -> Iterator[list[Any]]:
    """Every way in which these values can be written."""
    yield ["plain", list(values)]
    if all(one is None or isinstance(one, str | int) for one in values):
        yield ["runs", [part for value, run in groupby(values) for part in (value, sum(1 for _ in run))]]
        named = list(dict.fromkeys(values))
        place = {name: index for index, name in enumerate(named)}
        yield ["names", named, [place[one] for one in values]]
    if all(one is None or (isinstance(one, str) and one and " " not in one) for one in values):
        yield ["words", " ".join(one or "" for one in values)]
    if instants := _instants(values):
        yield ["instants", *instants]
    if all(one is None or (isinstance(one, dict) and one and None not in one.values()) for one in values):
        names = sorted({name for one in values for name in one or ()})
        yield ["objects", names, [_column([(one or {}).get(name) for one in values]) for name in names]]


def _instants(values: Sequence[Any]) -> tuple[int, list[int]] | None:
    """Milliseconds: the earliest since the epoch, and by how much each is later. None if one is no exact instant."""
    try:
        moments = [datetime.fromisoformat(one) for one in values]
    except (TypeError, ValueError):
        return None
    if any(one.tzinfo is not UTC for one in moments):
        return None
    found = [(one - _EPOCH) // _MILLISECOND for one in moments]
    written = [f"{one.replace(tzinfo=None).isoformat(timespec='milliseconds')}Z" for one in moments]
    first = min(found)
    return (first, [one - first for one in found]) if written == list(values) else None
