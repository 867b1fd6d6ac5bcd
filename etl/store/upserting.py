"""The upsert of orders: one statement for many, which says of each whether it is new or replaces what was there.

Postgres gets the rows as they were received and reads every column from them. So no decimal becomes a float, and Python
copies no fields. Rows are joined by a character that JSON forbids anywhere: Postgres splits such a text and reads each
row once, where it would read and write the elements of a JSON array again.
"""

from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from typing import Any, Protocol

from sqlalchemy import CursorResult, TextClause, text

from etl.core.orders import FIELDS, Field, FieldType, Key
from etl.store.schema import force_orders


class Change(StrEnum):
    """The effect of a write on an order, as its run sees it."""

    INSERTED = "inserted"
    UPDATED = "updated"
    """Replaced by a later version, for the first time in this run."""
    AGAIN = "again"
    """Replaced by a later version after this run had already written it."""


_CHANGES = {change.value: change for change in Change}
"""By their texts: for each order a look costs less than a call of the class."""

_SEPARATOR = "\x1e"
"""No JSON text has it, inside a string or outside."""


class Written(Protocol):
    """What the statement needs of an order beside its fields. Times are epoch milliseconds, `raw` is JSON text."""

    @property
    def order_time(self) -> int: ...
    @property
    def update_time(self) -> int: ...
    @property
    def close_type(self) -> str: ...
    @property
    def raw(self) -> str: ...


def parameters(orders: Sequence[Written]) -> dict[str, str]:
    """The parameters that hold the orders: each `raw` is one JSON object, as the checks of a page leave it."""
    return {
        "order_times": _array(str(order.order_time) for order in orders),
        "update_times": _array(str(order.update_time) for order in orders),
        "close_types": _array(order.close_type for order in orders),
        "raw": joined(order.raw for order in orders),
    }


def changes_of(written: CursorResult[Any]) -> dict[Key, Change]:
    """What the statement returned: the change of each order that it wrote."""
    rows: Sequence[Any] = written.all()
    return {(symbol, order_id): _CHANGES[change] for symbol, order_id, change in rows}


def joined(rows: Iterable[str]) -> str:
    """JSON texts as one parameter."""
    return _SEPARATOR.join(rows)


def _array(items: Iterable[str]) -> str:
    """A Postgres array of numbers or words."""
    return f"{{{','.join(items)}}}"


def upsert_statement(fields_in: str, own: Mapping[str, str], condition: str) -> TextClause:
    """Its parameters are account, market, run_id, those of `parameters`, and what the other arguments name.

    `fields_in`: which rows have the exchange's fields, `raw` or those of another parameter made by `joined`.
    `own`: what stands in columns that are no field. `condition`: when a row (`excluded`) replaces the one that is there
    (`stored`). The statement returns symbol, order id and change of each order that it wrote.
    """
    values = {
        "account": ":account",
        "market": ":market",
        **{field.column: _value(field, fields_in) for field in FIELDS},
        "close_type": "page.close_type",
        "order_time": _moment("page.order_time"),
        "update_time": _moment("page.update_time"),
        **own,
        "raw": "page.raw",
        "first_seen_at": "now()",
        "changed_at": "now()",
        "first_run_id": ":run_id",
        "last_run_id": ":run_id",
    }
    key = [column.name for column in force_orders.primary_key]
    replaced = ", ".join(f"{n} = excluded.{n}" for n in values if n not in {*key, "first_seen_at", "first_run_id"})
    texts = list(dict.fromkeys(("raw", fields_in)))
    rows = ", ".join(f"string_to_table(:{name}, chr({ord(_SEPARATOR)}))" for name in texts)
    read = ", ".join(f"CAST({name} AS jsonb) AS {name}" for name in texts)
    # The subquery sees the row as it was before the statement: which run wrote it last.
    return text(f"""
        INSERT INTO force_orders AS stored ({", ".join(values)})
        SELECT {", ".join(values.values())}
          FROM (SELECT order_time, update_time, close_type, {read}
                  FROM ROWS FROM (unnest(CAST(:order_times AS bigint[])), unnest(CAST(:update_times AS bigint[])),
                                  unnest(CAST(:close_types AS text[])), {rows})
                       AS given (order_time, update_time, close_type, {", ".join(texts)})
                OFFSET 0) AS page  -- so that each row is read once, and not for each column anew
            ON CONFLICT ({", ".join(key)}) DO UPDATE SET {replaced}
         WHERE {condition}
        RETURNING symbol, order_id, CASE
               WHEN xmax = 0 THEN '{Change.INSERTED}'
               WHEN (SELECT before.last_run_id FROM force_orders AS before
                      WHERE {" AND ".join(f"before.{name} = stored.{name}" for name in key)}) = :run_id
               THEN '{Change.AGAIN}' ELSE '{Change.UPDATED}' END
    """)  # noqa: S608 – made of our own names


def _value(field: Field, fields_in: str) -> str:
    texts = [f"page.{fields_in} ->> '{key}'" for key in (field.wire, field.also) if key]
    value = texts[0] if len(texts) == 1 else f"coalesce({', '.join(texts)})"
    return value if field.type is FieldType.TEXT else f"CAST({value} AS {field.type})"


def _moment(milliseconds: str) -> str:
    """Exact to the year 9999: Postgres multiplies an interval in double precision, which holds both products."""
    seconds, rest = f"{milliseconds} / 1000 * interval '1 second'", f"{milliseconds} % 1000 * interval '1 millisecond'"
    return f"timestamptz 'epoch' + {seconds} + {rest}"
