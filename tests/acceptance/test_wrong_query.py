"""A mistake in the SQL of `db query` is the person's to correct, and said in Postgres's own words."""

import os

import pytest

from tests.acceptance.endings import assert_one_line
from tests.command import Command

WRONG = {
    "a typo in a word": ("SELEC 1", 'syntax error at or near "SELEC"'),
    "a table that is none": ("SELECT * FROM orders", 'relation "orders" does not exist'),
    "a column that is none": ("SELECT symbl FROM force_orders", 'column "symbl" does not exist (Perhaps you meant'),
    "a division by zero": ("SELECT 1 / 0", "division by zero"),
    "a write": ("DELETE FROM force_orders", "cannot execute DELETE in a read-only transaction"),
    "what the role may not read": ("SELECT * FROM pg_authid", "permission denied for table pg_authid"),
    "two statements": ("SELECT 1; SELECT 2", "cannot insert multiple commands"),
}


@pytest.mark.parametrize(("sql", "said"), WRONG.values(), ids=WRONG.keys())
def test_a_wrong_query_ends_with_2_and_one_line(command: Command, writer_url: str, sql: str, said: str) -> None:
    done = command("db", "query", sql, FORCE_ORDERS_DATABASE_URL=writer_url)
    assert_one_line(done, 2, "the query cannot be run: ", said)
    assert done.stdout == ""


def test_a_query_that_is_no_text_ends_with_2(command: Command, writer_url: str) -> None:
    garbled = os.fsdecode(b"SELECT \xff")
    assert_one_line(command("db", "query", garbled, FORCE_ORDERS_DATABASE_URL=writer_url), 2, "syntax error")


@pytest.mark.parametrize("sql", ["", ";", "BEGIN"])
def test_a_statement_that_returns_nothing_ends_with_2(command: Command, writer_url: str, sql: str) -> None:
    done = command("db", "query", sql, FORCE_ORDERS_DATABASE_URL=writer_url)
    assert_one_line(done, 2, "the statement returns no rows: write a query, such as SELECT")


def test_a_database_that_is_not_there_still_ends_with_5(command: Command) -> None:
    url = "postgresql://user:pa55word@127.0.0.1:1/none"
    assert_one_line(command("db", "query", "SELECT 1", FORCE_ORDERS_DATABASE_URL=url), 5, "database")
