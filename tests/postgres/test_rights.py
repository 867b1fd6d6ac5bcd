"""The three roles of docs/operations.md: each can do what it is for, and nothing else."""

import re
import shlex
from typing import Any

import psycopg
import pytest
from alembic import command as alembic
from alembic.config import Config
from psycopg.errors import InsufficientPrivilege

from etl.store import migrate
from etl.store.engine import connection_to, engine_for
from etl.store.rights import WRITER, is_read_only, lacking_to_write
from tests.command import Command
from tests.roles import ROLES, as_role, rights

READ, ADD, KEEP = {"SELECT"}, {"SELECT", "INSERT", "UPDATE"}, {"SELECT", "INSERT", "UPDATE", "DELETE"}
NOTHING: set[str] = set()
WRITER_AND_READER = {
    "account_markets": (ADD, READ),
    "alembic_version": (READ, READ),
    "archive_files": (ADD, READ),
    "archive_files_id_seq": (READ, NOTHING),
    "backups": ({"SELECT", "INSERT"}, READ),
    "backups_id_seq": (READ, NOTHING),
    "capital_flow_coverage": (ADD, NOTHING),
    "capital_flow_gaps": (READ, READ),
    "capital_flows": ({"SELECT", "INSERT"}, READ),
    "coverage": (KEEP, NOTHING),
    "coverage_gaps": (READ, READ),
    "decisions": ({"SELECT", "INSERT"}, READ),
    "decisions_id_seq": (READ, NOTHING),
    "disputed_orders": (READ, READ),
    "effective_coverage": (READ, READ),
    "export_marks": (ADD, READ),
    "fill_checks": (ADD, READ),
    "force_order_fills": ({"SELECT", "INSERT"}, READ),
    "force_order_revisions": ({"SELECT", "INSERT"}, READ),
    "force_orders": (ADD, READ),
    "identities": (ADD, NOTHING),
    "income": ({"SELECT", "INSERT"}, READ),
    "income_coverage": (ADD, READ),
    "income_gaps": (READ, READ),
    "income_id_seq": (READ, NOTHING),
    "instruments": (ADD, READ),
    "jobs": (READ, READ),
    "order_counts": (ADD, READ),
    "order_days": (ADD, READ),
    "daily_sums": ({"SELECT", "INSERT", "DELETE"}, READ),
    "computed_daily_sums": (READ, READ),
    "own_watermarks": (READ, READ),
    **{f"procrastinate_{name}": (KEEP, NOTHING) for name in ("jobs", "events", "periodic_defers")},
    "procrastinate_workers": (KEEP, READ),
    **{f"procrastinate_{name}_id_seq": (READ, NOTHING) for name in ("jobs", "events", "periodic_defers", "workers")},
    "probe_results": ({"SELECT", "INSERT"}, READ),
    "probe_results_id_seq": (READ, NOTHING),
    "quarantined_days": (READ, READ),
    "quarantined_orders": (ADD, READ),
    "quarantined_orders_id_seq": (READ, NOTHING),
    **{f"report_{name}": (READ, READ) for name in ("force_orders", "daily", "symbols", "cascades", "coverage", "runs")},
    "reconciled_days": (ADD, READ),
    "reconciliation_days": (READ, READ),
    "reconciliation_orders": (ADD, READ),
    "reconciliations": ({"SELECT", "INSERT"}, READ),
    "reconciliations_id_seq": (READ, NOTHING),
    "report_liquidation_flows": (READ, READ),
    "report_archives": (READ, READ),
    "report_scopes": (READ, READ),
    **{f"report_{name}": (READ, READ) for name in ("watermarks", "gaps", "jobs", "verifications", "quarantine")},
    "report_revisions": (READ, READ),
    "report_order_counts": (READ, READ),
    **{f"report_{name}_as_of": (READ, READ) for name in ("force_orders", "daily", "symbols", "cascades")},
    "orders_as_of": (NOTHING, NOTHING),
    "report_slippage": (READ, READ),
    "report_costs": (READ, READ),
    "cost_gaps": (READ, READ),
    "fill_states": (READ, READ),
    "unlinked_fees": (READ, READ),
    "unread_fees": (READ, READ),
    "mark_prices": ({"SELECT", "INSERT"}, READ),
    "newest_seals": (ADD, READ),
    "run_days": (ADD, READ),
    "runs": (KEEP, READ),
    "run_wallets": (KEEP, READ),
    "report_run_wallets": (READ, READ),
    "runs_id_seq": (READ, NOTHING),
    "cooldowns": (ADD, NOTHING),
    "seals": ({"SELECT", "INSERT"}, READ),
    "seals_id_seq": (READ, NOTHING),
    "shared_weight": (READ, READ),
    "spent_weight": (KEEP, NOTHING),
    "unread_markets": (READ, READ),
    "verifications": ({"SELECT", "INSERT"}, READ),
    "verifications_id_seq": (READ, NOTHING),
    "watermarks": (READ, READ),
    "weight_limits": (ADD, READ),
}
POSSIBLE = ["SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE", "REFERENCES", "TRIGGER"]


