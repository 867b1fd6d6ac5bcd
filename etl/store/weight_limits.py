"""What the exchange allows an address per minute, by host: from its exchangeInfo, or from the text of a 429."""

from typing import Literal, NamedTuple

from sqlalchemy import Connection, func, select
from sqlalchemy.dialects.postgresql import insert

from etl.store.schema import weight_limits

Source = Literal["exchangeInfo", "429"]


class WeightLimit(NamedTuple):
    per_minute: int
    is_recent: bool
    """Whether it was seen in the last day, by the database's clock."""


def read(connection: Connection, host: str) -> WeightLimit | None:
    """The limit last seen at a host; None: it was never told."""
    recent = weight_limits.c.seen_at.between(
        func.clock_timestamp() - func.make_interval(0, 0, 0, 1), func.clock_timestamp()
    )
    row = connection.execute(
        select(weight_limits.c.per_minute, recent.label("recent")).where(weight_limits.c.host == host)
    ).first()
    return None if row is None else WeightLimit(row.per_minute, row.recent)


def remember(connection: Connection, host: str, per_minute: int, source: Source) -> None:
    """Keep the limit that a host told just now, in place of what it told before."""
    statement = insert(weight_limits).values(
        host=host, per_minute=per_minute, source=source, seen_at=func.clock_timestamp()
    )
    told = {name: statement.excluded[name] for name in ("per_minute", "source", "seen_at")}
    connection.execute(statement.on_conflict_do_update(index_elements=[weight_limits.c.host], set_=told))
