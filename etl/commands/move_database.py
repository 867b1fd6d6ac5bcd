"""`db move-to`: copies the database in use into an empty one, and holds both against each other."""

import tempfile
from pathlib import Path

from sqlalchemy import Connection

from etl.commands.backup_database import refuse_standby, server_version, write_dump
from etl.commands.postgres_programs import Programs, for_dump, installed, program_errors
from etl.commands.restore_database import check_empty, make_way
from etl.commands.restored_copy import check_copy, check_passes, restore_into
from etl.errors import ConfigError, StoreError
from etl.runs import from_settings
from etl.settings.model import Settings
from etl.store import backups, locks, stored_orders
from etl.store.backups import Contents
from etl.store.database import address
from etl.store.engine import connection_to, engine_for, store_errors


def move_database(settings: Settings, target: str) -> Contents:
    """Copy everything to the database at the URL `target`, and check both. The database in use stays as it is.

    No run can store anything meanwhile. Raises BusyError while one works, ConfigError unless the target is empty, and
    BackupError if the copy cannot be made or differs.
    """
    if not from_settings.has_database(settings):
        raise StoreError("there is no database yet; set FORCE_ORDERS_DATABASE_URL, then run: force-orders db upgrade")
    with (
        from_settings.store(settings) as source,
        address(target, settings.data_dir) as url,
        connection_to(engine_for(url)) as copy,
        store_errors(),
    ):
        if backups.is_same_database(source, copy):
            raise ConfigError("this URL is that of the database in use")
        refuse_standby(source)
        programs = for_dump(installed(), server_version(source))
        check_empty(copy, _schema(source))
        _hold_accounts(source)
        check_passes(source, "the database")
        return _copy(programs, source, copy, settings)


def _copy(programs: Programs, source: Connection, copy: Connection, settings: Settings) -> Contents:
    with (
        program_errors(),
        tempfile.TemporaryDirectory(prefix="force-orders-") as private,
        backups.snapshot(source, excludes_runs=True) as taken,
    ):
        file = Path(private, "move.dump")
        with file.open("xb") as into:
            write_dump(source, programs, taken, into, settings)
        make_way(copy)
        restore_into(programs, copy, file, taken.schema)
        check_copy(copy, taken.contents)
        return taken.contents


def _hold_accounts(connection: Connection) -> None:
    """Lock every account until the connection ends. Raises BusyError while a run holds one of them."""
    for account, market in stored_orders.scopes(connection):
        locks.claim_account(connection, account, market, "db move-to")
    connection.commit()


def _schema(connection: Connection) -> str:
    found = str(connection.exec_driver_sql("SELECT current_schema()").scalar_one())
    connection.rollback()
    return found
