"""Time zones as the database knows them: it works out each day that is shown, so that no two parts can differ."""

from sqlalchemy import Connection, text

from etl.errors import ConfigError
from etl.store.engine import store_errors


def check_zone(connection: Connection, zone: str) -> None:
    """Raise ConfigError if Postgres has no time zone of this name.

    Postgres takes any word with a digit for a time zone of its own, such as UTC+3, which lies west.
    """
    if zone == "UTC":
        return
    with store_errors():
        is_known = connection.scalar(
            text("SELECT EXISTS (SELECT FROM pg_timezone_names WHERE name = :zone)"), {"zone": zone}
        )
        connection.rollback()
    if not is_known:
        raise ConfigError(f"there is no time zone {zone}; write a name such as Europe/Berlin")
