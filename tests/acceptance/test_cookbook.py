"""The README's questions: each SQL answers on the demo's data, for a role that may read the reports alone."""

import re
from pathlib import Path

import psycopg
import pytest
from psycopg import conninfo, sql

from tests.conftest import as_role

README = (Path(__file__).resolve().parents[2] / "README.md").read_text(encoding="utf-8")
SECTION = README.split("\n## Questions and their SQL\n")[1].split("\n## ")[0]
QUESTIONS = {
    question.splitlines()[-1]: statement
    for question, statement in re.findall(r"\n([^\n]+\n?[^\n]+)\n\n```sql\n(.*?)```", SECTION, re.DOTALL)
}
MAY_BE_EMPTY = "Is September complete? Each day that is not, and why; no row means yes."


@pytest.fixture
def bi(server_url: str, worker_id: str):
    name = f"bi_{worker_id}"
    with psycopg.connect(server_url, autocommit=True) as admin:
        admin.execute(sql.SQL("CREATE ROLE {} LOGIN").format(sql.Identifier(name)))
        yield name
        admin.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(name)))


def test_there_are_ten_questions() -> None:
    assert len(QUESTIONS) == 10
    assert len(re.findall("```sql", SECTION)) == 10


def test_each_question_is_answered_for_a_role_that_may_read_the_reports_alone(bi, lab) -> None:
    one = lab()
    assert one("backfill").returncode == 0
    owner = as_role("owner", one.database_url)
    assert one("db", "grant-reader", bi, FORCE_ORDERS_DATABASE_URL=owner).returncode == 0
    with psycopg.connect(conninfo.make_conninfo(one.database_url, user=bi)) as connection:
        answers = {question: connection.execute(statement).fetchall() for question, statement in QUESTIONS.items()}
    assert [question for question, rows in answers.items() if not rows] in ([], [MAY_BE_EMPTY])

    orders = len(one.table())
    assert sum(row[2] for row in answers["Were longs closed, or shorts?"]) == orders
    hours = next(rows for question, rows in answers.items() if question.startswith("At what hour"))
    assert sum(row[2] for row in hours) == orders