def rows_of(url: str, query: str, *values: object) -> list[tuple[Any, ...]]:
    with psycopg.connect(url) as connection:
        return connection.execute(query.encode(), values).fetchall()


def granted(database_url: str, role: str) -> dict[str, set[str]]:
    """What a role may do, by the name of every table, view and sequence there is."""
    found = rows_of(
        database_url,
        """
        SELECT relname, array(SELECT right_name FROM unnest(%s::text[]) AS right_name
                               WHERE has_table_privilege(%s, pg_class.oid, right_name))
          FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind NOT IN ('i', 'c')
        """,
        POSSIBLE,
        ROLES[role],
    )
    return {name: set(names) for name, names in found}


def test_writer_and_reader_have_the_rights_that_each_table_needs_and_no_others(database_url: str) -> None:
    writer, reader = granted(database_url, "writer"), granted(database_url, "reader")
    assert {name: (writer[name], reader[name]) for name in writer} == WRITER_AND_READER


def test_no_role_is_more_than_a_user(database_url: str) -> None:
    powers = "rolsuper, rolcreaterole, rolcreatedb, rolreplication, rolbypassrls"
    found = rows_of(database_url, f"SELECT {powers} FROM pg_roles WHERE rolname = ANY(%s)", list(ROLES.values()))
    assert found == [(False,) * 5] * 3


BEYOND_ANYBODY = {
    "the passwords of the server": "SELECT * FROM pg_authid",
    "a program of the server's machine": "COPY runs TO PROGRAM 'cat'",
    "a file of the server's machine": "SELECT pg_read_file('/etc/passwd')",
    "a table": "CREATE TABLE more (id int)",
    "a table for a moment": "CREATE TEMPORARY TABLE more (id int)",
    "a function": "CREATE FUNCTION more() RETURNS int LANGUAGE sql AS 'SELECT 1'",
    "a schema": "CREATE SCHEMA more",
    "a role": "CREATE ROLE more",
    "the owner's role": f"SET ROLE {ROLES['owner']}",
    "dropping the orders": "DROP TABLE force_orders",
    "dropping a view": "DROP VIEW watermarks",
    "a column more": "ALTER TABLE force_orders ADD COLUMN more int",
    "a check less": "ALTER TABLE runs DROP CONSTRAINT runs_status_check",
    "the trigger that keeps revisions": "ALTER TABLE force_orders DISABLE TRIGGER ALL",
    "no trigger at all": "SET session_replication_role = replica",
    "removing orders": "DELETE FROM force_orders",
    "emptying the orders": "TRUNCATE force_orders",
    "emptying the runs": "TRUNCATE runs",
    "removing what was received": "DELETE FROM quarantined_orders",
    "emptying what is proven": "TRUNCATE coverage",
    "ending a ban": "DELETE FROM cooldowns",
    "removing revisions": "DELETE FROM force_order_revisions",
    "removing seals": "DELETE FROM seals",
    "rewriting seals": "UPDATE seals SET digest = ''",
    "removing verifications": "DELETE FROM verifications",
    "rewriting verifications": "UPDATE verifications SET missing = 0",
    "rewriting revisions": "UPDATE force_order_revisions SET status = 'FILLED'",
    "rewriting a decision": "UPDATE decisions SET why = 'another'",
    "removing decisions": "DELETE FROM decisions",
    "another schema's version": "UPDATE alembic_version SET version_num = '0001'",
    "numbering runs anew": "SELECT setval('runs_id_seq', 1)",
}


