"""`db restore`: makes a database of a backup, in place of an empty one, and checks it."""

import os
from pathlib import Path
from typing import NamedTuple

from sqlalchemy import Connection

from etl.commands.check_database import DatabaseCheck, check_database
from etl.commands.postgres_programs import Programs, installed, newest, program_errors
from etl.commands.restored_copy import head_of, restore_into
from etl.errors import ConfigError
from etl.store import backups, migrate
from etl.store.backups import Contents
from etl.store.connection_parameters import parameters_of
from etl.store.database import address
from etl.store.engine import connection_to, engine_for, store_errors

ANOTHER = (
    "; restore into a new one, which database_url names or, without any database_url, data_dir; an empty variable does "
    "not take database_url out of the settings file"
)


class Restored(NamedTuple):
    """What a backup had, and what `db check` says of it now."""

    contents: Contents
    schema_before: str | None
    schema_now: str
    check: DatabaseCheck


def restore_database(url: str | None, data_dir: Path, file: Path) -> Restored:
    """Restore a backup into the database in use, upgrade its schema and check it.

    Raises ConfigError unless the database is empty, and BackupError for a file that cannot be restored, of which
    nothing is left behind.
    """
    if not os.path.isfile(file):  # noqa: PTH113 – it returns False where this user may not look
        raise ConfigError(f"there is no file {file}")
    programs = newest(installed())
    with program_errors():
        head = head_of(programs, file)
    if not migrate.is_known(head.revision):
        raise ConfigError(
            f"{file} has the schema {head.revision}, and this program knows {migrate.head()}; install the newer version"
        )
    with address(url, data_dir) as reachable, connection_to(engine_for(reachable)) as connection:
        check_empty(connection, head.schema, remedy=ANOTHER)
        return _restore(programs, connection, file, head.schema)


def check_empty(connection: Connection, schema: str, remedy: str = "") -> None:
    """Raises ConfigError unless tables can be made in this schema: there are none, or ours without a row.

    `remedy`: a sentence to add about a database that is not empty.
    """
    with store_errors():
        held, own = backups.occupied(connection), connection.exec_driver_sql("SELECT current_schema()").scalar()
        connection.rollback()
        if held:
            where = parameters_of(connection)
            raise ConfigError(
                f"the database {where['dbname']} at {where['host']}, port {where['port']}, is not empty: {held}; "
                f"nothing was changed{remedy}"
            )
        if own != schema:
            raise ConfigError(
                f"the backup's tables are in the schema {schema}, and this connection uses {own or 'none'}; create "
                f"the schema, and add options=-csearch_path%3D{schema} to the URL"
            )


def make_way(connection: Connection) -> None:
    """Drop our own tables, which are empty."""
    with store_errors():
        if migrate.current(connection):
            migrate.remove(connection)


def _restore(programs: Programs, connection: Connection, file: Path, schema: str) -> Restored:
    make_way(connection)
    with program_errors():
        restore_into(programs, connection, file, schema)
    with store_errors():
        before, now = migrate.upgrade(connection)
        found = backups.contents(connection)
        connection.rollback()
    return Restored(found, before, now, check_database(connection))
