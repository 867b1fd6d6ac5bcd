"""Until when every change is visible, and what a downgrade of the exports leaves."""

import re
from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from alembic import command as alembic
from alembic.config import Config
from sqlalchemy import Connection, text

from etl.core.timeline import SECOND, to_millis
from etl.store import migrate
from etl.store.clock import database_clock
from etl.store.engine import connection_to, engine_for
from etl.store.export_marks import ExportMark, SafeUntil, read_mark, safe_until, write_mark


@pytest.fixture
def seen_by_the_writer(writer_url: str) -> Callable[[], SafeUntil]:
    def look() -> SafeUntil:
        with connection_to(engine_for(writer_url)) as connection:
            return safe_until(connection)

    return look


def begun(session: psycopg.Connection[Any]) -> int:
    """When the session's transaction began, epoch milliseconds."""
    ((moment,),) = session.execute("SELECT now()").fetchall()
    return to_millis(moment)


def test_without_another_transaction_it_is_a_second_ago(connection: Connection, seen_by_the_writer: Any) -> None:
    before = database_clock(connection)
    connection.rollback()
    found = seen_by_the_writer().instant
    connection.rollback()
    assert before - SECOND <= found <= database_clock(connection) - SECOND


def test_a_transaction_of_the_same_role_holds_it_where_it_began_until_it_ends(
    writer_url: str, seen_by_the_writer: Any
) -> None:
    with psycopg.connect(writer_url) as older, psycopg.connect(writer_url) as younger:
        moment = begun(older)
        begun(younger)
        older.execute("UPDATE runs SET error = ''")
        assert seen_by_the_writer().instant <= moment
        older.commit()
        younger.commit()


def test_a_transaction_of_another_role_that_may_write_is_named_and_one_of_a_reader_is_not(
    database_url: str, reader_url: str, seen_by_the_writer: Any
) -> None:
    with psycopg.connect(reader_url) as reading, psycopg.connect(database_url) as superuser:
        begun(reading)
        assert seen_by_the_writer().instant is not None
        begun(superuser)
        assert seen_by_the_writer() == SafeUntil(None, f"pid {superuser.info.backend_pid} (postgres)")
        superuser.rollback()
        assert seen_by_the_writer().instant is not None, "idle, but in no transaction"


def test_a_role_that_may_become_the_writer_counts_as_one(
    server_url: str, database_url: str, writer_url: str, seen_by_the_writer: Any
) -> None:
    writer = psycopg.conninfo.conninfo_to_dict(writer_url)["user"]
    with psycopg.connect(database_url, autocommit=True) as admin:
        admin.execute(f"CREATE ROLE {writer}_too LOGIN NOINHERIT PASSWORD 'x' IN ROLE {writer}")
        admin.execute(f"GRANT CONNECT ON DATABASE {admin.info.dbname} TO {writer}_too")
        try:
            url = psycopg.conninfo.make_conninfo(writer_url, user=f"{writer}_too", password="x")
            with psycopg.connect(url) as session:
                begun(session)
                assert f"({writer}_too)" in seen_by_the_writer().session
        finally:
            admin.execute(f"DROP OWNED BY {writer}_too")
            admin.execute(f"DROP ROLE {writer}_too")


def test_a_mark_replaces_the_one_of_its_name(connection: Connection) -> None:
    assert read_mark(connection, "nightly") is None
    write_mark(connection, "nightly", ExportMark(5_000, {"since": None}), "a.csv", 3)
    write_mark(connection, "nightly", ExportMark(4_000, {"symbols": ["X"]}), "b.csv", 0)
    assert read_mark(connection, "nightly") == ExportMark(4_000, {"symbols": ["X"]})
    assert read_mark(connection, "weekly") is None


VIEWS = """
    SELECT relname, pg_get_viewdef(pg_class.oid), obj_description(pg_class.oid, 'pg_class'),
           (SELECT json_object_agg(attname, col_description(attrelid, attnum) ORDER BY attnum)::text FROM pg_attribute
             WHERE attrelid = pg_class.oid AND attnum > 0)
      FROM pg_class WHERE relkind = 'v' AND relnamespace = current_schema()::regnamespace ORDER BY relname
"""


def views(connection: Connection) -> list[list[str | None]]:
    """Each with its comments. Postgres prints a view that was made from its own print with other brackets and names of
    columns that nobody reads."""
    rows = connection.execute(text(VIEWS)).all()
    return [[name, re.sub(r'[()\s]|AS"numeric"|AS "numeric"', "", body), *said] for name, body, *said in rows]


def test_a_downgrade_leaves_every_view_as_it_was(empty_database_url: str) -> None:
    config = Config()
    config.set_main_option("script_location", str(migrate.migrations_dir()))
    with connection_to(engine_for(empty_database_url)) as connection:
        config.attributes["connection"] = connection
        alembic.upgrade(config, "0028")
        alembic.downgrade(config, "-1")
        left = views(connection)
        before = migrate.current(connection) or ""
        alembic.downgrade(config, "base")
        alembic.upgrade(config, before)
        assert views(connection) == left
        connection.commit()
