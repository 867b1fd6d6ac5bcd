"""The CPU time of a Postgres server on this machine, all its sessions together, from /proc."""

import os
from functools import cache
from pathlib import Path

import psycopg

TICKS = os.sysconf("SC_CLK_TCK")


def server_cpu(database_url: str) -> float:
    """Seconds since the server started; those of ended sessions are in the parent's. 0.0 where they cannot be read."""
    parent = _postmaster(database_url)
    if parent is None:
        return 0.0
    own = _stat(parent)
    children = (_stat(int(one.name)) for one in Path("/proc").iterdir() if one.name.isdigit())
    return (own[1] + sum(ticks for ppid, ticks in children if ppid == parent)) / TICKS


@cache
def _postmaster(database_url: str) -> int | None:
    try:
        with psycopg.connect(database_url) as connection:
            found = connection.execute("SELECT setting FROM pg_settings WHERE name = 'data_directory'").fetchone()
        return int((Path(found[0]) / "postmaster.pid").read_text().splitlines()[0]) if found else None
    except (OSError, ValueError, psycopg.Error):
        return None


def _stat(pid: int) -> tuple[int, int]:
    """The parent of a process, and its ticks with those of its ended children."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0, 0
    return int(fields[1]), sum(map(int, fields[11:15]))
