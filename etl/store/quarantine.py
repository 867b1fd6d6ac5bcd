"""Quarantine: rows that cannot be read, kept as received until a later version of the program can read them."""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Connection, Text, bindparam, case, cast, func, literal_column, select, update
from sqlalchemy.dialects.postgresql import JSONB, insert

from etl.core.orders import Reject
from etl.store.schema import quarantined_orders


def keep(connection: Connection, account: str, market: str, run_id: int, rejects: Sequence[Reject]) -> None:
    """Add rows, each once while it is unresolved. A row that is no JSON is stored as a JSON string of its text."""
    if not rejects:
        return
    fixed = {"account": account, "market": market, "run_id": run_id}
    rows = [
        {**fixed, "row": reject.raw if reject.is_json else json.dumps(reject.raw), "reason": reject.reason}
        for reject in rejects
    ]
    statement = insert(quarantined_orders).values(
        **{name: bindparam(name) for name in (*fixed, "reason")}, raw=cast(bindparam("row", type_=Text), JSONB)
    )
    connection.execute(statement.on_conflict_do_nothing(), rows)


class Quarantined(NamedTuple):
    """An unresolved row; `raw` is its text as received."""

    id: int
    account: str
    market: str
    raw: str
    reason: str
    seen_at: datetime


def unresolved(connection: Connection) -> list[Quarantined]:
    """Oldest first."""
    own = quarantined_orders.c
    is_text = func.jsonb_typeof(own.raw) == "string"
    text_of = case((is_text, own.raw.op("#>>")(literal_column("'{}'"))), else_=cast(own.raw, Text))
    rows = connection.execute(
        select(own.id, own.account, own.market, text_of.label("raw"), own.reason, own.seen_at)
        .where(own.resolved_at.is_(None))
        .order_by(own.id)
    )
    return [Quarantined(*row) for row in rows]


def count(connection: Connection) -> int:
    """Unresolved rows."""
    unresolved_rows = select(func.count()).where(quarantined_orders.c.resolved_at.is_(None))
    return int(connection.scalar(unresolved_rows) or 0)


def resolve(connection: Connection, ids: Sequence[int]) -> None:
    """Mark rows as resolved, because they can be read now."""
    own = quarantined_orders.c
    connection.execute(update(quarantined_orders).where(own.id.in_(ids)).values(resolved_at=func.now()))
