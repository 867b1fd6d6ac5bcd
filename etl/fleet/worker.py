"""A worker, and the scheduler, which is a worker to whom nights become due: procrastinate's, in our words."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from procrastinate import App, JobContext, PsycopgConnector, RetryDecision
from procrastinate.exceptions import ConnectorException
from procrastinate.jobs import Job as Queued
from procrastinate.jobs import Status
from procrastinate.retry import BaseRetryStrategy
from procrastinate.tasks import ConfigureTaskOptions

from etl.fleet.jobs import BACKFILL, SYNC, Doing, Job, UnfinishedError, job_of, rest_before_look
from etl.logs import logger
from etl.store.engine import conninfo_of

CATCH_UP_S = 31 * 86_400
"""How long ago a night may have been due and is still made up for, once."""

HEARTBEAT_S = 5.0
DEAD_AFTER_S = 20.0
"""Seconds without a sign of life after which a worker counts as dead and its jobs are taken up by others."""

MOST_ATTEMPTS = 20
"""Attempts after which a job whose worker died is given up: it may be the job that they die of."""

POLL_S = 0.5
"""Seconds between two looks for a job that is free to be done: of one that another's end made free nobody tells."""

KEPT_HOURS = 90 * 24
"""How long it can be read in the view `jobs` what became of a job."""

HOUSEKEEPING = "housekeeping"
"""Where the scheduler's own jobs stand; no account's queue."""

TIDYING_AT = "41 4 * * *"

_log = logger(__name__)


@dataclass(frozen=True)
class Nights:
    """Jobs that become due by themselves, each at the instants that `cron` gives (UTC)."""

    cron: str
    jobs: Sequence[Job]


class _AsLongAsToldTo(BaseRetryStrategy):
    def get_retry_decision(self, *, exception: BaseException, job: Queued) -> RetryDecision | None:
        if not isinstance(exception, UnfinishedError) or exception.rest is None:
            return None
        return RetryDecision(retry_in={"seconds": int(exception.rest.total_seconds())})


class Worker:
    """Works on the jobs of some queues, several at once, each in a thread; with `nights` it is a scheduler too."""

    def __init__(
        self,
        url: str,
        queues: Sequence[str],
        at_once: int,
        do: Callable[[Doing], None],
        nights: Nights | None,
        tell: Callable[[int], bool],
    ) -> None:
        """`tell` is called with the instant of a night, epoch seconds, until it says that the night is told."""
        self._at_once = at_once
        self._queues = [*queues, *([HOUSEKEEPING] if nights else [])]
        connector = PsycopgConnector(conninfo=conninfo_of(url), min_size=1, max_size=4)
        self._app = App(connector=connector, periodic_defaults={"max_delay": CATCH_UP_S})
        tasks = {name: self._task(name, do) for name in (SYNC, BACKFILL)}
        if nights:
            self._register(nights, tasks[SYNC], tell)

    async def work(self) -> None:
        """Until it is cancelled, which waits for the jobs in hand. Raises ConnectorException and psycopg.Error."""
        async with self._app.open_async():
            rescuing = asyncio.create_task(self._take_up_what_the_dead_left())
            try:
                await self._app.run_worker_async(
                    queues=self._queues,
                    concurrency=self._at_once,
                    fetch_job_polling_interval=POLL_S,
                    update_heartbeat_interval=HEARTBEAT_S,
                    stalled_worker_timeout=DEAD_AFTER_S,
                    install_signal_handlers=False,
                )
            finally:
                rescuing.cancel()

    async def _take_up_what_the_dead_left(self) -> None:
        manager = self._app.job_manager
        while True:
            await asyncio.sleep(HEARTBEAT_S)
            with suppress(ConnectorException):  # the worker itself will notice; or another one was quicker
                for left in await manager.get_stalled_jobs(seconds_since_heartbeat=DEAD_AFTER_S):
                    if left.attempts < MOST_ATTEMPTS:
                        _log.warning("job %s is taken up again: the worker that had it died", left.id)
                        await manager.retry_job(left)
                    else:
                        _log.error("job %s is given up: the worker that had it died, after many attempts", left.id)
                        await manager.finish_job(left, Status.FAILED, delete_job=False)

    def _task(self, name: str, do: Callable[[Doing], None]) -> Any:
        def perform(context: JobContext, /, **arguments: Any) -> None:
            own = context.job
            do(Doing(job_of(own.queue, name, arguments), own.id or 0, own.attempts))

        return self._app.task(name=name, pass_context=True, retry=_AsLongAsToldTo())(perform)

    def _register(self, nights: Nights, sync: Any, tell: Callable[[int], bool]) -> None:
        register = self._app.periodic_registry.register_task
        for job in nights.jobs:
            register(sync, nights.cron, job.lock, _options(job))
        register(self._app.task(name="tidy", queue=HOUSEKEEPING)(self._tidy), TIDYING_AT, "", {})
        telling = self._app.task(name="tell", queue=HOUSEKEEPING, pass_context=True, retry=_AsLongAsToldTo())(
            _telling(tell)
        )
        register(telling, nights.cron, "", {})

    async def _tidy(self, timestamp: int) -> None:
        await self._app.job_manager.delete_old_jobs(
            KEPT_HOURS, include_failed=True, include_cancelled=True, include_aborted=True
        )


def _telling(tell: Callable[[int], bool]) -> Callable[..., None]:
    def perform(context: JobContext, /, timestamp: int) -> None:
        if not tell(timestamp):
            raise UnfinishedError(rest_before_look(context.job.attempts))

    return perform


def _options(job: Job) -> ConfigureTaskOptions:
    return {"queue": job.queue, "lock": job.lock, "task_kwargs": job.arguments()}
