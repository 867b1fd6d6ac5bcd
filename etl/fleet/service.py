"""A process that stays: it works on jobs, hands out nights if it is the scheduler, and bears a loss of the database."""

import asyncio
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, replace
from socket import gethostname
from threading import Event

import psycopg
from procrastinate.exceptions import ConnectorException

from etl.errors import StoppedError
from etl.exchange.clock import ExchangeClock
from etl.fleet.notifications import telling
from etl.fleet.worker import Schedule, Worker
from etl.fleet.worker_context import WorkerContext
from etl.logs import logger
from etl.monitoring.address import Address
from etl.monitoring.scrape import Scrape
from etl.monitoring.server import serving
from etl.runs import composition
from etl.runs.fetchers import STOPPED, TICK
from etl.settings.model import Settings
from etl.store.egress import shared_egress
from etl.store.engine import engine_for

RECONNECT_S = 5
"""Seconds before the database is tried again."""

_log = logger(__name__)


@dataclass(frozen=True)
class ServiceOptions:
    """What a process is for: the queues it works on, how many jobs at once, the nights it hands out.

    `metrics`: where it shows what it knows to Prometheus.
    """

    queues: Sequence[str]
    concurrency: int
    nights: Schedule | None = None
    metrics: Address | None = None


def serve(
    settings: Settings, duty: ServiceOptions, stop: Event, say: Callable[[str], None], clock: ExchangeClock | None = None
) -> None:
    """Work until `stop` is set, which ends in StoppedError. `settings` name a database that is up (`app.served`)."""
    assert settings.database_url is not None  # noqa: S101 – `app.served` sees to it
    url, clock = settings.database_url.get_secret_value(), clock or ExchangeClock()
    with ExitStack() as until_the_end:
        egress = until_the_end.enter_context(shared_egress(engine_for(url), settings.egress))
        gate = composition.gate(settings, egress, clock, stop)
        if duty.metrics:
            port = until_the_end.enter_context(serving(duty.metrics, Scrape(settings, gate.outcomes.counts)))
            say(f"metrics: {replace(duty.metrics, port=port)}")
        place = WorkerContext(settings, gate, clock, stop, f"{gethostname()}/{os.getpid()}", say)
        tell = telling(settings, [job.account for job in duty.nights.jobs] if duty.nights else [])

        def worker() -> Worker:
            return Worker(url, duty.queues, duty.concurrency, place.do, duty.nights, tell)

        asyncio.run(_work(worker, duty.concurrency, stop))
    raise StoppedError(STOPPED)


async def _work(worker: Callable[[], Worker], concurrency: int, stop: Event) -> None:
    threads = ThreadPoolExecutor(concurrency + 1, thread_name_prefix="job")  # and one for what the scheduler tells
    asyncio.get_running_loop().set_default_executor(threads)
    while not stop.is_set():
        working = asyncio.create_task(worker().work())
        while not (stop.is_set() or working.done()):
            await asyncio.wait({working}, timeout=TICK)
        working.cancel()
        try:
            await working
        except asyncio.CancelledError:
            pass
        except (ConnectorException, psycopg.Error) as error:
            _log.info("the queue: %s", type(error.__cause__ or error).__name__)
        if not stop.is_set():
            _log.warning("the database cannot be reached; it is tried again in %d s", RECONNECT_S)
            await asyncio.to_thread(stop.wait, RECONNECT_S)
