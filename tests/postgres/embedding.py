"""Embedded servers in directories of their own, other processes that use them, and what a test asks of both."""

import os
import socket
import stat
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import psycopg

from tests.environment import ROOT

AS_ROOT = os.geteuid() == 0
NOBODY = 65534

USER_OF_THE_SERVER = """
import fcntl, os, psutil, sys
from pathlib import Path
from etl.embedded.server import EmbeddedPostgres

if uid := int(os.environ.get("BECOME", 0)):  # only now: the interpreter itself may lie where others do not get to
    os.setgroups([])
    os.setgid(uid)
    os.setuid(uid)
with EmbeddedPostgres(Path(sys.argv[1])) as server:
    if sys.argv[2:] == ["keep"]:
        server.keep_running()
    print(server.libpq_url, flush=True)
    sys.stdin.readline()
"""


class Command:
    """Another process that uses the server until it is told to end."""

    def __init__(self, data_dir: Path, *arguments: str, become: int = 0, path: Path | None = None) -> None:
        """`become`: the user to be; `path`: a directory of packages that come before the installed ones."""
        self.process = subprocess.Popen(
            [sys.executable, "-W", "error", "-c", USER_OF_THE_SERVER, data_dir, *arguments],
            env={name: value for name, value in os.environ.items() if name != "XDG_RUNTIME_DIR"}
            | {"BECOME": str(become)}
            | ({} if path is None else {"PYTHONPATH": f"{path}:{ROOT}"}),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd="/",
        )

    def url(self) -> str:
        assert self.process.stdout
        return self.process.stdout.readline().strip()

    def end(self) -> str:
        """What it said besides the address."""
        return "".join(self.process.communicate("\n", timeout=30))

    def kill(self) -> None:
        self.process.kill()
        self.process.communicate()


def ask(url: str, sql: str) -> object:
    with closing(psycopg.connect(url, autocommit=True)) as connection:
        cursor = connection.execute(sql.encode())
        row = cursor.fetchone() if cursor.description else None
        return row[0] if row else None


def answers(data_dir: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as client:
        return client.connect_ex(str(data_dir / "postgres" / ".s.PGSQL.5432")) == 0


def postmaster(data_dir: Path) -> int:
    return int((data_dir / "postgres" / "postmaster.pid").read_text().split()[0])


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)
