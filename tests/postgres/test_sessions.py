"""A session is ours: its settings whatever the role's are, and nobody else's although a pooler is in between."""

import gc
import sys

import psycopg
import pytest
from psycopg import sql
from sqlalchemy import text

from etl.errors import StoreError
from etl.store import runs
from etl.store.engine import SESSION_VARIABLES, connection_to, engine_for, store_errors
from etl.store.pooler import pools_transactions
from etl.store.session import SETTINGS
from tests.combining import each_value_once
from tests.command import Command
from tests.postgres.pooling import pooler

ODD = {
    "DateStyle": "German",
    "IntervalStyle": "sql_standard",
    "TimeZone": "Asia/Kathmandu",
    "bytea_output": "escape",
    "client_encoding": "LATIN1",
    "extra_float_digits": "-15",
    "array_nulls": "off",
    "transform_null_equals": "on",
    "quote_all_identifiers": "on",
    "standard_conforming_strings": "off",
    "default_transaction_isolation": "serializable",
    "idle_session_timeout": "1h",
}


@pytest.fixture
def odd_url(database_url: str) -> str:
    """The URL of a database whose sessions begin with settings that nobody expects."""
    with psycopg.connect(database_url, autocommit=True) as admin:
        for name, value in ODD.items():
            database = sql.Identifier(admin.info.dbname)
            admin.execute(sql.SQL("ALTER DATABASE {} SET {} = {}").format(database, sql.Identifier(name), value))
    return database_url


def test_what_the_database_would_have_every_session_begin_with_does_not_reach_ours(odd_url: str) -> None:
    assert ODD.keys() == SETTINGS.keys()
    with connection_to(engine_for(odd_url)) as connection:
        found = {name: connection.scalar(text("SELECT current_setting(:name)"), {"name": name}) for name in SETTINGS}
        assert found == SETTINGS
        assert connection.scalar(text("SELECT current_setting('transaction_isolation')")) == "read committed"


def test_commands_work_in_such_a_database(odd_url: str, command: Command) -> None:
    with connection_to(engine_for(odd_url)) as connection:
        run_id = runs.start(connection, "sync")
        runs.finish(connection, run_id, runs.Counts(), "succeeded", None)
        connection.commit()
    for words in (["status", "--json"], ["report"], ["metrics"], ["db", "check"]):
        done = command(*words, FORCE_ORDERS_DATABASE_URL=odd_url)
        assert (words, done.returncode) == (words, 0), done.stderr


@pytest.mark.parametrize("in_turn", [False, True])
def test_a_pooler_by_transaction_is_noticed(database_url: str, *, in_turn: bool) -> None:
    with (
        pooler(database_url, by_session=False, in_turn=in_turn) as url,
        pytest.raises(StoreError, match="pool_mode = session"),
        connection_to(engine_for(url)),
    ):
        pass


@each_value_once(in_turn=[False, True], others=[1, 5, 2])
def test_so_is_one_whose_other_clients_are_idle(database_url: str, others: int, *, in_turn: bool) -> None:
    with pooler(database_url, by_session=False, in_turn=in_turn) as url:
        idle = [engine_for(url).connect() for _ in range(others)]
        with engine_for(url).connect() as connection:
            assert pools_transactions(connection)
        for one in idle:
            one.close()


def test_a_pooler_by_session_is_fine(database_url: str) -> None:
    with pooler(database_url, by_session=True) as url, connection_to(engine_for(url)) as connection:
        assert connection.scalar(text("SELECT 1")) == 1
        assert not pools_transactions(connection)


def test_no_pooler_is_fine(database_url: str) -> None:
    with engine_for(database_url).connect() as connection:
        assert not pools_transactions(connection)


def test_the_command_says_so_in_one_line_and_ends_with_5(writer_url: str, command: Command) -> None:
    keys = {"BINANCE_API_KEY": "key", "BINANCE_API_SECRET": "secret"}
    with pooler(writer_url, by_session=False) as url:
        done = command("sync", FORCE_ORDERS_DATABASE_URL=url, **keys)
    assert (done.returncode, len(done.stderr.splitlines())) == (5, 1)
    assert "gives each transaction another session" in done.stderr


def test_an_error_of_postgres_is_told_with_its_class(database_url: str, reader_url: str) -> None:
    with (
        pytest.raises(StoreError, match=r"permission denied for table coverage \(InsufficientPrivilege\); the role "),
        connection_to(engine_for(reader_url)) as connection,
    ):
        connection.execute(text("SELECT * FROM coverage"))


def test_an_error_of_postgres_that_a_library_wrapped_is_one_of_the_database(database_url: str) -> None:
    def fail() -> None:
        with psycopg.connect(database_url) as connection:
            try:
                connection.execute("SELECT nothing")
            except psycopg.Error as error:
                raise RuntimeError("the library's own") from error

    with pytest.raises(StoreError, match="UndefinedColumn"), store_errors():
        fail()
    with pytest.raises(ZeroDivisionError), store_errors():
        raise ZeroDivisionError


def test_an_error_of_connecting_names_the_variables_that_had_a_part_in_it(database_url: str, command: Command) -> None:
    done = command(
        "status",
        FORCE_ORDERS_DATABASE_URL="postgresql://me@nowhere.invalid/db?sslmode=disable",
        PGHOSTADDR="127.0.0.1",
        PGPORT="1",
        PGSSLMODE="require",
        PGPASSWORD="never-shown",
    )
    assert done.returncode == 5
    (line,) = done.stderr.splitlines()
    assert set(line.partition("has a say in this: ")[2].split(", ")) == {"PGHOSTADDR", "PGPORT", "PGPASSWORD"}
    assert "never-shown" not in line


@pytest.mark.parametrize("variable", SESSION_VARIABLES)
def test_so_does_one_of_a_setting_that_the_server_refuses(
    database_url: str, variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, "Mars")
    with pytest.raises(StoreError, match=f"has a say in this: .*{variable}"), connection_to(engine_for(database_url)):
        pass


@pytest.mark.parametrize("before", ["the question", "the rows", "the end"])
def test_a_session_that_is_ended_while_it_reads_piece_by_piece_leaves_no_warning_of_an_open_cursor(
    database_url: str, monkeypatch: pytest.MonkeyPatch, before: str
) -> None:
    warnings: list[object] = []
    monkeypatch.setattr(sys, "unraisablehook", lambda warning: warnings.append(warning.exc_value))

    def outlive_the_session() -> None:
        with connection_to(engine_for(database_url)) as reading, connection_to(engine_for(database_url)) as admin:
            pid = reading.scalar(text("SELECT pg_backend_pid()"))
            end = text(f"SELECT pg_terminate_backend({pid}, 5000)")
            if before == "the question":
                admin.execute(end)
            found = reading.execute(text("SELECT generate_series(1, 99)"), execution_options={"yield_per": 9})
            if before == "the rows":
                admin.execute(end)
            found.fetchmany(9)
            if before == "the end":
                admin.execute(end)
            found.close()

    with pytest.raises(StoreError, match="the database cannot be used: "):
        outlive_the_session()
    gc.collect()
    assert warnings == []
