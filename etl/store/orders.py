"""The upsert: a page in one statement, a later version replacing an earlier one, never the reverse.

Postgres gets the rows as one JSON parameter and reads every column out of the row as received, so that a decimal is
never a float and nothing is copied field by field.
"""

from collections.abc import Collection, Sequence
from typing import Any, NamedTuple

from sqlalchemy import (
    CTE,
    BigInteger,
    Boolean,
    ColumnElement,
    Connection,
    Select,
    Text,
    and_,
    bindparam,
    case,
    cast,
    column,
    func,
    literal_column,
    not_,
    null,
    or_,
    select,
    true,
    tuple_,
)
from sqlalchemy.dialects.postgresql import JSONB, insert
from sqlalchemy.sql.dml import ReturningInsert

from etl.core.orders import FIELDS, Order
from etl.core.timeline import Window, to_datetime, to_millis
from etl.store.schema import force_orders


class Tally(NamedTuple):
    """How many orders of a write are new, were replaced by a later version, and came as they were before the run.

    What the run itself wrote before is in none of them, so that a run counts each order once: but for one that changes
    while the run reads it twice, which is first unchanged and then updated.
    """

    inserted: int = 0
    updated: int = 0
    unchanged: int = 0


def upsert(
    connection: Connection,
    account: str,
    market: str,
    run_id: int,
    orders: Sequence[Order],
    *,
    first: Collection[tuple[str, int]] | None = None,
    replace_equal: bool = False,
) -> Tally:
    """Write orders, one version of each. Raises DBAPIError (DataError) where Postgres cannot read a row.

    `first`: keys of those that may count as unchanged, as the run sees them for the first time; None: all.
    `replace_equal`: a version of the same update time replaces a stored one that differs from it, as a repair does.
    """
    if not orders:
        return Tally()
    statement = _REPAIR if replace_equal else _UPSERT
    page = _as_json(orders, first)
    values = {"account": account, "market": market, "run_id": run_id, "page": page}
    found = connection.execute(statement, values).scalars().all()
    return Tally(*(found.count(name) for name in Tally._fields))


def _as_json(orders: Sequence[Order], first: Collection[tuple[str, int]] | None) -> str:
    """`raw` is JSON already; the rest are numbers and words of ours."""
    rows = (
        f'{{"order_time":{o.order_time},"update_time":{o.update_time},"close_type":"{o.close_type}",'
        f'"first":{"true" if first is None or o.key in first else "false"},"raw":{o.raw}}}'
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


def _upsert(*, replace_equal: bool) -> Select[tuple[str]]:
    """Writes a page and gives a field of `Tally` for each order that is to be counted."""
    page = (
        func.jsonb_to_recordset(cast(bindparam("page", type_=Text), JSONB))
        .table_valued(
            column("order_time", BigInteger),
            column("update_time", BigInteger),
            column("close_type", Text),
            column("first", Boolean),
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
    labelled = [value.label(name) for name, value in source.items()]
    rows = select(*labelled, page.c.first).select_from(page.join(fields, true())).cte("rows")
    statement = insert(force_orders).from_select(list(source), select(*(rows.c[name] for name in source)))
    new, old = statement.excluded, force_orders.c
    kept = {*(key.name for key in force_orders.primary_key), "first_seen_at", "first_run_id"}
    # Of two versions of the same millisecond the one that is filled further is the later: fills never shrink.
    wins_a_tie = new.raw != old.raw if replace_equal else new.executed_qty > old.executed_qty
    written = statement.on_conflict_do_update(
        index_elements=list(force_orders.primary_key),
        set_={name: new[name] for name in source if name not in kept},
        where=or_(new.update_time > old.update_time, and_(new.update_time == old.update_time, wins_a_tie)),
    )
    return _tally(rows, written.returning(old.symbol, old.order_id, literal_column("xmax = 0").label("is_new")))


def _tally(rows: CTE, statement: ReturningInsert[Any]) -> Select[tuple[str]]:
    """The table is looked at as it was before the write, and only for orders that are not new."""
    written, table = statement.cte("written"), force_orders.c
    last_run_id = select(table.last_run_id).where(*(key == rows.c[key.name] for key in force_orders.primary_key))
    return select(
        case(
            (written.c.is_new, "inserted"),
            (and_(written.c.is_new.is_(None), not_(rows.c.first)), null()),
            (last_run_id.scalar_subquery() == bindparam("run_id", type_=BigInteger), null()),
            (written.c.is_new.is_not(None), "updated"),
            else_="unchanged",
        )
    ).select_from(
        rows.outerjoin(written, and_(written.c.symbol == rows.c.symbol, written.c.order_id == rows.c.order_id))
    )


def _moment(milliseconds: Any) -> Any:
    """Exact to the year 9999: an interval is multiplied in double precision, which holds either of the products."""
    thousand: ColumnElement[int] = literal_column("1000")
    seconds = milliseconds.op("/")(thousand).op("*")(literal_column("interval '1 second'"))
    rest = milliseconds.op("%")(thousand).op("*")(literal_column("interval '1 millisecond'"))
    return literal_column("timestamptz 'epoch'").op("+")(seconds).op("+")(rest)


_UPSERT = _upsert(replace_equal=False)
_REPAIR = _upsert(replace_equal=True)
