"""A worker or scheduler process: runs until a signal, and starts its worker again after the queue could not be used."""

import asyncio
import os
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from socket import gethostname
from threading import Event

import psycopg
from procrastinate.exceptions import ConnectorException

from etl.accounts.key_sources import configured_markets, key_sources
from etl.core.markets.apis import FAPI
from etl.core.text import many
from etl.core.timeline import iso, to_millis
from etl.errors import ConfigError, StoppedError, StoreError
from etl.exchange.clock import ExchangeClock
from etl.fleet import pace
from etl.fleet.end_of_night import end_of_night
from etl.fleet.housekeeping import with_folding
from etl.fleet.lost_database import Outage, tell_of
from etl.fleet.schedule import Schedule, upcoming, with_first_markets
from etl.fleet.worker import HOUSEKEEPING, Worker
from etl.fleet.worker_context import WorkerContext
from etl.logs import logger
from etl.monitoring.address import Address
from etl.monitoring.scrape import Scrape
from etl.monitoring.server import serving
from etl.runs import composition, from_settings
from etl.runs.fetchers import STOPPED, TICK
from etl.settings.model import Settings
from etl.store.engine import engine_for, reason

_log = logger(__name__)


@dataclass(frozen=True)
class ServiceOptions:
    """The queues that a process serves, how many jobs it runs at once, and the schedule if it is the scheduler.

    `metrics`: the address at which it serves metrics to Prometheus. `back_up`: called at the end of each scheduled run.
    """

    queues: Sequence[str]
    concurrency: int
    schedule: Schedule | None = None
    metrics: Address | None = None
    back_up: Callable[[], None] | None = None


def queues_to_serve(settings: Settings, named: Sequence[str]) -> Sequence[str]:
    """The queues that were named, one or several with commas in each text; if none, those of all accounts."""
    queues = sorted({name.strip() for text in named for name in text.split(",")} - {""})
    if HOUSEKEEPING in queues:
        raise ConfigError(f"the queue {HOUSEKEEPING} is reserved for the scheduler")
    return queues or sorted({settings.queue_of(source.account) for source in key_sources(settings)})


def startup_line(options: ServiceOptions) -> str:
    """What the process is going to do, in one line."""
    jobs = f"{many(options.concurrency, 'job')} at once"
    works = f"queues: {', '.join(options.queues)}; {jobs}" if options.queues else "jobs are left to workers"
    if options.schedule is None:
        return f"worker: {works}"
    due = ", ".join(iso(to_millis(one)) for one in upcoming(options.schedule.cron, datetime.now(UTC)))
    return f"schedule: {many(len(options.schedule.accounts), 'account')}, next runs {due}; {works}"


def serve(
    settings: Settings,
    options: ServiceOptions,
    stop: Event,
    give_up: Callable[[str], None],
    clock: ExchangeClock | None = None,
) -> None:
    """Work until `stop` is set, then raise StoppedError. `settings` name a database that is up (see `served`).

    What happens is logged. `give_up` must end the process at once: others take its jobs, which it cannot stop.
    """
    assert settings.database_url is not None  # noqa: S101 – `from_settings.served` sees to it
    url = settings.database_url.get_secret_value()
    _log.info("%s", startup_line(options))
    if options.schedule:
        with from_settings.store(settings) as connection:
            schedule = with_first_markets(options.schedule, settings, connection)
        options = replace(options, schedule=schedule)
    with ExitStack() as resources:
        access = resources.enter_context(composition.access(settings, engine_for(url), stop, clock))
        if options.metrics:
            scrape = Scrape(settings, access.outcomes.counts, configured_markets(settings), access.clock(FAPI))
            port = resources.enter_context(serving(options.metrics, scrape))
            _log.info("metrics: %s", replace(options.metrics, port=port))
        context = WorkerContext(settings, access, stop, f"{gethostname()}/{os.getpid()}")
        resources.callback(context.connections.close)
        accounts = options.schedule.accounts if options.schedule else []
        end_night = end_of_night(settings, accounts, options.back_up)
        end_night = with_folding(settings, end_night, stop)

        def new_worker() -> Worker:
            halt = Event()
            run_job = replace(context, stop=halt).run_job
            return Worker(
                url, options.queues, options.concurrency, run_job, halt, options.schedule, end_night, give_up, pace.PACE
            )

        tell = partial(tell_of, settings) if options.schedule else None
        asyncio.run(work_until(stop, new_worker, options.concurrency, tell))
    raise StoppedError(STOPPED)


async def work_until(
    stop: Event,
    new_worker: Callable[[], Worker],
    concurrency: int,
    tell: Callable[[StoreError], None] | None,
    now: Callable[[], float] = time.monotonic,
) -> None:
    """Work until `stop` is set; `tell` is called, once, of an outage that keeps lasting."""
    outage = Outage()
    threads = ThreadPoolExecutor(concurrency + 1, thread_name_prefix="job")  # one more for the notifications
    asyncio.get_running_loop().set_default_executor(threads)
    while not stop.is_set():
        worker, why, began = new_worker(), "the worker ended", now()
        working = asyncio.create_task(worker.work())
        while not (stop.is_set() or working.done()):
            await asyncio.wait({working}, timeout=TICK)
        worker.halt.set()
        working.cancel()
        try:
            await working
        except asyncio.CancelledError:
            pass
        except (ConnectorException, psycopg.Error) as error:
            why = reason(error)
        if not stop.is_set():
            _log.warning("the queue cannot be used: %s; next attempt in %g s", why, pace.PACE.reconnect)
            if tell is not None and outage.is_news(began, now()):
                await asyncio.to_thread(tell, StoreError(f"the queue cannot be used: {why}"))
            await asyncio.to_thread(stop.wait, pace.PACE.reconnect)
