"""A Postgres that a test may kill, cut, fill and start again, and databases in it. Never the one all tests share."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from itertools import count
from pathlib import Path
from typing import LiteralString

import psutil  # type: ignore[import-untyped]
import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

from etl.embedded.server import EmbeddedPostgres
from etl.store import migrate
from etl.store.engine import connection_to, engine_for
from tests.databases import clone, data_directory, with_database

GONE_AFTER = 20.0
"""Seconds within which a server that was told to end has ended."""

LIMIT_FILES = """
import os, sys
from resource import RLIMIT_FSIZE, prlimit

pid, uid, gid, size = map(int, sys.argv[1:])
if os.geteuid() == 0:  # who in a container may not do this to others: become the server's user
    os.setgroups([])
    os.setgid(gid)
    os.setuid(uid)
hard = prlimit(pid, RLIMIT_FSIZE)[1]
prlimit(pid, RLIMIT_FSIZE, (hard if size < 0 else size, hard))
"""

_numbers = count(1)


class OwnServer:
    """An embedded Postgres with a database `force_orders` that has our schema, to be cloned."""

    def __init__(self, data_dir: Path) -> None:
        self._data_dir = data_dir
        self._server = EmbeddedPostgres(data_dir)

    def start(self) -> "OwnServer":
        """Bring it up, or up again; recovers from whatever was done to it."""
        self._server.stop()
        self._server.start()
        return self

    def stop(self) -> None:
        self._server.stop()

    def answers(self) -> bool:
        try:
            psycopg.connect(self.url("postgres")).close()
        except psycopg.OperationalError:
            return False
        return True

    def crash(self) -> None:
        """SIGKILL to every process of the server: what a power cut and the kernel's killer of large programs do."""
        postmaster = self._postmaster()
        processes = [postmaster, *postmaster.children()]
        for process in processes:
            with suppress(psutil.NoSuchProcess):  # some end by themselves, and all without their postmaster
                process.kill()
        psutil.wait_procs(processes, GONE_AFTER)

    def stop_at_once(self) -> None:
        """What `pg_ctl stop -m immediate` does: no farewell to anybody, and a recovery at the next start."""
        postmaster = self._postmaster()
        postmaster.send_signal(signal.SIGQUIT)
        psutil.wait_procs([postmaster], GONE_AFTER)

    def limit_files(self, size: int) -> None:
        """No file grows beyond `size` bytes in sessions that begin from now on; -1: as it was."""
        postmaster = self._postmaster()
        words = [postmaster.pid, postmaster.uids().real, postmaster.gids().real, size]
        subprocess.run([sys.executable, "-c", LIMIT_FILES, *map(str, words)], check=True)

    def prepare(self) -> None:
        """Give the database that is cloned our schema."""
        with connection_to(engine_for(self._server.libpq_url)) as connection:
            migrate.upgrade(connection)

    @contextmanager
    def database(self) -> Iterator[str]:
        """The libpq URL of a new database with our schema and no rows; it ends with the block."""
        with clone(self.url("postgres"), "force_orders", f"chaos_{next(_numbers)}") as url:
            yield url

    def url(self, database: str) -> str:
        return with_database(self._server.libpq_url, database)

    def tell(self, statement: sql.SQL | sql.Composed) -> None:
        """Run a statement as the server's owner, outside of any transaction."""
        with closing(psycopg.connect(self.url("postgres"), autocommit=True)) as admin:
            admin.execute(statement)

    def alter(self, database_url: str, change: LiteralString) -> None:
        """ALTER DATABASE; holds for sessions that begin afterwards."""
        name = conninfo_to_dict(database_url)["dbname"]
        self.tell(sql.SQL("ALTER DATABASE {} ").format(sql.Identifier(str(name))) + sql.SQL(change))

    @contextmanager
    def read_only(self) -> Iterator[None]:
        """Every session refuses to write, those under way from their next transaction on."""
        self._set("SET default_transaction_read_only = on")
        try:
            yield
        finally:
            self._set("RESET default_transaction_read_only")

    def _set(self, change: LiteralString) -> None:
        """In a session of its own, which may write whatever the server says."""
        with closing(psycopg.connect(self.url("postgres"), autocommit=True)) as admin:
            admin.execute("SET default_transaction_read_only = off")
            admin.execute(sql.SQL("ALTER SYSTEM ") + sql.SQL(change))
            admin.execute("SELECT pg_reload_conf()")

    def _postmaster(self) -> psutil.Process:
        pid = int((self._data_dir / "postgres" / "postmaster.pid").read_text().split()[0])
        return psutil.Process(pid)


@contextmanager
def own_server(parent: Path | None = None) -> Iterator[OwnServer]:
    """A server in a directory of its own: in `parent`, or in memory where there is enough."""
    with data_directory(parent) as directory:
        server = OwnServer(directory)
        try:
            server.start().prepare()
            yield server
        finally:
            server.stop()


def cut_connections(database_url: str) -> int:
    """End every other session of a database, as an operator or a failover does; how many there were."""
    with closing(psycopg.connect(database_url, autocommit=True)) as admin:
        others = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        return len(admin.execute(f"{others} WHERE datname = current_database() AND pid <> pg_backend_pid()").fetchall())
