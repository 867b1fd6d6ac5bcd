"""The migrations make the schema that the code describes, in one step or many, by one process or two."""

import re
from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from alembic import command as alembic
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from procrastinate.schema import SchemaManager
from sqlalchemy import Connection, MetaData, text

from etl.errors import StoreError
from etl.store import coverage, migrate
from etl.store.engine import connection_to, engine_for
from etl.store.schema import metadata
from tests.command import Command

CATALOGUE = {
    "columns": """
        SELECT table_name, ordinal_position, column_name, udt_name, is_nullable, identity_generation,
               column_default IS NULL
          FROM information_schema.columns WHERE table_schema = 'public'""",
    "constraints": """
        SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid)
          FROM pg_constraint WHERE connamespace = 'public'::regnamespace AND contype <> 'n'""",
    "indexes": "SELECT tablename, indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'",
}

OF_THE_QUEUE = r"""
    SELECT 'function', oid::regprocedure::text, pg_get_functiondef(oid) FROM pg_proc
     WHERE pronamespace = 'public'::regnamespace AND proname LIKE 'procrastinate\_%'
    UNION ALL
    SELECT 'trigger', tgname, pg_get_triggerdef(oid) FROM pg_trigger
     WHERE NOT tgisinternal AND tgname LIKE 'procrastinate\_%'
    UNION ALL
    SELECT 'enum', enumtypid::regtype::text, string_agg(enumlabel, ' ' ORDER BY enumsortorder) FROM pg_enum
     GROUP BY enumtypid
    UNION ALL
    SELECT 'type', attrelid::regclass::text, string_agg(attname || ' ' || atttypid::regtype, ', ' ORDER BY attnum)
      FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid
     WHERE relkind IN ('c', 'r', 'S', 'v') AND relname LIKE 'procrastinate\_%' AND attnum > 0 GROUP BY attrelid
    UNION ALL
    SELECT 'default', attrelid::regclass || '.' || attname, pg_get_expr(adbin, adrelid)
      FROM pg_attrdef JOIN pg_attribute ON (attrelid, attnum) = (adrelid, adnum)
     WHERE adrelid::regclass::text LIKE 'procrastinate\_%'
"""
"""What the library that keeps the queue makes, but for what `tables_of` compares."""


RELEASES = {"0.1.0": "0009"}
"""The schema's revision in each release."""

A_HISTORY = """
    INSERT INTO force_orders (account, market, symbol, order_id, close_type, price, order_time, update_time, raw,
                              first_seen_at, changed_at, first_run_id, last_run_id)
    VALUES ('main', 'usdm', 'BTCUSDT', 8389766251307928001, 'ADL', 10871.09, '2026-09-02', '2026-09-02', '{}',
            now(), now(), 1, 1);
    INSERT INTO coverage (account, market, symbol, asked_since, proven)
    VALUES ('main', 'usdm', '*', '2026-09-01', '{[2026-09-01,2026-09-08)}')
"""


@pytest.fixture
def alembic_config() -> Callable[[Connection], Config]:
    """Alembic as its own command would run it, on a connection of the test's."""

    def on(connection: Connection) -> Config:
        config = Config()
        config.set_main_option("script_location", str(migrate.migrations_dir()))
        config.attributes["connection"] = connection
        return config

    return on


OUR_INDEXES = {"jobs_account_idx"}
"""Indexes of ours on the library's tables."""


def tables_of(connection: Connection, names: set[str]) -> dict[str, list[tuple[Any, ...]]]:
    """Everything that the catalogue says of these tables."""
    said = {kind: connection.execute(text(query)).all() for kind, query in CATALOGUE.items()}
    connection.rollback()
    return {kind: sorted(tuple(row) for row in rows if row[0] in names) for kind, rows in said.items()}


def relations(connection: Connection) -> set[str]:
    found = connection.scalars(text("SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace"))
    return set(found)


