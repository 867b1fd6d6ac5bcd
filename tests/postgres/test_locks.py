"""An account has one run at a time, and a run that dies is found out: Postgres forgets a lock with its connection."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
from sqlalchemy import Connection, text

from etl.errors import BusyError
from etl.store import locks, runs
from etl.store.engine import connection_to, engine_for

MARKET = "usdm"


@pytest.fixture
def another(database_url: str) -> Iterator[Callable[[], Connection]]:
    """Connections of other processes, open until the test ends or closes them."""
    with ExitStack() as opened:
        yield lambda: opened.enter_context(connection_to(engine_for(database_url)))


def end(process: Connection, seen_by: Connection) -> None:
    """Close a connection and wait for the server to be done with it: it learns of that a moment later."""
    pid = process.scalar(text("SELECT pg_backend_pid()"))
    process.commit()
    process.close()
    seen_by.execute(text("SELECT pg_terminate_backend(:pid, 5000)"), {"pid": pid})


def statuses(connection: Connection) -> list[tuple[str, str | None]]:
    return [tuple(row) for row in connection.execute(text("SELECT status, error FROM runs ORDER BY id"))]


def test_an_account_is_held_by_one_connection_at_a_time(
    connection: Connection, another: Callable[[], Connection]
) -> None:
    first = another()
    assert locks.hold_account(first, "main", MARKET)
    assert not locks.hold_account(connection, "main", MARKET)
    assert locks.hold_account(connection, "hedge", MARKET), "another account is free"
    assert locks.hold_account(connection, "main", "coinm"), "and so is the account on another market"


def test_it_is_free_again_as_soon_as_the_connection_ends(
    connection: Connection, another: Callable[[], Connection]
) -> None:
    first = another()
    locks.hold_account(first, "main", MARKET)
    end(first, connection)
    assert locks.hold_account(connection, "main", MARKET)


def test_who_holds_it_is_told(connection: Connection, another: Callable[[], Connection]) -> None:
    first = another()
    runs.start(first, "sync")
    run_id = runs.start(first, "backfill")
    locks.hold_account(first, "main", MARKET)
    first.commit()
    holder = locks.holder(connection, "main", MARKET)
    assert holder is not None
    assert (holder.run_id, holder.command) == (run_id, "backfill")
    assert str(holder).startswith(f"run {run_id} (backfill, since 20")
    assert locks.holder(connection, "hedge", MARKET) is None


@pytest.mark.parametrize("command", ["db move-to", "coverage reset", "accounts forget", "quarantine retry"])
def test_a_command_that_is_no_run_is_named_as_who_has_the_account(
    connection: Connection, another: Callable[[], Connection], command: str
) -> None:
    first = another()
    locks.claim_account(first, "main", MARKET, command)
    first.commit()
    with pytest.raises(
        BusyError, match=rf"^account main is in use by pid \d+ \(\w+, force-orders {command}\); try again"
    ):
        locks.claim_account(connection, "main", MARKET, "coverage reset")


def test_a_run_that_died_is_marked_by_the_next_one(connection: Connection, another: Callable[[], Connection]) -> None:
    killed = another()
    runs.start(killed, "backfill")
    end(killed, connection)
    runs.start(connection, "sync")
    assert statuses(connection) == [("failed", runs.DIED), ("running", None)]


def test_a_run_that_lives_is_left_alone(connection: Connection, another: Callable[[], Connection]) -> None:
    living = another()
    runs.start(living, "backfill")
    living.commit()
    runs.start(connection, "sync")
    assert statuses(connection) == [("running", None), ("running", None)]


def test_a_run_that_died_is_told_as_such_before_anybody_marks_it(
    connection: Connection, another: Callable[[], Connection]
) -> None:
    killed = another()
    runs.start(killed, "backfill")
    end(killed, connection)
    found = runs.last(connection)
    assert found is not None
    assert (found.status, found.error) == ("failed", runs.DIED)
    assert statuses(connection) == [("running", None)], "looking changes nothing"


def test_a_run_whose_connection_was_cut_counts_as_dead(
    connection: Connection, another: Callable[[], Connection]
) -> None:
    cut = another()
    runs.start(cut, "backfill")
    pid = cut.scalar(text("SELECT pg_backend_pid()"))
    cut.commit()
    connection.execute(text("SELECT pg_terminate_backend(:pid, 5000)"), {"pid": pid})
    runs.start(connection, "sync")
    assert statuses(connection)[0] == ("failed", runs.DIED)
