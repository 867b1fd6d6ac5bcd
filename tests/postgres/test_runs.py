"""The ledger tells what each run did, and refuses what no run can be."""

from dataclasses import fields

import pytest
from sqlalchemy import Connection, insert, select, text
from sqlalchemy.exc import IntegrityError

from etl.store import runs
from etl.store.orders import Tally
from etl.store.schema import RUN_STATUSES
from etl.store.schema import runs as table

NOW = text("now()")
COUNTS = runs.Counts(
    requests=13, weight=650, rows_received=40, inserted=20, updated=5, unchanged=14, quarantined=1, largest_page=17
)


def counts_of(connection: Connection, run_id: int) -> runs.Counts:
    columns = [table.c[field.name] for field in fields(runs.Counts)]
    return runs.Counts(*connection.execute(select(*columns).where(table.c.id == run_id)).one())


def test_no_run_was_the_last_one_before_the_first(connection: Connection) -> None:
    assert runs.last(connection) is None


def test_a_run_is_running_from_its_start(connection: Connection) -> None:
    run_id = runs.start(connection, "backfill")
    found = runs.last(connection)
    assert found is not None
    assert (found.id, found.command, found.status) == (run_id, "backfill", "running")
    assert (found.finished_at, found.error) == (None, None)
    assert counts_of(connection, run_id) == runs.Counts()


def test_its_counts_so_far_can_be_seen(connection: Connection) -> None:
    run_id = runs.start(connection, "sync")
    runs.save(connection, run_id, COUNTS)
    assert counts_of(connection, run_id) == COUNTS


@pytest.mark.parametrize("status", [status for status in RUN_STATUSES if status != "running"])
def test_it_ends_in_one_of_the_ways_that_there_are(connection: Connection, status: str) -> None:
    run_id = runs.start(connection, "sync")
    connection.commit()
    runs.finish(connection, run_id, COUNTS, status, "the exchange is down")

    found = runs.last(connection)
    assert found is not None
    assert found.finished_at is not None
    assert (found.status, found.error, found.started_at < found.finished_at) == (status, "the exchange is down", True)
    assert counts_of(connection, run_id) == COUNTS


def test_the_last_run_is_the_one_that_began_last(connection: Connection) -> None:
    first, second = runs.start(connection, "backfill"), runs.start(connection, "sync")
    runs.finish(connection, first, COUNTS, "succeeded", None)
    found = runs.last(connection)
    assert second > first
    assert found is not None
    assert found.id == second


def test_one_runs_counts_are_not_anothers(connection: Connection) -> None:
    first, second = runs.start(connection, "backfill"), runs.start(connection, "sync")
    runs.save(connection, first, COUNTS)
    assert counts_of(connection, second) == runs.Counts()


def test_counts_add_up_page_by_page() -> None:
    counts = runs.Counts()
    counts.add(10, Tally(inserted=4, updated=3, unchanged=2), quarantined=1)
    counts.add(7, Tally(unchanged=7), quarantined=0)
    assert counts == runs.Counts(rows_received=17, inserted=4, updated=3, unchanged=9, quarantined=1)


@pytest.mark.parametrize(
    ("nonsense", "constraint"),
    [
        pytest.param({"status": "perfect", "finished_at": NOW}, "runs_status_check", id="a status that there is not"),
        pytest.param({"status": "succeeded"}, "runs_finished_check", id="ended, but never"),
        pytest.param({"finished_at": NOW}, "runs_finished_check", id="ended, but running"),
    ],
)
def test_the_ledger_refuses_nonsense(connection: Connection, nonsense: dict[str, object], constraint: str) -> None:
    with pytest.raises(IntegrityError, match=constraint):
        connection.execute(insert(table).values({"command": "sync", "status": "running"} | nonsense))
