"""The queue in Postgres: what waits, what is put in twice, and when a scheduled run has ended."""

import json
from collections.abc import Iterator
from dataclasses import replace

import pytest
from sqlalchemy import Connection, text

from etl.fleet.jobs import BACKFILL, ClaimedJob, Job
from etl.fleet.nights import results
from etl.fleet.queue import enqueue, is_superseded, join_night, read_night
from etl.notifications.summary import AccountFault
from etl.store import runs
from etl.store.engine import connection_to, engine_for
from etl.store.runs import Assignment

SCHEDULED = 1_790_000_000
_DEFER = text("""
    INSERT INTO procrastinate_jobs (queue_name, task_name, lock, args)
    VALUES (:queue, :task, :lock, CAST(:args AS jsonb))
""")
WEEK = Job("main", "default", BACKFILL, 1_000, 2_000, ("BTCUSDT",))


@pytest.fixture
def writer(writer_url: str) -> Iterator[Connection]:
    with connection_to(engine_for(writer_url)) as opened:
        yield opened


def rows(connection: Connection, query: str) -> list[tuple[object, ...]]:
    found = connection.execute(text(query)).all()
    connection.rollback()
    return [tuple(row) for row in found]


def take(connection: Connection) -> ClaimedJob:
    """The next job, as a worker takes it."""
    found = connection.execute(
        text("SELECT id, queue_name, task_name FROM procrastinate_fetch_job_v2(NULL, NULL)")
    ).one()
    connection.commit()
    return ClaimedJob(Job("main", found.queue_name, found.task_name), found.id, 0)


def end(connection: Connection, claimed: ClaimedJob, status: str = "succeeded") -> None:
    connection.execute(
        text("SELECT procrastinate_finish_job_v1(:id, CAST(:status AS procrastinate_job_status), false)"),
        {"id": claimed.id, "status": status},
    )
    connection.commit()


def test_enqueued_jobs_are_in_the_view_jobs(writer: Connection) -> None:
    assert enqueue(writer, [WEEK, Job("main", "default", due_at=SCHEDULED)]) == 2
    assert rows(
        writer, "SELECT command, account, market, queue, since::text, until::text, status FROM jobs ORDER BY id"
    ) == [
        ("backfill", "main", "usdm", "default", "1970-01-01 00:00:01+00", "1970-01-01 00:00:02+00", "todo"),
        ("sync", "main", "usdm", "default", None, None, "todo"),
    ]
    assert rows(writer, "SELECT extract(epoch FROM due_at) FROM jobs WHERE command = 'sync'") == [(SCHEDULED,)]


def test_a_job_that_waits_already_is_not_enqueued_again(writer: Connection) -> None:
    assert enqueue(writer, [WEEK]) == 1
    assert enqueue(writer, [WEEK, Job("hedge", "default", BACKFILL, 1_000, 2_000)]) == 1
    end(writer, take(writer))
    assert enqueue(writer, [WEEK]) == 1, "a job that ended may be enqueued again"


def test_the_jobs_of_one_account_run_one_at_a_time_and_in_order(writer: Connection) -> None:
    later = Job("main", "default", BACKFILL, 2_000, 3_000)
    enqueue(writer, [later, WEEK])
    first = take(writer)
    assert rows(writer, "SELECT id FROM procrastinate_fetch_job_v2(NULL, NULL)") == [(None,)]
    end(writer, first)
    assert take(writer).id != first.id
    assert rows(writer, "SELECT extract(epoch FROM since)::int FROM jobs WHERE status = 'doing'") == [(2,)]


def test_a_night_gets_one_job_of_each_market_however_often_they_join_and_whatever_became_of_them(
    writer: Connection,
) -> None:
    first = Job("main", "default", due_at=SCHEDULED)
    sisters = [replace(first, market=name) for name in ("coinm", "margin")]
    enqueue(writer, [first])
    assert join_night(writer, sisters[:1]) == 1
    end(writer, take(writer))
    end(writer, take(writer), "failed")
    assert join_night(writer, sisters) == 1, "one was there, and has failed already"
    assert join_night(writer, sisters) == 0
    assert join_night(writer, [replace(sisters[0], due_at=SCHEDULED + 86_400)]) == 1, "the next night"
    assert join_night(writer, []) == 0
    night = read_night(writer, SCHEDULED)
    assert [job.market for job in night.jobs] == ["usdm", "coinm", "margin"]


def test_a_sync_is_superseded_by_a_later_one_that_waits(writer: Connection) -> None:
    enqueue(writer, [Job("main", "default", due_at=SCHEDULED)])
    claimed = take(writer)
    assert not is_superseded(writer, claimed)
    enqueue(writer, [WEEK])
    assert not is_superseded(writer, claimed), "a week of history is not a sync"
    enqueue(writer, [Job("main", "default", due_at=SCHEDULED + 86_400)])
    assert is_superseded(writer, claimed)


