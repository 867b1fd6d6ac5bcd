"""The upsert: a page in one statement, a later version replacing an earlier one, never the reverse.

Postgres gets the rows as one JSON parameter and reads every column out of the row as received, so that a decimal is
never a float and nothing is copied field by field.
"""

from collections import Counter
from collections.abc import Mapping, Sequence, Set
from enum import StrEnum
from typing import Any, NamedTuple

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Text,
    and_,
    bindparam,
    case,
    cast,
    column,
    func,
    literal_column,
    or_,
    select,
    true,
    tuple_,
)
from sqlalchemy.dialects.postgresql import JSONB, insert
from sqlalchemy.sql.dml import ReturningInsert

from etl.core.orders import FIELDS, Key, Order
from etl.core.timeline import Window, to_datetime, to_millis
from etl.store.schema import force_orders


class Change(StrEnum):
    """What a write did to an order, as its run sees it."""

    INSERTED = "inserted"
    UPDATED = "updated"
    """Replaced by a later version, for the first time in this run."""
    AGAIN = "again"
    """Replaced by a later version, though this run wrote it before."""


class Tally(NamedTuple):
    """How many orders are new, were replaced by a later version, and came as they were before."""

    inserted: int = 0
    updated: int = 0
    unchanged: int = 0


def tally(written: Mapping[Key, Change], unchanged_if_not: Set[Key]) -> Tally:
    """Count what `upsert` wrote, and of other orders those that are unchanged if they were not written."""
    changes = Counter(written.values())
    return Tally(changes[Change.INSERTED], changes[Change.UPDATED], len(unchanged_if_not - written.keys()))


def upsert(
    connection: Connection,
    account: str,
    market: str,
    run_id: int,
    orders: Sequence[Order],
    *,
    replace_equal: bool = False,
) -> dict[Key, Change]:
    """Write orders, one version of each; gives the keys of those that were written, which leaves out the unchanged.

    `replace_equal`: a version of the same update time replaces a stored one that differs from it, as a repair does.
    Raises DBAPIError (DataError) where Postgres cannot read a row.
    """
    if not orders:
        return {}
    statement = _REPAIR if replace_equal else _UPSERT
    values = {"account": account, "market": market, "run_id": run_id, "page": _as_json(orders)}
    written = connection.execute(statement, values)
    return {(symbol, order_id): Change(change) for symbol, order_id, change in written}


def _as_json(orders: Sequence[Order]) -> str:
    """`raw` is JSON already; the rest are numbers and a word of ours."""
    rows = (
        f'{{"order_time":{o.order_time},"update_time":{o.update_time},"close_type":"{o.close_type}","raw":{o.raw}}}'
        for o in orders
    )
    return f"[{','.join(rows)}]"


def stored(
    connection: Connection, account: str, market: str, keys: Sequence[tuple[str, int]]
) -> dict[tuple[str, int], str]:
    """The rows of these keys as JSON text, as far as there are any."""
    table = force_orders.c
    rows = connection.execute(
        select(table.symbol, table.order_id, cast(table.raw, Text).label("raw")).where(
            table.account == account, table.market == market, tuple_(table.symbol, table.order_id).in_(keys)
        )
    )
    return {(row.symbol, row.order_id): row.raw for row in rows}


def between(
    connection: Connection, account: str, market: str, symbol: str | None, window: Window
) -> list[tuple[tuple[str, int], int]]:
    """Key and order time, in epoch milliseconds, of the orders both of whose times lie in a window."""
    table = force_orders.c
    start, end = to_datetime(window.start), to_datetime(window.end)
    of_scope = table.symbol == symbol if symbol else true()
    rows = connection.execute(
        select(table.symbol, table.order_id, table.order_time).where(
            table.account == account,
            table.market == market,
            of_scope,
            *(and_(moment >= start, moment < end) for moment in (table.order_time, table.update_time)),
        )
    )
    return [((row.symbol, row.order_id), to_millis(row.order_time)) for row in rows]


def _upsert(*, replace_equal: bool) -> ReturningInsert[Any]:
    page = (
        func.jsonb_to_recordset(cast(bindparam("page", type_=Text), JSONB))
        .table_valued(
            column("order_time", BigInteger),
            column("update_time", BigInteger),
            column("close_type", Text),
            column("raw", JSONB),
            name="page",
        )
        .render_derived(with_types=True)
    )
    fields = (
        func.jsonb_to_record(page.c.raw)
        .table_valued(*(column(f.wire, force_orders.c[f.column].type) for f in FIELDS), name="fields")
        .render_derived(with_types=True)
    )
    source: dict[str, Any] = {
        "account": bindparam("account", type_=Text),
        "market": bindparam("market", type_=Text),
        **{f.column: fields.c[f.wire] for f in FIELDS},
        "close_type": page.c.close_type,
        "order_time": _moment(page.c.order_time),
        "update_time": _moment(page.c.update_time),
        "raw": page.c.raw,
        "first_seen_at": func.now(),
        "changed_at": func.now(),
        "first_run_id": bindparam("run_id", type_=BigInteger),
        "last_run_id": bindparam("run_id", type_=BigInteger),
    }
    rows = select(*source.values()).select_from(page.join(fields, true()))
    statement = insert(force_orders).from_select(list(source), rows)
    new, old = statement.excluded, force_orders.c
    kept = {*(key.name for key in force_orders.primary_key), "first_seen_at", "first_run_id"}
    # Of two versions of the same millisecond the one that is filled further is the later: fills never shrink.
    wins_a_tie = new.raw != old.raw if replace_equal else new.executed_qty > old.executed_qty
    return statement.on_conflict_do_update(
        index_elements=list(force_orders.primary_key),
        set_={name: new[name] for name in source if name not in kept},
        where=or_(new.update_time > old.update_time, and_(new.update_time == old.update_time, wins_a_tie)),
    ).returning(old.symbol, old.order_id, _change())


def _change() -> ColumnElement[str]:
    """A subquery sees the row as it was before the statement: which run wrote it last."""
    before = force_orders.alias("before")
    # By its name, as SQLAlchemy would list the table that is written in the subquery's FROM.
    same = [before.c[key.name] == literal_column(str(key)) for key in force_orders.primary_key]
    last_run_id = select(before.c.last_run_id).where(*same).scalar_subquery()
    return case(
        (literal_column("xmax = 0"), literal_column(f"'{Change.INSERTED}'")),
        (last_run_id == bindparam("run_id", type_=BigInteger), literal_column(f"'{Change.AGAIN}'")),
        else_=literal_column(f"'{Change.UPDATED}'"),
    )


def _moment(milliseconds: Any) -> Any:
    """Exact to the year 9999: an interval is multiplied in double precision, which holds either of the products."""
    thousand: ColumnElement[int] = literal_column("1000")
    seconds = milliseconds.op("/")(thousand).op("*")(literal_column("interval '1 second'"))
    rest = milliseconds.op("%")(thousand).op("*")(literal_column("interval '1 millisecond'"))
    return literal_column("timestamptz 'epoch'").op("+")(seconds).op("+")(rest)


_UPSERT = _upsert(replace_equal=False)
_REPAIR = _upsert(replace_equal=True)
