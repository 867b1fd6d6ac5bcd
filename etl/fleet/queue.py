"""The queue that all workers share, in procrastinate's tables.

They are in the same database as everything else. Jobs with the same lock, which is that of an account and market, run
one at a time and in the order in which they were enqueued.
"""

from collections.abc import Sequence
from dataclasses import replace

from procrastinate import SyncPsycopgConnector
from procrastinate.jobs import Job as Queued
from procrastinate.manager import JobManager
from sqlalchemy import Connection, text

from etl.fleet import pace
from etl.fleet.jobs import SYNC, ClaimedJob, Job, by_expiry, job_from_arguments
from etl.fleet.nights import UNSERVED_AFTER_S, Night, NightJob
from etl.store.engine import store_errors

CHUNK = 500
"""Jobs enqueued in one statement."""

_WAITING = text("""
    SELECT queue_name, task_name, args FROM procrastinate_jobs WHERE status = 'todo' AND args ->> 'account' <> ''
""")

_IS_SUPERSEDED = text("""
    SELECT EXISTS (SELECT FROM procrastinate_jobs
                    WHERE lock = :lock AND task_name = :sync AND status = 'todo' AND id > :id)
""")

_NIGHT = text("""
    WITH next AS MATERIALIZED (
         SELECT DISTINCT ON (lock) lock,
                status = 'todo' AND coalesce(scheduled_at <= now() - :unserved_after * interval '1 second', true)
                AS is_ready
           FROM procrastinate_jobs WHERE status IN ('todo', 'doing') ORDER BY lock, id
         )
    SELECT job.id, job.args ->> 'account' AS account, coalesce(job.args ->> 'market', 'usdm') AS market,
           job.queue_name AS queue, job.status::text AS status, job.attempts,
           job.status = 'todo' AND coalesce(next.is_ready, false) AS is_ready,
           run.status AS run_status, run.error,
           extract(epoch FROM now() - event.enqueued_at)::float8 AS age
      FROM procrastinate_jobs AS job
     CROSS JOIN LATERAL (
           SELECT min(at) AS enqueued_at FROM procrastinate_events WHERE job_id = job.id AND type = 'deferred'
           ) AS event
      LEFT JOIN next ON next.lock = job.lock
      LEFT JOIN LATERAL (
           SELECT id, status, error FROM runs
            WHERE job_id = job.id AND status <> 'running' ORDER BY id DESC LIMIT 1
           ) AS run ON true
     WHERE job.id >= coalesce(
           (SELECT min(job_id) FROM procrastinate_periodic_defers WHERE defer_timestamp = :due), 0)
       AND job.args ->> 'timestamp' = :due_at AND job.task_name IN ('sync', 'backfill')
     ORDER BY job.id
""")
"""The first job of a scheduled run bounds the search, as long as no later one has been enqueued.

A job that waits behind older ones of its account is as ready as the first of them: in a backlog it is never the next.
"""

_LOCKS_OF_NIGHT = text("""
    SELECT lock FROM procrastinate_jobs
     WHERE id >= coalesce(
           (SELECT min(job_id) FROM procrastinate_periodic_defers WHERE defer_timestamp = :due), 0)
       AND args ->> 'timestamp' = :due_at AND lock = ANY(:locks)
""")

_RUN_IDS = text("SELECT id FROM runs WHERE job_id = ANY(:jobs) ORDER BY id")

_SERVED = text("""
    SELECT job.queue_name
      FROM procrastinate_jobs AS job JOIN procrastinate_workers AS worker ON worker.id = job.worker_id
     WHERE job.status = 'doing' AND worker.last_heartbeat >= now() - :dead_after * interval '1 second'
     UNION
    SELECT job.queue_name
      FROM (SELECT job_id, type, at FROM procrastinate_events ORDER BY id DESC LIMIT :newest) AS event
      JOIN procrastinate_jobs AS job ON job.id = event.job_id
     WHERE event.at >= now() - :unserved_after * interval '1 second'
       AND event.type IN ('started', 'deferred_for_retry', 'succeeded', 'failed', 'aborted')
""")
"""Queues of which a worker does something: between two jobs it runs none."""

NEWEST_EVENTS = 5_000
"""How far back to look for what workers did: more than they do in a minute; events have no index by time."""


def enqueue(connection: Connection, jobs: Sequence[Job]) -> int:
    """Put jobs into their queues, except those that wait there already, and commit; the number of new ones."""
    with store_errors():
        waiting = {_unscheduled(job_from_arguments(*row)) for row in connection.execute(_WAITING)}
        fresh = [job for job in by_expiry(jobs) if _unscheduled(job) not in waiting]
        driver = connection.connection.driver_connection
        for start in range(0, len(fresh), CHUNK):
            queued = [_queued(job) for job in fresh[start : start + CHUNK]]
            JobManager(SyncPsycopgConnector()).batch_defer_jobs(queued, driver)
        connection.commit()
    return len(fresh)


def join_night(connection: Connection, jobs: Sequence[Job]) -> int:
    """Put jobs of one scheduled run into their queues, but for those that had one in it already, and commit.

    Returns the number of new ones.
    """
    if not jobs:
        return 0
    due_at, locks = jobs[0].due_at, [job.lock for job in jobs]
    with store_errors():
        there = connection.scalars(_LOCKS_OF_NIGHT, {"due": due_at, "due_at": str(due_at), "locks": locks}).all()
        connection.rollback()
    return enqueue(connection, [job for job in jobs if job.lock not in there])


def is_superseded(connection: Connection, claimed: ClaimedJob) -> bool:
    """Whether a later sync of the same account waits. It will read the same history, so this one can be skipped."""
    if claimed.job.command != SYNC:
        return False
    with store_errors():
        return bool(connection.scalar(_IS_SUPERSEDED, {"lock": claimed.job.lock, "id": claimed.id, "sync": SYNC}))


def read_night(connection: Connection, due_at: int) -> Night:
    """How far the jobs of the scheduled run are that was due then, in epoch seconds."""
    with store_errors():
        limits = {"unserved_after": UNSERVED_AFTER_S, "dead_after": pace.PACE.dead_after, "newest": NEWEST_EVENTS}
        rows = connection.execute(_NIGHT, {"due": due_at, "due_at": str(due_at)} | limits).all()
        run_ids = connection.scalars(_RUN_IDS, {"jobs": [row.id for row in rows]}).all()
        served = connection.scalars(_SERVED, limits).all()
        connection.rollback()
    jobs = [
        NightJob(
            *(row.account, row.queue, row.status, row.attempts, row.is_ready, row.run_status),
            *(row.error, row.market),
        )
        for row in rows
    ]
    return Night(tuple(jobs), tuple(run_ids), max((row.age for row in rows), default=0.0), frozenset(served))


def _unscheduled(job: Job) -> Job:
    """The job without the time it was due: jobs that differ in it alone do the same."""
    return replace(job, due_at=None)


def _queued(job: Job) -> Queued:
    return Queued(
        queue=job.queue, lock=job.lock, queueing_lock=None, task_name=job.command, task_kwargs=job.arguments()
    )
