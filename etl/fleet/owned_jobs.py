"""What a worker says to the queue about its jobs: only of those that are still its own, and until it is heard."""

import asyncio
from datetime import datetime
from typing import Any, LiteralString

from procrastinate.connector import BaseAsyncConnector
from procrastinate.exceptions import ConnectorException
from procrastinate.jobs import Job as Queued
from procrastinate.jobs import Status
from procrastinate.manager import JobManager

from etl.core.text import many
from etl.core.timeline import SECOND, iso
from etl.fleet.jobs import BACKFILL, SYNC
from etl.fleet.pace import Pace
from etl.logs import logger
from etl.store.engine import reason

MAX_ATTEMPTS = 20
"""Attempts after which a job fails for good when its worker dies: the job may be what kills the workers."""

_IS_OWN: LiteralString = """
    SELECT id FROM procrastinate_jobs
     WHERE id = %(job_id)s AND worker_id = %(worker_id)s AND status = 'doing' FOR UPDATE
"""
_FINISH: LiteralString = f"""
    WITH own AS MATERIALIZED ({_IS_OWN})
    SELECT id, procrastinate_finish_job_v1(id, %(status)s::procrastinate_job_status, false) FROM own
"""  # noqa: S608 – made of the constant above
_RETRY: LiteralString = f"""
    WITH own AS MATERIALIZED ({_IS_OWN})
    SELECT id, procrastinate_retry_job_v2(id, %(retry_at)s::timestamptz, NULL, NULL, NULL) FROM own
"""  # noqa: S608 – made of the constant above

_RELEASE: LiteralString = """
    UPDATE procrastinate_jobs AS job
       SET status = CASE WHEN job.attempts < %(most)s OR job.task_name <> ALL (%(commands)s)
                         THEN 'todo' ELSE 'failed' END::procrastinate_job_status,
           attempts = job.attempts + 1, scheduled_at = now(), abort_requested = false, worker_id = NULL
     WHERE id IN (
           SELECT dead.id
             FROM procrastinate_jobs AS dead LEFT JOIN procrastinate_workers AS worker ON worker.id = dead.worker_id
            WHERE dead.status = 'doing'
              AND (worker.id IS NULL OR worker.last_heartbeat < now() - %(dead_after)s * interval '1 second')
              FOR UPDATE OF dead SKIP LOCKED
           )
    RETURNING job.id, job.status::text AS status, job.attempts
"""
"""One statement: of two workers that look at the same time, one releases a job, and no other has begun it by then."""

_log = logger(__name__)


class OwnedJobs(JobManager):
    """The queue as one worker uses it.

    Procrastinate lets a worker end a job that another has taken meanwhile, and forgets a job whose end the database did
    not take: it would stay `doing`, and its account would be read no more. Here neither happens.
    """

    def __init__(self, connector: BaseAsyncConnector, pace: Pace) -> None:
        super().__init__(connector)
        self._pace = pace
        self._enqueued = self._due_at = 0
        self.worker_id: int | None = None
        self.registered = asyncio.Event()
        self.is_lost = False
        """Others may take the jobs: what the database does not take now is not said again."""

    async def register_worker(self) -> int:
        self.worker_id = await super().register_worker()
        self.registered.set()
        return self.worker_id

    async def finish_job(self, job: Queued, status: Status, delete_job: bool) -> None:
        await self._end(job, _FINISH, status=status.value)

    async def retry_job(
        self,
        job: Queued,
        retry_at: datetime | None = None,
        priority: int | None = None,
        queue: str | None = None,
        lock: str | None = None,
    ) -> None:
        """Back into its queue as it is; nobody asks for another priority, queue or lock."""
        await self._end(job, _RETRY, retry_at=retry_at)

    async def defer_periodic_job(self, job: Queued, periodic_id: str, defer_timestamp: int) -> int | None:
        """As procrastinate's; says how many jobs were enqueued, at the scheduler's own task, which is the last."""
        try:
            job_id = await super().defer_periodic_job(job, periodic_id, defer_timestamp)
        except ConnectorException as error:
            _log.warning(
                "the job %s cannot be enqueued yet: %s", f"{job.task_name} {periodic_id}".strip(), reason(error)
            )
            raise
        if job.task_name not in (SYNC, BACKFILL):
            if self._enqueued:
                _log.info("enqueued %s, due at %s", many(self._enqueued, "job"), iso(self._due_at * SECOND))
            self._enqueued = 0
        elif job_id is not None:
            self._enqueued, self._due_at = self._enqueued + 1, defer_timestamp
        return job_id

    async def release_jobs_of_dead_workers(self) -> None:
        """Raises ConnectorException."""
        limits = {"most": MAX_ATTEMPTS, "commands": [SYNC, BACKFILL], "dead_after": self._pace.dead_after}
        for job in await self.connector.execute_query_all_async(_RELEASE, **limits):
            if job["status"] == "failed":
                _log.error("job %s failed: its worker died, after %d attempts", job["id"], job["attempts"] - 1)
            else:
                _log.warning("job %s is retried: its worker died", job["id"])

    async def _end(self, job: Queued, query: LiteralString, **arguments: Any) -> None:
        while True:
            try:
                ended = await self.connector.execute_query_all_async(
                    query, job_id=job.id, worker_id=self.worker_id, **arguments
                )
            except ConnectorException as error:
                if self.is_lost:
                    raise
                _log.warning("the end of job %s is not stored yet: %s", job.id, reason(error))
                await asyncio.sleep(self._pace.retry)
            else:
                if not ended:
                    _log.warning("job %s is no longer this worker's: what it says of it is not stored", job.id)
                return
