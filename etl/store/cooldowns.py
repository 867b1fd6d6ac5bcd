"""Cooldowns: until when nothing is sent, for every process that shares an address and this database.

The database's clock counts, the only one that all processes share: their own may be off by hours.
"""

from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Connection, bindparam, func, literal_column, select
from sqlalchemy.dialects.postgresql import insert

from etl.store.schema import cooldowns

_MILLISECOND: ColumnElement[timedelta] = literal_column("interval '1 millisecond'")


def deadlines(connection: Connection) -> dict[str, datetime]:
    """The end of the last cooldown of each egress, past or to come."""
    return {row.egress: row.until for row in connection.execute(select(cooldowns.c.egress, cooldowns.c.until))}


def start(connection: Connection, egress: str, duration_ms: int, reason: str) -> None:
    """Begin a cooldown now, unless one is stored that lasts longer."""
    until = func.clock_timestamp() + bindparam("duration_ms", duration_ms) * _MILLISECOND
    statement = insert(cooldowns).values(egress=egress, until=until, reason=reason)
    new = statement.excluded
    connection.execute(
        statement.on_conflict_do_update(
            index_elements=[cooldowns.c.egress],
            set_={"until": new.until, "reason": new.reason},
            where=new.until > cooldowns.c.until,
        )
    )
