"""The queue that all workers share, in procrastinate's tables.

They are in the same database as everything else. Jobs with the same lock, which is an account's, run one at a time and
in the order in which they were enqueued.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

from procrastinate import SyncPsycopgConnector
from procrastinate.jobs import Job as Queued
from procrastinate.manager import JobManager
from sqlalchemy import Connection, text

from etl.fleet.jobs import SYNC, ClaimedJob, Job, by_expiry, job_from_arguments
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

_IS_UNFINISHED = text("""
    SELECT bool_or(status IN ('todo', 'doing')) AND min(enqueued_at) > now() - :max_wait
      FROM jobs WHERE due_at = to_timestamp(:due_at)
""")

_RUN_IDS = text("""
    SELECT runs.id FROM procrastinate_jobs AS job JOIN runs ON runs.job_id = job.id
     WHERE args ->> 'timestamp' = :due_at ORDER BY runs.id
""")


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


def is_superseded(connection: Connection, claimed: ClaimedJob) -> bool:
    """Whether a later sync of the same account waits. It will read the same history, so this one can be skipped."""
    if claimed.job.command != SYNC:
        return False
    with store_errors():
        found = connection.scalar(_IS_SUPERSEDED, {"lock": claimed.job.lock, "id": claimed.id, "sync": SYNC})
        connection.rollback()
    return bool(found)


def finished_runs(connection: Connection, due_at: int, max_wait: timedelta) -> list[int] | None:
    """The ids of a scheduled run's runs; None while one of its jobs has not ended. `due_at`: epoch seconds.

    After `max_wait` the ids so far are returned. It counts from when the jobs were enqueued, which may have been long
    after they were due.
    """
    with store_errors():
        parameters = {"due_at": due_at, "max_wait": max_wait}
        is_unfinished = connection.scalar(_IS_UNFINISHED, parameters)
        run_ids = list(connection.scalars(_RUN_IDS, {"due_at": str(due_at)}))
        connection.rollback()
    return None if is_unfinished else run_ids


def _unscheduled(job: Job) -> Job:
    """The job without the time it was due: jobs that differ in it alone do the same."""
    return replace(job, due_at=None)


def _queued(job: Job) -> Queued:
    return Queued(
        queue=job.queue, lock=job.lock, queueing_lock=None, task_name=job.command, task_kwargs=job.arguments()
    )
