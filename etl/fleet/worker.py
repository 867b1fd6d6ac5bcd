"""The worker, and the scheduler, which is a worker that also enqueues jobs when they are due; with procrastinate."""

import asyncio
from collections.abc import Callable, Sequence
from datetime import timedelta
from threading import Event
from typing import Any

from procrastinate import App, JobContext, PsycopgConnector, RetryDecision
from procrastinate.exceptions import ConnectorException
from procrastinate.jobs import Job as Queued
from procrastinate.retry import BaseRetryStrategy
from procrastinate.tasks import ConfigureTaskOptions
from procrastinate.worker import Worker as QueueWorker

from etl.core.text import many
from etl.core.wallets import Wallet
from etl.fleet.heartbeat import Heartbeat
from etl.fleet.jobs import BACKFILL, SYNC, ClaimedJob, UnfinishedError, job_from_arguments, poll_delay
from etl.fleet.owned_jobs import OwnedJobs
from etl.fleet.pace import Pace
from etl.fleet.schedule import Schedule
from etl.logs import logger
from etl.store.engine import conninfo_of, reason
from etl.store.session import set_all

CATCH_UP_S = 31 * 86_400
"""A scheduled run that was missed is made up for, once, if it was due no more than these seconds ago."""

NEVER_S = 1e9

JOB_HISTORY_HOURS = 90 * 24
"""How long ended jobs stay in the view `jobs`."""

HOUSEKEEPING = "housekeeping"
"""The queue of the scheduler's own tasks; no account may use it."""

FIRST = 1
"""The priority of the scheduler's own tasks: they do not wait behind a night's jobs."""

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
        halt: Event,
        schedule: Schedule | None,
        notify: Callable[[int, int], bool],
        give_up: Callable[[str], None],
        pace: Pace,
    ) -> None:
        """`notify` gets the time a scheduled run was due, epoch seconds, and how often it was called for it before; it
        is called until it returns True. The jobs end soon after `halt` is set, which the worker does itself when the
        others no longer hear its heartbeat. `give_up` ends the process at once: others take its jobs, which do not end.
        """
        self.halt = halt
        self._give_up = give_up
        self._url = url
        self._pace = pace
        self._concurrency = concurrency
        self._running: set[int] = set()
        self._queues = [*queues, *([HOUSEKEEPING] if schedule else [])]
        connector = PsycopgConnector(conninfo=conninfo_of(url), min_size=1, max_size=4, configure=set_all)
        self._app = App(connector=connector, periodic_defaults={"max_delay": CATCH_UP_S})
        self._app.job_manager = self._jobs = OwnedJobs(connector, pace)
        tasks = {name: self._job_task(name, run_job) for name in (SYNC, BACKFILL)}
        if schedule:
            self._register_schedule(schedule, tasks[SYNC], notify)

    async def work(self) -> None:
        """Work until cancelled, or until the queue cannot be used; then wait for running jobs to end.

        Raises ConnectorException and psycopg.Error.
        """
        async with self._app.open_async():
            worker = QueueWorker(
                self._app,
                queues=self._queues,
                concurrency=self._concurrency,
                fetch_job_polling_interval=self._pace.poll,
                update_heartbeat_interval=NEVER_S,
                stalled_worker_timeout=self._pace.dead_after,
                listen_notify=False,
                install_signal_handlers=False,
            )
            working = asyncio.create_task(worker.run())  # type: ignore[no-untyped-call]
            beating = asyncio.create_task(self._beat(worker, working))
            releasing = asyncio.create_task(self._release_jobs())
            try:
                await asyncio.wait({working, beating}, return_when=asyncio.FIRST_COMPLETED)
                if beating.done():
                    beating.result()
                if working.done():
                    working.result()
            except asyncio.CancelledError:
                working.cancel()
                await asyncio.wait({working, beating}, return_when=asyncio.FIRST_COMPLETED)
                raise
            finally:
                for task in (beating, releasing):
                    task.cancel()
                await asyncio.gather(beating, releasing, return_exceptions=True)

    async def _beat(self, worker: QueueWorker, working: "asyncio.Task[None]") -> None:
        """Prove that the worker lives. When nobody hears it, stop its jobs; if they do not stop, give up.

        A statement that hangs is left behind: a job that it still fetches finds `halt` set.
        """
        await self._jobs.registered.wait()
        heartbeat = Heartbeat(self._url, self._pace)
        why = await heartbeat.until_lost(self._jobs.worker_id or 0)
        _log.error("the worker stops its jobs before others take them: %s", why)
        self._jobs.is_lost = True
        self.halt.set()
        worker.stop()  # type: ignore[no-untyped-call]
        while (self._running or not working.done()) and heartbeat.silence < self._pace.gone_after:
            await asyncio.sleep(self._pace.poll / 5)
        if self._running:
            self._give_up(f"{why}; {many(len(self._running), 'job')} did not stop")

    def _job_task(self, name: str, run_job: Callable[[ClaimedJob], None]) -> Any:
        def perform(context: JobContext, /, **arguments: Any) -> None:
            queued, job_id = context.job, context.job.id or 0
            if self.halt.is_set():
                raise UnfinishedError(timedelta())
            self._running.add(job_id)
            try:
                run_job(ClaimedJob(job_from_arguments(queued.queue, name, arguments), job_id, queued.attempts))
            finally:
                self._running.discard(job_id)

        return self._app.task(name=name, pass_context=True, retry=_RetryAsRequested())(perform)

    def _register_schedule(self, schedule: Schedule, sync: Any, notify: Callable[[int, int], bool]) -> None:
        """At each due time: a sync for each account and market, and a task that notifies once all have ended."""

        def notify_when_ended(context: JobContext, /, timestamp: int) -> None:
            if not notify(timestamp, context.job.attempts):
                raise UnfinishedError(poll_delay(context.job.attempts))

        register = self._app.periodic_registry.register_task
        for job in schedule.jobs:
            options: ConfigureTaskOptions = {"queue": job.queue, "lock": job.lock, "task_kwargs": job.arguments()}
            register(sync, schedule.cron, str(Wallet(job.account, job.market)), options)
        cleanup = self._app.task(name="cleanup", queue=HOUSEKEEPING)(self._delete_old_jobs)
        register(cleanup, CLEANUP_CRON, "", {})
        notification = self._app.task(
            name="notify", queue=HOUSEKEEPING, priority=FIRST, pass_context=True, retry=_RetryAsRequested()
        )
        register(notification(notify_when_ended), schedule.cron, "", {})

    async def _release_jobs(self) -> None:
        while True:
            await asyncio.sleep(self._pace.heartbeat)
            try:
                await self._jobs.release_jobs_of_dead_workers()
            except ConnectorException as error:  # another look follows; whether this worker goes on is not decided here
                _log.info("jobs of dead workers cannot be retried yet: %s", reason(error))

    async def _delete_old_jobs(self, timestamp: int) -> None:
        await self._app.job_manager.delete_old_jobs(
            JOB_HISTORY_HOURS, include_failed=True, include_cancelled=True, include_aborted=True
        )