def test_a_night_is_over_once_each_of_its_jobs_has_ended_whatever_the_result(writer: Connection) -> None:
    enqueue(writer, [Job(name, "default", due_at=SCHEDULED) for name in ("main", "hedge")])
    enqueue(writer, [Job("grid", "default", due_at=SCHEDULED + 86_400)])
    run_ids = []
    for status in ("succeeded", "failed"):
        assert not read_night(writer, SCHEDULED).has_news, "however long ago it was due"
        claimed = take(writer)
        run_ids.append(runs.start(writer, "sync", Assignment(claimed.id, "here/1")))
        runs.finish(writer, run_ids[-1], runs.Counts(), status, None if status == "succeeded" else "account hedge: no")
        writer.commit()
        end(writer, claimed, status)
    night = read_night(writer, SCHEDULED)
    assert (night.has_news, list(night.run_ids)) == (True, run_ids)
    assert results(night).failed == (AccountFault("hedge", "no"),)
    assert read_night(writer, 5).jobs == (), "an unknown night has no jobs"


def enqueue_night(connection: Connection, due_at: int, *accounts: str) -> None:
    """As a scheduler does: whatever waits already."""
    for account in accounts:
        job = Job(account, "default", due_at=due_at)
        row = {"queue": job.queue, "task": job.command, "lock": job.lock, "args": json.dumps(job.arguments())}
        connection.execute(_DEFER, row)
    connection.commit()


def later(database_url: str, minutes: int) -> None:
    """As if everything in the queue had happened so much earlier."""
    with connection_to(engine_for(database_url)) as owner:
        owner.execute(
            text("UPDATE procrastinate_events SET at = at - :minutes * interval '1 minute'"), {"minutes": minutes}
        )
        owner.execute(
            text("UPDATE procrastinate_jobs SET scheduled_at = scheduled_at - :minutes * interval '1 minute'"),
            {"minutes": minutes},
        )
        owner.commit()


def test_a_night_is_news_an_hour_after_it_was_enqueued_though_nothing_was_done(
    writer: Connection, database_url: str
) -> None:
    enqueue(writer, [Job(name, "default", due_at=SCHEDULED) for name in ("main", "hedge")])
    assert results(read_night(writer, SCHEDULED)).unserved_queues == (), "a worker may be about to take them"
    later(database_url, 61)
    night = read_night(writer, SCHEDULED)
    assert night.has_news
    assert results(night).unserved_queues == ("default",)
    assert results(night).unfinished == (AccountFault("main", ""), AccountFault("hedge", ""))


def test_every_night_of_a_dead_fleet_says_that_no_worker_is_running(writer: Connection, database_url: str) -> None:
    for night in range(3):
        enqueue_night(writer, SCHEDULED + night * 86_400, "main", "hedge")
        later(database_url, 61)
        assert results(read_night(writer, SCHEDULED + night * 86_400)).unserved_queues == ("default",)


def test_between_two_jobs_of_a_backlog_a_worker_is_running(writer: Connection, database_url: str) -> None:
    enqueue_night(writer, SCHEDULED, "main")
    later(database_url, 61)
    worked = take(writer)
    later(database_url, 10)
    end(writer, worked)
    enqueue_night(writer, SCHEDULED + 86_400, "main")
    enqueue_night(writer, SCHEDULED + 2 * 86_400, "main")
    for night in (SCHEDULED + 86_400, SCHEDULED + 2 * 86_400):
        assert results(replace(read_night(writer, night), age=3_600.0)).unserved_queues == ()
    later(database_url, 2)
    assert results(read_night(writer, SCHEDULED + 86_400)).unserved_queues == ("default",), "it has died since"


def test_a_job_that_waits_for_its_time_and_then_a_moment_for_a_worker_is_not_unserved(
    writer: Connection, database_url: str
) -> None:
    enqueue(writer, [Job("main", "default", due_at=SCHEDULED)])
    later(database_url, 61)
    for seconds, unserved in ((60, ()), (-1, ()), (-61, ("default",))):
        writer.execute(
            text("UPDATE procrastinate_jobs SET scheduled_at = now() + :s * interval '1 second'"), {"s": seconds}
        )
        writer.commit()
        assert results(read_night(writer, SCHEDULED)).unserved_queues == unserved


def test_a_queue_is_served_while_a_living_worker_runs_one_of_its_jobs(writer: Connection, database_url: str) -> None:
    enqueue(writer, [Job(name, "default") for name in ("main", "hedge")])
    living = writer.scalar(text("SELECT * FROM procrastinate_register_worker_v1()"))
    writer.execute(text("SELECT procrastinate_fetch_job_v2(NULL, :worker)"), {"worker": living})
    writer.commit()
    later(database_url, 61)
    assert read_night(writer, SCHEDULED).served_queues == {"default"}
    writer.execute(text("UPDATE procrastinate_workers SET last_heartbeat = now() - interval '21 seconds'"))
    writer.commit()
    assert read_night(writer, SCHEDULED).served_queues == frozenset()


def test_the_view_shows_the_last_run_of_each_job(writer: Connection) -> None:
    enqueue(writer, [WEEK])
    claimed = take(writer)
    for worker in ("here/1", "there/2"):
        run_id = runs.start(writer, "backfill", Assignment(claimed.id, worker))
        runs.finish(writer, run_id, runs.Counts(), "failed", f"as {worker} said")
        writer.commit()
    end(writer, claimed, "failed")
    assert rows(writer, "SELECT status, attempts, run_id, worker, run_status, error FROM jobs") == [
        ("failed", 1, run_id, "there/2", "failed", "as there/2 said")
    ]
    assert rows(writer, "SELECT enqueued_at <= started_at, started_at <= ended_at FROM jobs") == [(True, True)]