def is_ours(name: str | None, kind: str, parents: object) -> bool:
    """The tables of the library that keeps the queue are made here and described there."""
    return not (kind == "table" and str(name).startswith("procrastinate_"))


def kind_of(difference: Any) -> str:
    """What differs, as Alembic names it. Comments stand in the migrations alone: they are for people who use SQL."""
    while isinstance(difference, list):
        difference = difference[0]
    return str(difference[0])


def test_alembic_finds_nothing_that_differs_from_the_models(connection: Connection) -> None:
    compared = {"compare_type": True, "compare_server_default": True, "include_name": is_ours}
    context = MigrationContext.configure(connection, opts=compared)
    assert [one for one in compare_metadata(context, metadata) if "comment" not in kind_of(one)] == []


def test_the_migrated_tables_are_the_models_to_the_last_constraint(
    connection: Connection, empty_database_url: str
) -> None:
    with connection_to(engine_for(empty_database_url)) as made:
        metadata.create_all(made)
        made.commit()
        assert tables_of(connection, set(metadata.tables)) == tables_of(made, set(metadata.tables))


def test_the_queue_s_tables_functions_and_triggers_are_those_of_the_installed_library(
    connection: Connection, empty_database_url: str
) -> None:
    with connection_to(engine_for(empty_database_url)) as made:
        made.execute(text(SchemaManager.get_schema()))
        made.commit()
        tables = {name for name in relations(made) if name.startswith("procrastinate_")}
        assert len(tables) > 10
        ours = tables_of(connection, tables)
        ours["indexes"] = [index for index in ours["indexes"] if index[1] not in OUR_INDEXES]
        assert ours == tables_of(made, tables)
        migrated, expected = (sorted(map(tuple, one.execute(text(OF_THE_QUEUE)))) for one in (connection, made))
        assert {kind for kind, *_ in expected} == {"function", "trigger", "enum", "type", "default"}
        assert migrated == expected


@pytest.mark.parametrize("view", coverage.views.sorted_tables, ids=lambda view: view.name)
def test_a_view_has_the_columns_that_the_code_reads(connection: Connection, view: Any) -> None:
    there = MetaData()
    there.reflect(connection, only=[view.name], views=True)
    found, read = (
        {(column.name, column.type.compile(connection.dialect)) for column in table.columns}
        for table in (there.tables[view.name], view)
    )
    assert found == read


def test_the_head_is_alembics(connection: Connection, alembic_config: Callable[[Connection], Config]) -> None:
    scripts = ScriptDirectory.from_config(alembic_config(connection))
    assert scripts.get_heads() == [migrate.head()]
    assert migrate.current(connection) == migrate.head()


def test_the_revisions_stand_in_order_and_say_what_they_are_for() -> None:
    names, purposes = zip(*migrate.revisions(), strict=True)
    assert names == tuple(f"{number:04}" for number in range(1, len(names) + 1))
    assert all(purposes)


def test_an_upgrade_tells_where_it_began_and_a_second_one_is_harmless(empty_database_url: str) -> None:
    with connection_to(engine_for(empty_database_url)) as connection:
        assert migrate.upgrade(connection) == (None, migrate.head())
        before = relations(connection)
        assert migrate.upgrade(connection) == (migrate.head(), migrate.head())
        assert relations(connection) == before
        migrate.check(connection)


def test_every_revision_can_be_taken_back_and_made_again(
    connection: Connection, alembic_config: Callable[[Connection], Config]
) -> None:
    config, before = alembic_config(connection), relations(connection)
    for _ in migrate.revisions():
        alembic.downgrade(config, "-1")
    connection.commit()
    assert relations(connection) == {"alembic_version", "alembic_version_pkc"}
    assert migrate.current(connection) is None

    for _ in migrate.revisions():
        alembic.upgrade(config, "+1")
    connection.commit()
    assert relations(connection) == before
    migrate.check(connection)


