"""A dump and the database that it becomes: what the file says of itself, its restore, and whether the copy is right."""

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from sqlalchemy import Connection

from etl.commands.check_database import check_database
from etl.commands.postgres_programs import Programs, restore, restored_text, service_files
from etl.core.text import many
from etl.embedded.file_locks import claimed
from etl.embedded.programs import binaries
from etl.embedded.server import EmbeddedPostgres, stop_server
from etl.errors import BackupError, BusyError, ConfigError
from etl.file_access import make_data_directory, server_home
from etl.store import backups
from etl.store.backups import Contents
from etl.store.connection_parameters import parameters_of, url_of
from etl.store.engine import connection_to, engine_for, store_errors

_REVISION = re.compile(rb"^COPY (.+)\.alembic_version \(version_num\) FROM stdin;\n(\w+)\n", re.MULTILINE)


class DumpHead(NamedTuple):
    """The schema that the tables of a dump are in, and the revision of their columns."""

    schema: str
    revision: str


def head_of(programs: Programs, file: Path) -> DumpHead:
    """Raises BackupError for a file that is no backup of ours."""
    try:
        sql = restored_text(programs, file, "--data-only", "--table=alembic_version")
    except BackupError as error:
        newer = f"; it may need a newer pg_restore than {programs.major}" if "unsupported version" in str(error) else ""
        raise BackupError(f"{file} cannot be read: {error}{newer}") from None
    if not (found := _REVISION.search(sql)):
        raise BackupError(f"{file} is no backup of this program's database")
    schema = found[1].decode()
    return DumpHead(schema[1:-1].replace('""', '"') if schema.startswith('"') else schema, found[2].decode())


def restore_into(programs: Programs, connection: Connection, file: Path, schema: str) -> None:
    """Restore a dump into the connection's database, all or nothing. The tables belong to the connection's role."""
    options = ["--no-owner", "--no-privileges", "--no-tablespaces", f"--schema={schema}"]
    parameters = parameters_of(connection)
    connection.rollback()
    with service_files(parameters) as files:
        restore(programs, files, options, file)


def verify(programs: Programs, source: Connection, file: Path, schema: str, expected: Contents, data_dir: Path) -> None:
    """Restore a dump into a scratch database and check it; raises BackupError if it is not what was dumped."""
    with _scratch(source, data_dir) as url, connection_to(engine_for(url)) as copy:
        if schema != "public":
            copy.exec_driver_sql(f"CREATE SCHEMA {copy.dialect.identifier_preparer.quote(schema)}")
            copy.commit()
        restore_into(programs, copy, file, schema)
        copy.exec_driver_sql("SELECT pg_catalog.set_config('search_path', quote_ident(%s), false)", (schema,))
        copy.commit()
        check_copy(copy, expected)


def check_copy(copy: Connection, expected: Contents) -> None:
    """Raises BackupError unless the copy holds what the original held, and passes `db check`."""
    with store_errors():
        found = backups.contents(copy)
        copy.rollback()
    if differing := [name for name, rows in expected.rows.items() if found.rows.get(name) != rows]:
        name = differing[0]
        raise BackupError(f"the copy has {many(found.rows.get(name, 0), 'row')} in {name}, not {expected.rows[name]}")
    if found.seals != expected.seals:
        raise BackupError("the newest seals of the copy are not those of the database")
    check_passes(copy, "the copy")


def check_passes(connection: Connection, named: str) -> None:
    """Raises BackupError with the first sentence of `db check` that is not true of the database."""
    for check in check_database(connection).checks:
        if check.wrong:
            first = f"; first: {check.first}" if check.first else ""
            raise BackupError(f"{named} fails 'db check': it is not true that {check.sentence}{first}")


def scratch_fault(connection: Connection) -> str | None:
    """Why no scratch database can be made; None: it can."""
    with store_errors():
        if backups.may_create_databases(connection):
            return None
    try:
        binaries()
    except ConfigError:
        role = parameters_of(connection)["user"]
        return (
            f"a backup is restored into a scratch database to verify it, and the role {role} may not make one: "
            f"ALTER ROLE {role} CREATEDB, or install force-orders-etl[embedded]"
        )
    return None


@contextmanager
def _scratch(connection: Connection, data_dir: Path) -> Iterator[str]:
    """The URL of a new, empty database: on the same server or, where we may make none there, on an embedded one."""
    with store_errors():
        if backups.may_create_databases(connection):
            parameters = parameters_of(connection)
            with backups.scratch_database(connection) as name:
                yield url_of(parameters | {"dbname": name})
            return
    make_data_directory(data_dir)
    directory, turn = data_dir / "verify", claimed(data_dir / "verify.turn")
    if turn is None:
        raise BusyError("another process is verifying a backup; try again when it is done")
    with turn:
        try:
            stop_server(directory)  # a killed process may have left it
            shutil.rmtree(server_home(directory), ignore_errors=True)
            with EmbeddedPostgres(directory) as server:
                yield server.libpq_url
        finally:
            shutil.rmtree(server_home(directory), ignore_errors=True)
