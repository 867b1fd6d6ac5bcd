"""Until when the exchange wants no request, for every process that shares an address and this database."""

from sqlalchemy import Connection, select
from sqlalchemy.dialects.postgresql import insert

from etl.core.timeline import to_datetime, to_millis
from etl.store.schema import silences


def until(connection: Connection, egress: str) -> int:
    """Epoch milliseconds by the exchange's clock; 0: it never asked for silence."""
    moment = connection.scalar(select(silences.c.until).where(silences.c.egress == egress))
    return to_millis(moment) if moment else 0


def keep(connection: Connection, egress: str, deadline: int, reason: str) -> None:
    """Store a deadline unless a later one is there."""
    statement = insert(silences).values(egress=egress, until=to_datetime(deadline), reason=reason)
    new = statement.excluded
    connection.execute(
        statement.on_conflict_do_update(
            index_elements=[silences.c.egress],
            set_={"until": new.until, "reason": new.reason},
            where=new.until > silences.c.until,
        )
    )
