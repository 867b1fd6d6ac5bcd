"""A query of the user's own reads, and cannot write."""

import pytest
from sqlalchemy import Connection, text

from etl.errors import ConfigError, StoreError
from etl.store import runs
from etl.store.reading import read_only


def test_it_gives_names_and_rows(connection: Connection) -> None:
    assert read_only(connection, "SELECT 1.50 AS price, NULL AS nothing UNION ALL SELECT 2, 'x' ORDER BY 1") == (
        ["price", "nothing"],
        [(1.5, None), (2, "x")],
    )


def test_it_sees_what_was_committed(connection: Connection) -> None:
    runs.start(connection, "sync")
    connection.commit()
    assert read_only(connection, "SELECT command FROM runs") == (["command"], [("sync",)])


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        ("DELETE FROM runs", "cannot execute DELETE in a read-only transaction"),
        ("CREATE TABLE mine ()", "cannot execute CREATE TABLE in a read-only transaction"),
        ("WITH gone AS (DELETE FROM runs RETURNING *) SELECT * FROM gone", "in a read-only transaction"),
        ("SELECT nonsense", 'column "nonsense" does not exist'),
        ("SELEC 1", "syntax error"),
        ("SELECT * FROM force_order", 'relation "force_order" does not exist'),
        ("SELECT symbl FROM force_orders", r'\(Perhaps you meant .*"force_orders.symbol"'),
        ("SELECT 1 / 0", "division by zero"),
        ("SELECT 'x'::int", "invalid input syntax for type integer"),
        ("SELECT (SELECT 1 UNION SELECT 2)", "more than one row"),
        ("VACUUM", "cannot run inside a transaction block"),
        ("DO $$BEGIN RAISE 'two\nlines'; END$$", "two lines"),
        ("COPY runs TO STDOUT", "COPY"),
        ("SELECT '10000-01-01'::date", "date too large"),
    ],
)
def test_what_writes_or_is_wrong_is_one_line(connection: Connection, sql: str, said: str) -> None:
    runs.start(connection, "sync")
    connection.commit()
    with pytest.raises(ConfigError, match=said) as failed:
        read_only(connection, sql)
    assert len(str(failed.value).splitlines()) == 1

    connection.rollback()
    assert runs.last(connection) is not None


def test_it_leaves_the_connection_able_to_write(connection: Connection) -> None:
    read_only(connection, "SELECT 1")
    runs.start(connection, "sync")
    assert connection.scalar(text("SELECT count(*) FROM runs")) == 1


def test_a_second_statement_cannot_end_the_transaction_and_write(connection: Connection) -> None:
    runs.start(connection, "sync")
    connection.commit()
    with pytest.raises(ConfigError):
        read_only(connection, "COMMIT; DELETE FROM runs")
    connection.rollback()
    assert runs.last(connection) is not None


def test_a_query_may_hold_a_percent_sign(connection: Connection) -> None:
    assert read_only(connection, "SELECT 1 AS a WHERE 'BTCUSDT' LIKE '%USDT'") == (["a"], [(1,)])


def test_a_server_that_gives_up_is_no_mistake_in_the_query(connection: Connection) -> None:
    connection.execute(text("SET statement_timeout = '10ms'"))
    connection.commit()
    with pytest.raises(StoreError, match="the database cannot be used: canceling statement"):
        read_only(connection, "SELECT pg_sleep(5)")


def test_a_statement_without_rows_is_refused(connection: Connection) -> None:
    for sql in ("", ";", "BEGIN"):
        with pytest.raises(ConfigError, match="returns no rows"):
            read_only(connection, sql)
