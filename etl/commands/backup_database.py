"""`db backup`: writes the whole database to a file, and restores the file elsewhere to see that it is whole."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import IO, NamedTuple

from sqlalchemy import Connection, func, select

from etl.commands import dump_files
from etl.commands.postgres_programs import Programs, dump, for_dump, installed, program_errors, service_files
from etl.commands.restored_copy import scratch_fault, verify
from etl.core.timeline import SECOND, iso, to_datetime, to_millis
from etl.errors import BusyError, ConfigError, ForceOrdersError, StoreError
from etl.runs import from_settings
from etl.settings.model import Settings
from etl.store import backups
from etl.store.backups import Backup, Snapshot
from etl.store.clock import database_clock
from etl.store.connection_parameters import parameters_of
from etl.store.engine import store_errors
from etl.store.rights import is_standby

DUE_AFTER = timedelta(hours=20)
"""A night makes a backup if the newest is older."""


class MadeBackup(NamedTuple):
    """A backup that was written, and why it could not be verified, if that was wanted."""

    backup: Backup
    fault: ForceOrdersError | None

    @property
    def line(self) -> str:
        """For people: the file, what it holds and whether it was verified."""
        own = self.backup
        state = "not verified" if own.verified_at is None else "verified"
        return f"backup: {own.file} ({_megabytes(own.bytes)}, {own.orders} orders at {_moment(own)}), {state}"


class Night(NamedTuple):
    """What a night says of its backup, and what went wrong."""

    said: str | None = None
    fault: str | None = None


def make_backup(settings: Settings, directory: Path | None, *, verified: bool) -> MadeBackup:
    """Write a backup into a directory, by default the configured one. Runs may go on meanwhile.

    Raises ConfigError without a fitting pg_dump, or where nothing can be verified; StoreError on a standby; BusyError
    while another process makes a backup; BackupError if none can be written. A backup that fails its verification
    stays, and is not recorded as verified.
    """
    if not from_settings.has_database(settings):
        raise StoreError("there is no database yet; 'force-orders backfill' makes one")
    with from_settings.store(settings) as connection:
        refuse_standby(connection)
        programs = for_dump(installed(), server_version(connection))
        if verified and (fault := scratch_fault(connection)):
            raise ConfigError(f"{fault}; --no-verify makes a backup without that")
        return _make(connection, programs, settings, directory or default_directory(settings), verified=verified)


def nightly_backup(settings: Settings) -> Night:
    """The backup at the end of a night, if `backup_dir` is set and none is recent; removes old ones.

    Never raises an error of ours: whatever happens here changes nothing that the run stored.
    """
    if settings.backup_dir is None:
        return Night()
    try:
        with from_settings.store(settings) as connection:
            if not _is_due(connection):
                return Night()
            programs, unverifiable = for_dump(installed(), server_version(connection)), scratch_fault(connection)
            made = _make(connection, programs, settings, settings.backup_dir, verified=unverifiable is None)
            with store_errors():
                verified = backups.newest(connection, verified=True)
                connection.rollback()
        directory = settings.backup_dir.absolute()
        dump_files.prune(directory, settings.keep_backups, Path(verified.file) if verified else None)
    except BusyError:
        return Night()  # another process makes it
    except ForceOrdersError as error:
        return Night(fault=f"tonight's backup failed: {error}")
    fault = made.fault or unverifiable
    return Night(made.line, f"tonight's backup is not verified: {fault}" if fault else None)


def default_directory(settings: Settings) -> Path:
    return settings.backup_dir or settings.data_dir / "backups"


def refuse_standby(connection: Connection) -> None:
    """Raises StoreError on a standby: a copy takes locks, and a backup adds a row to the table `backups`."""
    with store_errors():
        is_one = is_standby(connection)
        connection.rollback()
    if is_one:
        raise StoreError("the database is a standby, which cannot be copied; connect to its primary")


def server_version(connection: Connection) -> int:
    """The server's major version."""
    found = int(connection.exec_driver_sql("SHOW server_version_num").scalar_one())
    connection.rollback()
    return found // 10_000


def write_dump(
    connection: Connection, programs: Programs, taken: Snapshot, into: IO[bytes], settings: Settings
) -> None:
    """Write the rows of a snapshot that lasts into an open file. Raises BackupError."""
    quoted = taken.schema.replace('"', '""')
    options = [
        f'--schema="{quoted}"',
        f"--snapshot={taken.name}",
        f"--lock-wait-timeout={max(1, settings.patience_seconds) * SECOND}",
    ]
    with service_files(parameters_of(connection)) as files:
        dump(programs, files, options, into)


def _make(
    connection: Connection, programs: Programs, settings: Settings, directory: Path, *, verified: bool
) -> MadeBackup:
    file = directory.absolute() / dump_files.name_at(datetime.now(UTC))
    with store_errors(), backups.one_at_a_time(connection):
        with dump_files.new_file(file) as into, backups.snapshot(connection) as taken:
            write_dump(connection, programs, taken, into, settings)
        fault = _fault(connection, programs, file, taken, settings) if verified else None
        verified_at = connection.scalar(select(func.now())) if verified and fault is None else None
        orders, size = taken.contents.orders, file.stat().st_size
        made = Backup(taken.taken_at, str(file), size, orders, taken.newest_seal, verified_at)
        backups.record(connection, made)
        connection.commit()
    return MadeBackup(made, fault)


def _fault(
    connection: Connection, programs: Programs, file: Path, taken: Snapshot, settings: Settings
) -> ForceOrdersError | None:
    try:
        with program_errors():
            verify(programs, connection, file, taken.schema, taken.contents, settings.data_dir)
    except ForceOrdersError as error:
        return error
    return None


def _is_due(connection: Connection) -> bool:
    with store_errors():
        newest, now = backups.newest(connection), to_datetime(database_clock(connection))
        connection.rollback()
    return newest is None or now - newest.made_at > DUE_AFTER


def _megabytes(size: int) -> str:
    return f"{size / 1e6:.1f} MB"


def _moment(backup: Backup) -> str:
    return iso(to_millis(backup.made_at) // SECOND * SECOND)
