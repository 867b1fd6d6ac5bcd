"""Until when the exchange wants no request, for every process that shares an address and this database.

Kept by the database's clock, the only one that they all share: theirs may be off by hours.
"""

from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Connection, bindparam, func, literal_column, select
from sqlalchemy.dialects.postgresql import insert

from etl.store.schema import silences

_MILLISECOND: ColumnElement[timedelta] = literal_column("interval '1 millisecond'")


def deadlines(connection: Connection) -> dict[str, datetime]:
    """Until when the exchange wanted no request last, past or to come, by egress."""
    return {row.egress: row.until for row in connection.execute(select(silences.c.egress, silences.c.until))}


def keep(connection: Connection, egress: str, left: int, reason: str) -> None:
    """Store a silence that lasts `left` milliseconds from now, unless a longer one is there."""
    until = func.clock_timestamp() + bindparam("left", left) * _MILLISECOND
    statement = insert(silences).values(egress=egress, until=until, reason=reason)
    new = statement.excluded
    connection.execute(
        statement.on_conflict_do_update(
            index_elements=[silences.c.egress],
            set_={"until": new.until, "reason": new.reason},
            where=new.until > silences.c.until,
        )
    )
