"""Data directories for the servers of tests, and databases cloned from a template."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
from psycopg import sql
from sqlalchemy import Connection, text

from etl.embedded.server import stop_server

MEMORY = Path("/dev/shm")  # noqa: S108
ENOUGH = 2 << 30

FILES_COPIED = 150_000
"""The first version of Postgres that copies a template's files; that takes half as long as through its journal."""


@contextmanager
def data_directory(parent: Path | None = None) -> Iterator[Path]:
    """A new directory for an embedded server, which stops with the block.

    It lies in `parent`; or, if enough memory is free, in memory, where creating a database takes a tenth of the time.
    Its path is short enough for the server's socket.
    """
    roomy = MEMORY.is_dir() and shutil.disk_usage(MEMORY).free > ENOUGH
    path = Path(tempfile.mkdtemp(prefix="fo-", dir=parent or (MEMORY if roomy else None)))
    path.chmod(0o711)  # under root the server runs as another user
    try:
        yield path
    finally:
        stop_server(path)
        shutil.rmtree(path)


@contextmanager
def clone(server_url: str, template: str, name: str) -> Iterator[str]:
    """The libpq URL of a new database `name`, a copy of `template`, which is dropped with the block."""
    with psycopg.connect(server_url, autocommit=True) as admin:
        how = "STRATEGY file_copy" if admin.info.server_version >= FILES_COPIED else ""
        admin.execute(
            sql.SQL(f"CREATE DATABASE {{}} TEMPLATE {{}} {how}").format(sql.Identifier(name), sql.Identifier(template))
        )
    try:
        yield with_database(server_url, name)
    finally:
        with psycopg.connect(server_url, autocommit=True) as admin:
            admin.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


def with_database(url: str, name: str) -> str:
    """The URL of another database of the same server."""
    head, _, query = url.partition("?")
    return f"{head.rpartition('/')[0]}/{name}" + (f"?{query}" if query else "")


def empty(connection: Connection) -> None:
    """For a property, whose examples share a database: remove all that runs store."""
    connection.execute(text(f"TRUNCATE {', '.join(WRITTEN_BY_RUNS)} RESTART IDENTITY"))
    connection.commit()


WRITTEN_BY_RUNS = (
    *("force_orders", "force_order_revisions", "coverage", "runs", "run_days", "run_wallets", "quarantined_orders"),
    *("cooldowns", "spent_weight", "seals", "newest_seals", "identities", "weight_limits", "verifications"),
    *("probe_results", "archive_files", "reconciliations", "reconciled_days", "reconciliation_orders"),
)
