"""The upsert of orders: one statement for many, which says of each whether it is new or replaces what was there.

Postgres gets the rows as one JSON parameter and reads every column from the row as received. So no decimal becomes a
float, and Python copies no fields.
"""

from collections.abc import Mapping
from enum import StrEnum

from sqlalchemy import TextClause, text

from etl.core.orders import FIELDS, Field
from etl.store.schema import force_orders


class Change(StrEnum):
    """The effect of a write on an order, as its run sees it."""

    INSERTED = "inserted"
    UPDATED = "updated"
    """Replaced by a later version, for the first time in this run."""
    AGAIN = "again"
    """Replaced by a later version after this run had already written it."""


def upsert_statement(columns: str, fields_in: str, own: Mapping[str, str], condition: str) -> TextClause:
    """`columns`: of the objects of the parameter `page`; one of them, `fields_in`, has the exchange's fields.

    `own`: what stands in columns that are no field. `condition`: when a row (`excluded`) replaces the one that is there
    (`stored`). The statement returns symbol, order id and change of each order that it wrote.
    """
    wire = ", ".join(f'"{key}" {force_orders.c[field.column].type}' for field in FIELDS for key in _keys(field))
    values = {
        "account": ":account",
        "market": ":market",
        **{field.column: _value(field) for field in FIELDS},
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
    # The subquery sees the row as it was before the statement: which run wrote it last.
    return text(f"""
        INSERT INTO force_orders AS stored ({", ".join(values)})
        SELECT {", ".join(values.values())}
          FROM jsonb_to_recordset(CAST(:page AS jsonb)) AS page ({columns})
         CROSS JOIN jsonb_to_record(page.{fields_in}) AS fields ({wire})
            ON CONFLICT ({", ".join(key)}) DO UPDATE SET {replaced}
         WHERE {condition}
        RETURNING symbol, order_id, CASE
               WHEN xmax = 0 THEN '{Change.INSERTED}'
               WHEN (SELECT before.last_run_id FROM force_orders AS before
                      WHERE {" AND ".join(f"before.{name} = stored.{name}" for name in key)}) = :run_id
               THEN '{Change.AGAIN}' ELSE '{Change.UPDATED}' END
    """)  # noqa: S608 – made of our own names


def _keys(field: Field) -> list[str]:
    return [key for key in (field.wire, field.also) if key]


def _value(field: Field) -> str:
    wires = [f'fields."{key}"' for key in _keys(field)]
    return wires[0] if len(wires) == 1 else f"coalesce({', '.join(wires)})"


def _moment(milliseconds: str) -> str:
    """Exact to the year 9999: Postgres multiplies an interval in double precision, which holds both products."""
    seconds, rest = f"{milliseconds} / 1000 * interval '1 second'", f"{milliseconds} % 1000 * interval '1 millisecond'"
    return f"timestamptz 'epoch' + {seconds} + {rest}"
