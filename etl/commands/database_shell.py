"""`db shell`: psql, connected to the database in use."""

import os
import signal
import subprocess
from collections.abc import Mapping
from pathlib import Path

from etl.commands.postgres_programs import SERVICE_ARGUMENT, installed, newest, service_files
from etl.embedded.programs import environment
from etl.errors import ExitCode
from etl.store.connection_parameters import parameters_of
from etl.store.database import address
from etl.store.engine import connection_to, engine_for

OF_A_TERMINAL = frozenset(
    ("COLORTERM", "COLUMNS", "EDITOR", "LANG", "LESS", "LINES", "PAGER", "SHELL", "TERM", "USER", "VISUAL")
)
"""Variables that psql gets, beside its own (PSQL_…, PSQLRC), the locale and what every program gets."""

CANNOT_CONNECT = 2
"""psql's exit code where the connection fails or is lost."""


def run_shell(url: str | None, data_dir: Path, *, read_only: bool) -> ExitCode:
    """Run psql on our own terminal until it ends. An embedded server stays up as long."""
    psql = newest(installed()).path("psql")
    with address(url, data_dir) as reachable:
        with connection_to(engine_for(reachable)) as connection:
            parameters = parameters_of(connection)
        if read_only:
            setting = "-c default_transaction_read_only=on"
            parameters["options"] = f"{parameters.get('options', '')} {setting}".strip()
        with service_files(parameters | {"application_name": "force-orders shell"}) as files:
            return _exit_code(_on_our_terminal([psql, SERVICE_ARGUMENT], _variables() | files))


def _on_our_terminal(words: list[str], variables: Mapping[str, str]) -> int:
    """psql's exit code. Ctrl-C is psql's: it cancels a query, and must not end us."""
    process = subprocess.Popen(words, env=dict(variables))  # noqa: S603 – no shell
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        return process.wait()
    finally:
        process.terminate()
        signal.signal(signal.SIGINT, before)


def _variables() -> dict[str, str]:
    own = {name: value for name, value in environment().items() if name != "LC_ALL"}
    return own | {
        name: value for name, value in os.environ.items() if name in OF_A_TERMINAL or name.startswith(("LC_", "PSQL"))
    }


def _exit_code(code: int) -> ExitCode:
    if code == 0:
        return ExitCode.DONE
    return ExitCode.DATABASE if code == CANNOT_CONNECT else ExitCode.FAILED
