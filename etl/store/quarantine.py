"""Rows that could not be read, kept as received until a later version of the program can."""

import json
from collections.abc import Sequence

from sqlalchemy import Connection, Text, bindparam, cast
from sqlalchemy.dialects.postgresql import JSONB, insert

from etl.core.orders import Reject
from etl.store.schema import quarantined_orders


def keep(connection: Connection, account: str, market: str, run_id: int, rejects: Sequence[Reject]) -> None:
    """Add rows, each once while it is unresolved; what is no JSON becomes a JSON string of its text."""
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
