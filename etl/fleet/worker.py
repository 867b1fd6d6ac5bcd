"""The worker, and the scheduler, which is a worker that also enqueues jobs when they are due; with procrastinate."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

from procrastinate import App, JobContext, PsycopgConnector, RetryDecision
from procrastinate.exceptions import ConnectorException
from procrastinate.jobs import Job as Queued
from procrastinate.jobs import Status
from procrastinate.retry import BaseRetryStrategy
from procrastinate.tasks import ConfigureTaskOptions

from etl.fleet.jobs import BACKFILL, SYNC, ClaimedJob, UnfinishedError, job_from_arguments, poll_delay
from etl.fleet.schedule import Schedule
from etl.logs import logger
from etl.store.engine import conninfo_of
from etl.store.session import set_all

CATCH_UP_S = 31 * 86_400
"""A scheduled run that was missed is made up for, once, if it was due no more than these seconds ago."""

HEARTBEAT_S = 5.0
DEAD_AFTER_S = 20.0
"""Seconds without a heartbeat after which a worker counts as dead and its jobs are retried."""

MAX_ATTEMPTS = 20
"""Attempts after which a job fails for good when its worker dies: the job may be what kills the workers."""

POLL_S = 0.5
"""Seconds between two looks for a job. Procrastinate does not notify when the end of one job unlocks another."""

JOB_HISTORY_HOURS = 90 * 24
"""How long ended jobs stay in the view `jobs`."""

HOUSEKEEPING = "housekeeping"
"""The queue of the scheduler's own tasks; no account may use it."""

CLEANUP_CRON = "41 4 * * *"

_log = logger(__name__)


class _RetryAsRequested(BaseRetryStrategy):
    """Retries a job after the delay that its UnfinishedError names."""

    def get_retry_decision(self, *, exception: BaseException, job: Queued) -> RetryDecision | None:
        if not isinstance(exception, UnfinishedError) or exception.retry_in is None:
            return None
        return RetryDecision(retry_in={"seconds": int(exception.retry_in.total_seconds())})


class Worker:
    """Runs the jobs of some queues, several at once, each in a thread. With a schedule it is the scheduler too."""

    def __init__(
        self,
        url: str,
        queues: Sequence[str],
        concurrency: int,
        run_job: Callable[[ClaimedJob], None],
        schedule: Schedule | None,
        notify: Callable[[int], bool],
    ) -> None:
        """`notify` gets the time a scheduled run was due, epoch seconds; it is called until it returns True."""
        self._concurrency = concurrency
        self._queues = [*queues, *([HOUSEKEEPING] if schedule else [])]
        connector = PsycopgConnector(conninfo=conninfo_of(url), min_size=1, max_size=4, configure=set_all)
        self._app = App(connector=connector, periodic_defaults={"max_delay": CATCH_UP_S})
        tasks = {name: self._job_task(name, run_job) for name in (SYNC, BACKFILL)}
        if schedule:
            self._register_schedule(schedule, tasks[SYNC], notify)

    async def work(self) -> None:
        """Work until cancelled, which waits for running jobs to end. Raises ConnectorException and psycopg.Error."""
        async with self._app.open_async():
            retrying = asyncio.create_task(self._retry_stalled_jobs())
            try:
                await self._app.run_worker_async(
                    queues=self._queues,
                    concurrency=self._concurrency,
                    fetch_job_polling_interval=POLL_S,
                    update_heartbeat_interval=HEARTBEAT_S,
                    stalled_worker_timeout=DEAD_AFTER_S,
                    install_signal_handlers=False,
                )
            finally:
                retrying.cancel()

    def _job_task(self, name: str, run_job: Callable[[ClaimedJob], None]) -> Any:
        def perform(context: JobContext, /, **arguments: Any) -> None:
            queued = context.job
            run_job(ClaimedJob(job_from_arguments(queued.queue, name, arguments), queued.id or 0, queued.attempts))

        return self._app.task(name=name, pass_context=True, retry=_RetryAsRequested())(perform)

    def _register_schedule(self, schedule: Schedule, sync: Any, notify: Callable[[int], bool]) -> None:
        """At each due time: a sync for each account, and a task that notifies once all of them have ended."""

        def notify_when_ended(context: JobContext, /, timestamp: int) -> None:
            if not notify(timestamp):
                raise UnfinishedError(poll_delay(context.job.attempts))

        register = self._app.periodic_registry.register_task
        for job in schedule.jobs:
            options: ConfigureTaskOptions = {"queue": job.queue, "lock": job.lock, "task_kwargs": job.arguments()}
            register(sync, schedule.cron, job.account, options)
        cleanup = self._app.task(name="cleanup", queue=HOUSEKEEPING)(self._delete_old_jobs)
        register(cleanup, CLEANUP_CRON, "", {})
        notification = self._app.task(name="notify", queue=HOUSEKEEPING, pass_context=True, retry=_RetryAsRequested())
        register(notification(notify_when_ended), schedule.cron, "", {})

    async def _retry_stalled_jobs(self) -> None:
        manager = self._app.job_manager
        while True:
            await asyncio.sleep(HEARTBEAT_S)
            with suppress(ConnectorException):  # the worker notices a lost database itself; or another one was faster
                for job in await manager.get_stalled_jobs(seconds_since_heartbeat=DEAD_AFTER_S):
                    if job.attempts < MAX_ATTEMPTS:
                        _log.warning("job %s is retried: its worker died", job.id)
                        await manager.retry_job(job)
                    else:
                        _log.error("job %s failed: its worker died, after %d attempts", job.id, job.attempts)
                        await manager.finish_job(job, Status.FAILED, delete_job=False)

    async def _delete_old_jobs(self, timestamp: int) -> None:
        await self._app.job_manager.delete_old_jobs(
            JOB_HISTORY_HOURS, include_failed=True, include_cancelled=True, include_aborted=True
        )
