"""What a tool's table is worth: held against the exchange's own history, row by row and value by value.

Columns are found by name, however it is spelt (`avgPrice`, `avg_price`), so that every tool may have its own schema.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import psycopg
import requests
from psycopg import sql

from etl.simulator.orders import close_type_of

DECIMALS = frozenset({"price", "avgPrice", "stopPrice", "origQty", "executedQty", "cumQuote", "cumBase"})
ALIASES = {"ordertime": "time"}
CLOSE_TYPES = ("closetype", "autoclosetype")
EPOCH = datetime.fromtimestamp(0, UTC)
Key = tuple[str, int]
History = Mapping[Key, Mapping[str, Any]]


@dataclass(frozen=True)
class Stored:
    """A table: the Postgres type of each column, under the exchange's names where it has them, and its rows."""

    types: Mapping[str, str]
    rows: Sequence[Mapping[str, Any]]
    has_key: bool


def history(base_url: str, since: int, until: int) -> History:
    """What the simulator knows of since ≤ time < until, by symbol and order id."""
    rows = requests.get(f"{base_url}/sim/history", timeout=300).json()
    return {(row["symbol"], row["orderId"]): row for row in rows if since <= row["time"] < until}


def verdict(database_url: str, table: str, known: History) -> str:
    """`right` where every order is there once and every value of a column is equal, or what is wrong; then remarks."""
    stored = read(database_url, table, known)
    if stored is None:
        return "wrong: there is no table"
    wrong = [*wrong_rows(stored, known), *wrong_values(stored, known)]
    said = f"wrong: {', '.join(wrong)}" if wrong else "right"
    return "; ".join([said, *remarks(stored, known)])


def read(database_url: str, table: str, known: History) -> Stored | None:
    spelt = {plain(name): name for row in known.values() for name in row}
    name = sql.Identifier(*table.split("."))
    with psycopg.connect(database_url) as connection:
        if connection.execute("SELECT to_regclass(%s)", [table]).fetchone() == (None,):
            return None
        found = connection.execute(sql.SQL("SELECT * FROM {}").format(name))
        names = [wire_name(column.name, spelt) for column in found.description or ()]
        kinds = [connection.adapters.types.get(column.type_code) for column in found.description or ()]
        types = {one: kind.name if kind else "?" for one, kind in zip(names, kinds, strict=True)}
        rows = [dict(zip(names, row, strict=True)) for row in found]
        keys = connection.execute(
            """SELECT array_agg(attname::text) FROM pg_index JOIN pg_attribute ON attrelid = indrelid
                WHERE indrelid = to_regclass(%s) AND indisunique AND attnum = ANY (indkey) GROUP BY indexrelid""",
            [table],
        ).fetchall()
    has_key = any({"symbol", "orderId"} <= {wire_name(one, spelt) for one in columns} for (columns,) in keys)
    return Stored(types, rows, has_key)


def plain(name: str) -> str:
    return name.replace("_", "").lower()


def wire_name(column: str, spelt: Mapping[str, str]) -> str:
    """The exchange's name of a column, `closeType`, or its own."""
    bare = ALIASES.get(plain(column), plain(column))
    return "closeType" if bare in CLOSE_TYPES else spelt.get(bare, column)


def wrong_rows(stored: Stored, known: History) -> list[str]:
    counts = Counter((row["symbol"], row["orderId"]) for row in stored.rows)
    missing = known.keys() - counts.keys()
    kinds = Counter(close_type_of(known[key]["clientOrderId"]) for key in missing)
    kinds_said = ", ".join(f"{count:,} {kind}" for kind, count in kinds.most_common())
    strangers = len(counts.keys() - known.keys())
    twice = counts.total() - len(counts)
    return [
        *([f"{len(missing):,} of {len(known):,} orders missing ({kinds_said})"] if missing else []),
        *([f"{strangers:,} orders too many"] if strangers else []),
        *([f"{twice:,} rows twice"] if twice else []),
    ]


def wrong_values(stored: Stored, known: History) -> list[str]:
    differ: Counter[str] = Counter()
    names = {name for row in known.values() for name in row} & stored.types.keys()
    for row in stored.rows:
        wire = known.get((row["symbol"], row["orderId"]))
        if wire is None:
            continue
        differ.update(name for name in names if not same(name, wire.get(name), row[name]))
        if "closeType" in row and row["closeType"] != close_type_of(wire["clientOrderId"]):
            differ["closeType"] += 1
        if "raw" in row and row["raw"] != wire:
            differ["raw"] += 1
    inexact = sorted(f"{name} {stored.types[name]}" for name in names & DECIMALS if stored.types[name] != "numeric")
    return [
        *([f"values differ: {', '.join(f'{name} {n:,}' for name, n in differ.most_common())}"] if differ else []),
        *([f"no exact decimals: {', '.join(inexact)}"] if inexact else []),
    ]


def same(name: str, wire: Any, stored: Any) -> bool:
    if wire is None or stored is None:
        return wire is stored
    if name in DECIMALS:
        return Decimal(str(stored)) == Decimal(wire)
    if isinstance(stored, datetime):
        return stored == EPOCH + timedelta(milliseconds=wire)
    return bool(stored == wire)


def remarks(stored: Stored, known: History) -> list[str]:
    """What is not wrong today and may hurt tomorrow: keys that the exchange sent and the table has nowhere, too."""
    keys = {name for row in known.values() for name in row}
    unkept = [] if "raw" in stored.types else sorted(keys - stored.types.keys())
    return [
        *(["decimals by way of a float"] if any(from_float(row, known) for row in stored.rows) else []),
        *([f"keys not kept: {', '.join(unkept)}"] if unkept else []),
        *(["no close type"] if "closeType" not in stored.types else []),
        *(["no raw row"] if "raw" not in stored.types else []),
        *(["no unique key"] if not stored.has_key else []),
    ]


def from_float(row: Mapping[str, Any], known: History) -> bool:
    """Whether a decimal has the tail that only a float grows: 0 was sent and 0.0 is there."""
    wire = known.get((row["symbol"], row["orderId"]), {})
    return any(
        isinstance(row.get(name), Decimal) and "." not in wire[name] and str(row[name]) == str(float(wire[name]))
        for name in DECIMALS & wire.keys()
    )
