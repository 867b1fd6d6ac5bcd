"""The database's clock."""

from datetime import datetime

from sqlalchemy import Connection, func, select

from etl.core.timeline import to_millis


def database_clock(connection: Connection) -> int:
    """Its time now, epoch milliseconds, in a transaction too."""
    moment: datetime = connection.execute(select(func.clock_timestamp())).scalar_one()
    return to_millis(moment)
