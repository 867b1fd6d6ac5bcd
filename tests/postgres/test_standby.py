"""A hot standby can be watched, and what would write there ends with one line."""

import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

from etl.embedded import programs
from etl.embedded.server import EmbeddedPostgres
from etl.store import migrate, runs
from etl.store.engine import connection_to, engine_for
from tests.acceptance.lab import ask
from tests.command import Command
from tests.databases import data_directory
from tests.postgres.embedding import AS_ROOT


@pytest.fixture(scope="module")
def standby_url(made: Path) -> Iterator[str]:
    """The URL of a standby of a primary on which a sync runs: a copy of its files, and no end of its recovery."""
    with data_directory() as directory:
        subprocess.run(["cp", "-a", made, directory], check=True)
        with EmbeddedPostgres(directory) as primary, connection_to(engine_for(primary.libpq_url)) as connection:
            migrate.upgrade(connection)
            runs.start(connection, "sync")
            connection.commit()
            ask(primary.libpq_url)
        data = directory / "postgres"
        owner = data.stat().st_uid if AS_ROOT else None
        directory.chmod(0o711)
        subprocess.run(["touch", "standby.signal"], cwd=data, user=owner, check=True)
        words = [str(programs.binaries() / "pg_ctl"), "-D", ".", "-s", "-w"]
        options = ["-l", "standby.log", "-o", "-c unix_socket_directories=. -c listen_addresses=", "start"]
        subprocess.run([*words, *options], cwd=data, user=owner, check=True)
        try:
            yield f"postgresql://postgres@/force_orders?host={quote(str(data), safe='/')}&port=5432"
        finally:
            subprocess.run([*words, "-m", "immediate", "stop"], cwd=data, user=owner, check=True)


def test_a_run_that_the_primary_knows_is_not_called_dead(command: Command, standby_url: str) -> None:
    shown = command("status", FORCE_ORDERS_DATABASE_URL=standby_url)
    assert (shown.returncode, "running (as the primary knows)" in shown.stdout) == (0, True), shown.stderr
    assert '"status": "running"' in command("status", "--json", FORCE_ORDERS_DATABASE_URL=standby_url).stdout
    told = command("metrics", FORCE_ORDERS_DATABASE_URL=standby_url)
    assert 'force_orders_runs_total{command="sync",status="running"} 1.0' in told.stdout


@pytest.mark.parametrize("words", ["status --json", "metrics", "report", "db query 'SELECT * FROM jobs'", "db check"])
def test_what_only_reads_works_there(command: Command, standby_url: str, words: str) -> None:
    done = command(*shlex.split(words), FORCE_ORDERS_DATABASE_URL=standby_url)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("words", ["sync", "backfill --distributed", "quarantine retry"])
def test_what_writes_ends_with_5_and_one_line_that_says_why(command: Command, standby_url: str, words: str) -> None:
    keys = {"BINANCE_API_KEY": "key", "BINANCE_API_SECRET": "secret"}
    done = command(*words.split(), FORCE_ORDERS_DATABASE_URL=standby_url, **keys)
    assert (done.returncode, len(done.stderr.splitlines())) == (5, 1), done.stderr
    assert "read-only transaction (ReadOnlySqlTransaction)" in done.stderr


@pytest.mark.parametrize("words", ["db backup {}", "db backup {} --no-verify", "db move-to postgresql:///other"])
def test_a_copy_is_made_of_the_primary(
    command: Command, standby_url: str, empty_database_url: str, tmp_path: Path, words: str
) -> None:
    typed = words.format(tmp_path / "dumps").replace("postgresql:///other", empty_database_url)
    done = command(*shlex.split(typed), FORCE_ORDERS_DATABASE_URL=standby_url)
    assert (done.returncode, done.stdout) == (5, "")
    said = "the database is a standby, which cannot be copied; connect to its primary"
    assert done.stderr == f"force-orders: {said}\n"
    assert not (tmp_path / "dumps").exists()