@pytest.mark.parametrize("role", ["writer", "reader"])
@pytest.mark.parametrize("statement", BEYOND_ANYBODY.values(), ids=BEYOND_ANYBODY)
def test_neither_writer_nor_reader_may(database_url: str, role: str, statement: str) -> None:
    with psycopg.connect(as_role(role, database_url)) as connection, pytest.raises(InsufficientPrivilege):
        connection.execute(statement.encode())


BEYOND_THE_READER = {
    "adding an order": "INSERT INTO force_orders SELECT * FROM force_orders",
    "changing an order": "UPDATE force_orders SET status = 'NEW'",
    "locking an order": "SELECT 1 FROM force_orders FOR UPDATE",
    "adding a run": "INSERT INTO runs (command, status) VALUES ('sync', 'running')",
    "changing a run": "UPDATE runs SET error = ''",
    "resolving what is in quarantine": "UPDATE quarantined_orders SET resolved_at = now()",
    "proving something": "INSERT INTO coverage (account, market, symbol) VALUES ('main', 'usdm', '*')",
    "making up a seal": "INSERT INTO seals (account) VALUES ('main')",
    "making up a revision": "INSERT INTO force_order_revisions SELECT * FROM force_order_revisions",
    "reading the program's own notes": "SELECT * FROM coverage",
    "reading why a ban began": "SELECT reason FROM cooldowns",
    "reading what a job was asked for": "SELECT args FROM procrastinate_jobs",
    "reading the fingerprint of a key": "SELECT key_fingerprint FROM identities",
}


@pytest.mark.parametrize("statement", BEYOND_THE_READER.values(), ids=BEYOND_THE_READER)
def test_the_reader_may_not(reader_url: str, statement: str) -> None:
    with psycopg.connect(reader_url) as connection, pytest.raises(InsufficientPrivilege):
        connection.execute(statement.encode())


@pytest.mark.parametrize(
    "query", [*sorted(name for name, (_, reader) in WRITER_AND_READER.items() if reader), "force_orders_as_of(now())"]
)
def test_the_reader_reads(reader_url: str, query: str) -> None:
    ((count,),) = rows_of(reader_url, f"SELECT count(*) FROM {query}")
    assert count == (1 if query == "alembic_version" else 0)


READER_S_COMMANDS = {
    "status": 0,
    "status --json": 0,
    "status --check": 3,
    "metrics": 0,
    "report": 0,
    "complete 2026-09": 3,
    "statement --from 2026-09 --until 2026-09": 3,
    "export --out orders.csv": 2,
    "accounts list": 0,
    "db query 'SELECT * FROM jobs'": 0,
    "backfill --plan --since 3d": 0,
    "quarantine list": 0,
    "db query 'SELECT * FROM force_orders_as_of(now())'": 0,
    "db revisions": 0,
    "db check": 0,
    "quarantine retry": 5,
    "sync": 5,
}


@pytest.mark.parametrize(("words", "code"), READER_S_COMMANDS.items(), ids=READER_S_COMMANDS)
def test_the_reader_s_commands_are_those_that_only_look(
    command: Command, reader_url: str, words: str, code: int
) -> None:
    keys = {"BINANCE_API_KEY": "key", "BINANCE_API_SECRET": "secret"}
    done = command(*shlex.split(words), FORCE_ORDERS_DATABASE_URL=reader_url, **keys)
    assert done.returncode == code, done.stderr
    assert ("permission denied" in done.stderr) == (code == 5)
    assert (f"the role {ROLES['reader']} may only read; 'force-orders doctor' says what" in done.stderr) == (code == 5)