@pytest.mark.parametrize(("release", "revision"), RELEASES.items())
def test_a_database_of_a_release_keeps_what_it_holds_through_an_upgrade(
    empty_database_url: str, alembic_config: Callable[[Connection], Config], release: str, revision: str
) -> None:
    with connection_to(engine_for(empty_database_url)) as connection:
        alembic.upgrade(alembic_config(connection), revision)
        connection.execute(text(A_HISTORY))
        connection.commit()
        migrate.upgrade(connection)
        assert migrate.current(connection) == migrate.head(), release
        assert connection.execute(text("SELECT symbol, order_id, price::text FROM force_orders")).all() == [
            ("BTCUSDT", 8389766251307928001, "10871.09")
        ]
        assert connection.execute(text("SELECT watermark::text FROM watermarks")).all() == [("2026-09-08 00:00:00+00",)]


def test_an_upgrade_fails_as_a_whole(
    connection: Connection, database_url: str, alembic_config: Callable[[Connection], Config]
) -> None:
    alembic.downgrade(alembic_config(connection), "base")
    connection.execute(text("CREATE VIEW watermarks AS SELECT 1"))
    connection.commit()

    with pytest.raises(StoreError, match='"watermarks" already exists'), connection_to(engine_for(database_url)) as own:
        migrate.upgrade(own)
    assert relations(connection) == {"alembic_version", "alembic_version_pkc", "watermarks"}


@pytest.mark.parametrize(
    ("found", "advice"),
    [
        pytest.param("0001", "the database has the old schema 0001, {head} is needed; run: force-orders db upgrade"),
        pytest.param("9999", "the database has schema 9999, this program knows {head}; install the newer version"),
    ],
)
def test_another_schema_is_refused_with_what_to_do(connection: Connection, found: str, advice: str) -> None:
    connection.execute(text("UPDATE alembic_version SET version_num = :found"), {"found": found})
    connection.commit()
    with pytest.raises(StoreError, match=f"^{re.escape(advice.format(head=migrate.head()))}$"):
        migrate.check(connection)


OTHERS_VERSION = "CREATE TABLE alembic_version (version_num text); "


@pytest.mark.parametrize(
    ("there", "refusal"),
    [
        pytest.param("", "the database has no tables of ours yet; run: force-orders db upgrade", id="empty"),
        pytest.param("CREATE TABLE customers ()", "the database has no tables of ours yet", id="another program's"),
        pytest.param(OTHERS_VERSION, "the database has no tables of ours yet", id="no revision"),
        pytest.param(
            OTHERS_VERSION + "INSERT INTO alembic_version VALUES ('a1b2')",
            "alembic_version of another program",
            id="its revision",
        ),
    ],
)
def test_a_foreign_database_is_refused(empty_database_url: str, there: str, refusal: str) -> None:
    with psycopg.connect(empty_database_url) as other:
        other.execute(there)
    with connection_to(engine_for(empty_database_url)) as connection, pytest.raises(StoreError, match=refusal):
        migrate.check(connection)


def test_many_upgrades_at_once_make_one_schema(command: Command, empty_database_url: str) -> None:
    started = [command.start("db", "upgrade", FORCE_ORDERS_DATABASE_URL=empty_database_url) for _ in range(4)]
    ended = [process.communicate(timeout=60) for process in started]

    assert [process.returncode for process in started] == [0] * 4, ended
    head = migrate.head()
    assert sorted(said for said, _ in ended) == [f"schema none → {head}\n", *[f"the schema is already {head}\n"] * 3]
    with connection_to(engine_for(empty_database_url)) as connection:
        migrate.check(connection)


def test_the_database_of_another_program_is_not_upgraded(empty_database_url: str) -> None:
    with psycopg.connect(empty_database_url) as other:
        other.execute(OTHERS_VERSION + "INSERT INTO alembic_version VALUES ('a1b2')")
    with (
        connection_to(engine_for(empty_database_url)) as connection,
        pytest.raises(StoreError, match="another program"),
    ):
        migrate.upgrade(connection)
