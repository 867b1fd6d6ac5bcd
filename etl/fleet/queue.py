"""The queue that workers share, in the tables of procrastinate: what is put into it, and what is asked of it.

They stand in the database that is there anyway. Of jobs with the same lock, an account's, one is done at a time and in
the order in which they were handed out.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

from procrastinate import SyncPsycopgConnector
from procrastinate.jobs import Job as Queued
from procrastinate.manager import JobManager
from sqlalchemy import Connection, text

from etl.fleet.jobs import SYNC, Doing, Job, job_of, most_perishable_first
from etl.store.engine import store_errors

CHUNK = 500
"""Jobs that are handed out in one statement."""

_WAITING = text("""
    SELECT queue_name, task_name, args FROM procrastinate_jobs WHERE status = 'todo' AND args ->> 'account' <> ''
""")

_IS_SUPERSEDED = text("""
    SELECT EXISTS (SELECT FROM procrastinate_jobs
                    WHERE lock = :lock AND task_name = :sync AND status = 'todo' AND id > :id)
""")

_IS_AWAITED = text("""
    SELECT bool_or(status IN ('todo', 'doing')) AND min(enqueued_at) > now() - :longest
      FROM jobs WHERE due_at = to_timestamp(:night)
""")

_RUNS_OF = text("""
    SELECT runs.id FROM procrastinate_jobs AS job JOIN runs ON runs.job_id = job.id
     WHERE args ->> 'timestamp' = :night ORDER BY runs.id
""")


def hand_out(connection: Connection, jobs: Sequence[Job]) -> int:
    """Put jobs into their queues, but for those that wait there already, and commit; how many were put."""
    with store_errors():
        waiting = {_without_night(job_of(*row)) for row in connection.execute(_WAITING)}
        fresh = [job for job in most_perishable_first(jobs) if _without_night(job) not in waiting]
        driver = connection.connection.driver_connection
        for start in range(0, len(fresh), CHUNK):
            queued = [_queued(job) for job in fresh[start : start + CHUNK]]
            JobManager(SyncPsycopgConnector()).batch_defer_jobs(queued, driver)
        connection.commit()
    return len(fresh)


def is_superseded(connection: Connection, doing: Doing) -> bool:
    """Whether a later night of the same account waits: it reads what this one would, so this need not be done."""
    if doing.job.command != SYNC:
        return False
    with store_errors():
        found = connection.scalar(_IS_SUPERSEDED, {"lock": doing.job.lock, "id": doing.id, "sync": SYNC})
        connection.rollback()
    return bool(found)


def runs_of_night(connection: Connection, night: int, longest: timedelta) -> list[int] | None:
    """The ids of a night's runs; None while a job of it is not at its end. `night`: epoch seconds.

    It is awaited for `longest` from when it was handed out, which may have been long after it was due.
    """
    with store_errors():
        awaited = connection.scalar(_IS_AWAITED, {"night": night, "longest": longest})
        found = list(connection.scalars(_RUNS_OF, {"night": str(night)}))
        connection.rollback()
    return None if awaited else found


def _without_night(job: Job) -> Job:
    return replace(job, night=None)


def _queued(job: Job) -> Queued:
    return Queued(
        queue=job.queue, lock=job.lock, queueing_lock=None, task_name=job.command, task_kwargs=job.arguments()
    )