def test_a_writer_that_lacks_a_right_is_told_so(command: Command, database_url: str, writer_url: str) -> None:
    with psycopg.connect(database_url) as admin:
        admin.execute(f"REVOKE UPDATE ON runs FROM {ROLES['writer']}")
    keys = {"BINANCE_API_KEY": "key", "BINANCE_API_SECRET": "secret", "FORCE_ORDERS_BASE_URL": "http://127.0.0.1:9"}
    done = command("sync", FORCE_ORDERS_DATABASE_URL=writer_url, **keys)
    assert done.returncode == 5, done.stderr
    assert f"the role {ROLES['writer']} lacks a right; 'force-orders doctor' says" in done.stderr


def test_the_tables_are_the_owner_s(database_url: str) -> None:
    owners = rows_of(
        database_url,
        "SELECT DISTINCT pg_get_userbyid(relowner) FROM pg_class WHERE relnamespace = 'public'::regnamespace",
    )
    assert owners == [(ROLES["owner"],)]


def test_the_owner_upgrades_and_then_grants_the_rights_again(
    command: Command, database_url: str, writer_url: str
) -> None:
    owner_url = as_role("owner", database_url)
    config = Config()
    config.set_main_option("script_location", str(migrate.migrations_dir()))
    with connection_to(engine_for(owner_url)) as connection:
        config.attributes["connection"] = connection
        alembic.downgrade(config, "base")
        connection.commit()

    upgraded = command("db", "upgrade", FORCE_ORDERS_DATABASE_URL=owner_url)
    assert upgraded.stdout == f"schema none → {migrate.head()}\n", upgraded.stderr
    refused = command("status", FORCE_ORDERS_DATABASE_URL=writer_url)
    assert (refused.returncode, "permission denied" in refused.stderr) == (5, True)
    for _ in range(2):
        with psycopg.connect(owner_url) as owner:
            owner.execute(rights("")[1].encode())
        assert command("status", FORCE_ORDERS_DATABASE_URL=writer_url).returncode == 0


def test_the_writer_s_upgrade_is_refused(command: Command, database_url: str, writer_url: str) -> None:
    with psycopg.connect(database_url) as admin:
        admin.execute("UPDATE alembic_version SET version_num = '0003'")
    done = command("db", "upgrade", FORCE_ORDERS_DATABASE_URL=writer_url)
    assert (done.returncode, "permission denied" in done.stderr) == (5, True)


def test_what_a_run_is_said_to_need_is_what_these_statements_give() -> None:
    tables = {name: set(needed) for name, needed in WRITER.items() if needed != ("USAGE",)}
    assert tables == {
        name: writer
        for name, (writer, _) in WRITER_AND_READER.items()
        if writer and not name.startswith("report_") and not name.endswith("_seq")  # which only a backup reads
    }
    sequences = {name for name, needed in WRITER.items() if needed == ("USAGE",)}
    assert sequences == set(re.findall(r"procrastinate_\w+_id_seq", rights("any")[1]))


def test_a_role_s_lack_of_rights_is_found_before_a_night_stumbles_over_it(
    database_url: str, writer_url: str, reader_url: str
) -> None:
    with connection_to(engine_for(writer_url)) as writer, connection_to(engine_for(reader_url)) as reader:
        assert lacking_to_write(writer) == []
        lacking = lacking_to_write(reader)
    assert "INSERT ON runs" in lacking
    assert "USAGE ON procrastinate_jobs_id_seq" in lacking
    assert "SELECT ON runs" not in lacking


def test_a_database_that_takes_no_writes_is_known_as_such(database_url: str) -> None:
    with connection_to(engine_for(database_url)) as connection:
        assert not is_read_only(connection)
    with connection_to(engine_for(f"{database_url}&options=-cdefault_transaction_read_only%3Don")) as connection:
        assert is_read_only(connection)
