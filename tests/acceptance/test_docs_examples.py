"""The documentation's examples run: SQL on the data of a backfill, and Python against the same exchange."""

import re
import subprocess
import sys
from collections.abc import Iterator

import psycopg
import pytest
from psycopg import conninfo, sql

from tests.acceptance.lab import Labs
from tests.pages import blocks, prose_of, section
from tests.roles import as_role

COOKBOOK = section("docs/sql.md", "Questions")
QUESTIONS = dict(re.findall(r"\n### ([^\n]+)\n.*?```sql\n(.*?)```", COOKBOOK, re.DOTALL))
MAY_BE_EMPTY = {"What did liquidations in Portfolio Margin move, by asset?", "What is not known of the costs?"}
COSTS = {"FORCE_ORDERS_MARK_PRICES": "true", "FORCE_ORDERS_COST_WEIGHT": "1000000"}
RIGHTS = section("docs/operations.md", "Roles and rights")
OTHER_SQL = [block for block in blocks("sql") if block.text not in RIGHTS and block.text not in QUESTIONS.values()]


@pytest.fixture
def bi(server_url: str, worker_id: str) -> Iterator[str]:
    name = f"bi_{worker_id}"
    with psycopg.connect(server_url, autocommit=True) as admin:
        admin.execute(sql.SQL("CREATE ROLE {} LOGIN").format(sql.Identifier(name)))
        yield name
        admin.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(name)))


def test_each_question_of_the_cookbook_has_its_sql() -> None:
    assert len(QUESTIONS) == COOKBOOK.count("\n### ") == COOKBOOK.count("```sql") >= 10


def test_each_question_is_answered_for_a_role_that_may_read_the_reports_alone(bi: str, lab: Labs) -> None:
    one = lab()
    assert one("backfill").returncode == 0
    assert one("sync", **COSTS).returncode == 0
    owner = as_role("owner", one.database_url)
    assert one("db", "grant-reader", bi, FORCE_ORDERS_DATABASE_URL=owner).returncode == 0
    with psycopg.connect(conninfo.make_conninfo(one.database_url, user=bi)) as connection:
        answers = {question: connection.execute(statement).fetchall() for question, statement in QUESTIONS.items()}
    assert {question for question, rows in answers.items() if not rows} <= MAY_BE_EMPTY

    orders = len(one.table())
    assert sum(row[3] for row in answers["Were longs closed, or shorts?"]) == orders
    assert sum(row[2] for row in answers["At what hour of the week does it happen?"]) == orders


def test_amounts_of_different_assets_are_never_added_nor_compared() -> None:
    inline = re.findall(r"`(SELECT [^`]+)`", prose_of("docs/sql.md"))
    statements = [*(block.text for block in blocks("sql")), *inline]
    adding = [text for text in statements if re.search(r"sum\([^)]*(?:notional|price)", text)]
    assert len(adding) >= 4
    assert [text for text in adding if "quote_asset" not in text] == []
    rankings = [by for text in statements for by in re.findall(r"(.*)ORDER BY \w*notional", text)]
    assert rankings
    assert [by for by in rankings if not by.endswith("PARTITION BY quote_asset ")] == []


def test_all_other_sql_runs_for_the_reader_s_role(lab: Labs) -> None:
    one = lab()
    assert one("backfill").returncode == 0
    assert OTHER_SQL
    with psycopg.connect(as_role("reader", one.database_url)) as connection:
        for block in OTHER_SQL:
            connection.execute(block.text)


def test_the_python_examples_run(lab: Labs) -> None:
    one = lab()
    assert one("backfill").returncode == 0, "else a budget that an example names would be waited for"
    assert blocks("python")
    for block in blocks("python"):
        done = subprocess.run(
            [sys.executable, "-W", "error", "-c", block.text],
            env=one.command.environment,
            cwd=one.command.directory,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert (done.returncode, done.stderr) == (0, ""), block
    assert one.last_run()["status"] == "succeeded"
