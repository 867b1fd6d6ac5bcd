"""A server of the other version of Postgres that the wheel has."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

from etl.embedded.programs import INSTALLATIONS, binaries
from tests.databases import data_directory

(OLDER,) = INSTALLATIONS
NOBODY = 65534


@contextmanager
def older_server() -> Iterator[str]:
    """The libpq URL of its database `postgres`; it ends with the block."""
    identity = {"user": NOBODY, "group": NOBODY, "extra_groups": []} if os.geteuid() == 0 else {}

    def run(*words: str) -> None:
        subprocess.run(
            [binaries(OLDER) / words[0], *words[1:]],
            cwd=home,
            stdout=subprocess.DEVNULL,  # a pipe would stay open as long as the server
            stderr=subprocess.DEVNULL,
            check=True,
            **identity,  # type: ignore[call-overload]
        )

    with data_directory() as home:
        if identity:
            os.chown(home, NOBODY, NOBODY)
        run("initdb", "-D", "data", "-U", "postgres", "--auth=trust", "--no-sync", "-E", "UTF8", "--locale=C")
        run("pg_ctl", "-D", "data", "-w", "-o", f"-k {home} -h '' -F", "start")
        try:
            yield f"postgresql://postgres@/postgres?host={home}"
        finally:
            run("pg_ctl", "-D", "data", "-m", "immediate", "stop")
