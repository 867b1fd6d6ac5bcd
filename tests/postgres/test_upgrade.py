"""An upgrade keeps nobody waiting for long, and an older program goes on reading."""

import psycopg
import pytest
from alembic import command as alembic
from sqlalchemy import Connection, text

from etl.errors import StoreError
from etl.store import migrate
from etl.store.engine import connection_to, engine_for
from tests.command import Command

HELD = "LOCK TABLE force_orders, coverage, runs, quarantined_orders IN ACCESS SHARE MODE"
"""What a transaction has that has read these tables and was forgotten."""


@pytest.fixture
def old(database_url: str, connection: Connection, monkeypatch: pytest.MonkeyPatch) -> Connection:
    """A connection to a database with the schema of the first release."""
    monkeypatch.setattr(migrate, "LOCK_TIMEOUT_S", 0.1)
    config = migrate._config()
    config.attributes["connection"] = connection
    alembic.downgrade(config, "0009")
    connection.commit()
    return connection


def test_an_upgrade_waits_in_short_turns_and_is_done_once_the_tables_are_free(
    old: Connection, database_url: str
) -> None:
    with psycopg.connect(database_url) as forgotten:
        forgotten.execute(HELD)
        pauses: list[float] = []

        def pause(seconds: float) -> None:
            pauses.append(seconds)
            with psycopg.connect(database_url) as reader:
                reader.execute("SET lock_timeout = '1s'")
                reader.execute("SELECT FROM force_orders, coverage, runs")
            if len(pauses) == 2:
                forgotten.rollback()

        assert migrate.upgrade(old, pause) == ("0009", migrate.head())
    assert len(pauses) == 2
    migrate.check(old)


def test_an_upgrade_that_is_given_up_names_who_is_in_the_way_and_changes_nothing(
    old: Connection, database_url: str
) -> None:
    with psycopg.connect(database_url, application_name="forgotten") as forgotten:
        forgotten.execute(HELD)
        pid = forgotten.info.backend_pid
        with pytest.raises(StoreError, match=rf"another session holds a table: pid {pid} \(\w+, forgotten\); end it"):
            migrate.upgrade(old, lambda seconds: None)
    assert migrate.current(old) == "0009"
    assert migrate.upgrade(old, lambda seconds: None) == ("0009", migrate.head())


@pytest.mark.parametrize("words", ["status", "report", "metrics", "quarantine list", "accounts list"])
def test_an_older_program_reads_on_and_says_so(command: Command, database_url: str, words: str) -> None:
    with psycopg.connect(database_url) as newer:
        newer.execute("UPDATE alembic_version SET version_num = '9999'")
        newer.execute("ALTER TABLE runs ADD COLUMN more int")
    keys = {"BINANCE_API_KEY": "key", "BINANCE_API_SECRET": "secret"}
    done = command(*words.split(), FORCE_ORDERS_DATABASE_URL=database_url, **keys)
    assert done.returncode == 0, done.stderr
    assert "the database has the newer schema 9999" in done.stderr
    assert "install the newer version" in done.stderr


@pytest.mark.parametrize("words", ["sync", "verify", "quarantine retry", "db upgrade"])
def test_an_older_program_writes_nothing(command: Command, database_url: str, words: str) -> None:
    with psycopg.connect(database_url) as newer:
        newer.execute("UPDATE alembic_version SET version_num = '9999'")
    keys = {"BINANCE_API_KEY": "key", "BINANCE_API_SECRET": "secret"}
    done = command(*words.split(), FORCE_ORDERS_DATABASE_URL=database_url, **keys)
    assert (done.returncode, done.stdout) == (5, "")
    (line,) = done.stderr.splitlines()
    assert line.endswith(
        f"the database has schema 9999, this program knows {migrate.head()}; install the newer version"
    )
    with connection_to(engine_for(database_url)) as connection:
        assert connection.scalar(text("SELECT count(*) FROM runs")) == 0


def test_an_older_program_reads_on_in_its_own_embedded_database_too(command: Command) -> None:
    assert command("status").returncode == 0
    url = command("db", "url").stdout.strip()
    with psycopg.connect(url) as newer:
        newer.execute("UPDATE alembic_version SET version_num = '9999'")
    read, written = command("status"), command("db", "upgrade")
    command("db", "stop")
    assert (read.returncode, "the newer schema 9999" in read.stderr) == (0, True)
    assert written.returncode == 5
