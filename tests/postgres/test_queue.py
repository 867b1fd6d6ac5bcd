"""The queue in Postgres: what waits, what is put in twice, and when a night is over."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from sqlalchemy import Connection, text

from etl.fleet.jobs import BACKFILL, Doing, Job
from etl.fleet.queue import hand_out, is_superseded, runs_of_night
from etl.store import runs
from etl.store.engine import connection_to, engine_for
from etl.store.runs import Assignment

NIGHT = 1_790_000_000
HALF_A_DAY = timedelta(hours=12)
WEEK = Job("main", "default", BACKFILL, 1_000, 2_000, ("BTCUSDT",))


@pytest.fixture
def writer(writer_url: str) -> Iterator[Connection]:
    with connection_to(engine_for(writer_url)) as opened:
        yield opened


def rows(connection: Connection, query: str) -> list[tuple[object, ...]]:
    found = connection.execute(text(query)).all()
    connection.rollback()
    return [tuple(row) for row in found]


def take(connection: Connection) -> Doing:
    """The next job, as a worker takes it."""
    found = connection.execute(
        text("SELECT id, queue_name, task_name FROM procrastinate_fetch_job_v2(NULL, NULL)")
    ).one()
    connection.commit()
    return Doing(Job("main", found.queue_name, found.task_name), found.id, 0)


def end(connection: Connection, doing: Doing, status: str = "succeeded") -> None:
    connection.execute(
        text("SELECT procrastinate_finish_job_v1(:id, CAST(:status AS procrastinate_job_status), false)"),
        {"id": doing.id, "status": status},
    )
    connection.commit()


def test_what_is_handed_out_stands_in_the_view_of_jobs(writer: Connection) -> None:
    assert hand_out(writer, [WEEK, Job("main", "default", night=NIGHT)]) == 2
    assert rows(
        writer, "SELECT command, account, market, queue, since::text, until::text, status FROM jobs ORDER BY id"
    ) == [
        ("backfill", "main", "usdm", "default", "1970-01-01 00:00:01+00", "1970-01-01 00:00:02+00", "todo"),
        ("sync", "main", "usdm", "default", None, None, "todo"),
    ]
    assert rows(writer, "SELECT extract(epoch FROM due_at) FROM jobs WHERE command = 'sync'") == [(NIGHT,)]


def test_what_waits_already_is_not_handed_out_again(writer: Connection) -> None:
    assert hand_out(writer, [WEEK]) == 1
    assert hand_out(writer, [WEEK, Job("hedge", "default", BACKFILL, 1_000, 2_000)]) == 1
    end(writer, take(writer))
    assert hand_out(writer, [WEEK]) == 1, "what was done may be handed out again"


def test_of_one_account_s_jobs_one_is_done_at_a_time_and_in_order(writer: Connection) -> None:
    later = Job("main", "default", BACKFILL, 2_000, 3_000)
    hand_out(writer, [later, WEEK])
    first = take(writer)
    assert rows(writer, "SELECT id FROM procrastinate_fetch_job_v2(NULL, NULL)") == [(None,)]
    end(writer, first)
    assert take(writer).id != first.id
    assert rows(writer, "SELECT extract(epoch FROM since)::int FROM jobs WHERE status = 'doing'") == [(2,)]


def test_a_night_is_superseded_by_a_later_one_that_waits(writer: Connection) -> None:
    hand_out(writer, [Job("main", "default", night=NIGHT)])
    doing = take(writer)
    assert not is_superseded(writer, doing)
    hand_out(writer, [WEEK])
    assert not is_superseded(writer, doing), "a week is no night"
    hand_out(writer, [Job("main", "default", night=NIGHT + 86_400)])
    assert is_superseded(writer, doing)


def test_a_night_is_over_once_every_job_of_it_is_at_its_end_whatever_end(writer: Connection) -> None:
    hand_out(writer, [Job(name, "default", night=NIGHT) for name in ("main", "hedge")])
    hand_out(writer, [Job("grid", "default", night=NIGHT + 86_400)])
    run_ids = []
    for status in ("succeeded", "failed"):
        assert runs_of_night(writer, NIGHT, HALF_A_DAY) is None, "however long ago it was due"
        doing = take(writer)
        run_ids.append(runs.start(writer, "sync", Assignment(doing.id, "here/1")))
        writer.commit()
        end(writer, doing, status)
    assert runs_of_night(writer, NIGHT, HALF_A_DAY) == run_ids
    assert runs_of_night(writer, 5, HALF_A_DAY) == [], "of a night that nobody knows nothing is left to do"


def test_a_night_is_waited_for_no_longer_than_so_after_it_was_handed_out(writer: Connection, database_url: str) -> None:
    hand_out(writer, [Job("main", "default", night=NIGHT)])
    with connection_to(engine_for(database_url)) as owner:
        owner.execute(text("UPDATE procrastinate_events SET at = at - interval '13 hours'"))
        owner.commit()
    assert runs_of_night(writer, NIGHT, HALF_A_DAY) == []


def test_the_view_tells_of_each_job_what_its_last_run_made_of_it(writer: Connection) -> None:
    hand_out(writer, [WEEK])
    doing = take(writer)
    for worker in ("here/1", "there/2"):
        run_id = runs.start(writer, "backfill", Assignment(doing.id, worker))
        runs.finish(writer, run_id, runs.Counts(), "failed", f"as {worker} said")
        writer.commit()
    end(writer, doing, "failed")
    assert rows(writer, "SELECT status, attempts, run_id, worker, run_status, error FROM jobs") == [
        ("failed", 1, run_id, "there/2", "failed", "as there/2 said")
    ]
    assert rows(writer, "SELECT enqueued_at <= started_at, started_at <= ended_at FROM jobs") == [(True, True)]
