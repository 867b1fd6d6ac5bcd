"""The number of jobs in the queue. The view `jobs` shows each of them."""

from typing import NamedTuple

from sqlalchemy import Connection, text

_BY_STATUS = text("""
    SELECT status::text, count(*) AS jobs
      FROM procrastinate_jobs WHERE task_name IN ('sync', 'backfill') GROUP BY status
""")

_BY_QUEUE = text("""
    SELECT queue_name AS queue,
           count(*) FILTER (WHERE status = 'todo' AND coalesce(scheduled_at <= now(), true)) AS waiting,
           count(*) FILTER (WHERE status = 'doing' AND last_heartbeat > now() - interval '1 minute') AS running
      FROM procrastinate_jobs LEFT JOIN procrastinate_workers ON procrastinate_workers.id = worker_id
     WHERE status IN ('todo', 'doing') AND task_name IN ('sync', 'backfill') GROUP BY queue_name ORDER BY queue_name
""")

STATUSES = ("todo", "doing", "succeeded", "failed")


def count_waiting(connection: Connection) -> int:
    """Jobs that are due and that no worker has begun, in all queues."""
    return sum(queue.waiting for queue in queues(connection))


def count_jobs(connection: Connection) -> dict[str, int]:
    """Jobs by status, finished ones until they are deleted. Empty where there never was a job."""
    found = {str(row.status): int(row.jobs) for row in connection.execute(_BY_STATUS)}
    return dict.fromkeys(STATUSES, 0) | found if found else {}


class Queue(NamedTuple):
    """A queue with unfinished jobs."""

    queue: str
    waiting: int
    """Jobs that are due."""
    running: int
    """Jobs of workers that were heard of within a minute."""


def queues(connection: Connection) -> list[Queue]:
    """The queues with unfinished jobs."""
    return [Queue(*row) for row in connection.execute(_BY_QUEUE)]
