"""What a worker says of its jobs: never of one that another took, and again where the database did not take it."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager

import psycopg
import pytest
from procrastinate import PsycopgConnector
from procrastinate.exceptions import ConnectorException
from procrastinate.jobs import Job as Queued
from procrastinate.jobs import Status

from etl.fleet.jobs import Job
from etl.fleet.owned_jobs import OwnedJobs
from etl.fleet.pace import Pace
from etl.fleet.queue import enqueue
from etl.store.engine import connection_to, engine_for
from tests.roles import ROLES

PACE = Pace(retry=0.02, dead_after=20)


@pytest.fixture
def owner(database_url: str) -> Iterator[psycopg.Connection[tuple[object, ...]]]:
    with psycopg.connect(database_url, autocommit=True) as connection:
        yield connection


@pytest.fixture(autouse=True)
def _queue(writer_url: str) -> None:
    with connection_to(engine_for(writer_url)) as connection:
        enqueue(connection, [Job("main", "default"), Job("hedge", "default")])


@asynccontextmanager
async def worker(url: str) -> AsyncIterator[OwnedJobs]:
    connector = PsycopgConnector(conninfo=url, min_size=1, max_size=2)
    await connector.open_async()
    jobs = OwnedJobs(connector, PACE)
    await jobs.register_worker()
    yield jobs
    await connector.close_async()


async def fetched(jobs: OwnedJobs) -> Queued:
    job = await jobs.fetch_job(["default"], jobs.worker_id or 0)
    assert job is not None
    return job


def states(owner: psycopg.Connection[tuple[object, ...]]) -> list[tuple[object, ...]]:
    return owner.execute("SELECT status::text, attempts FROM procrastinate_jobs ORDER BY id").fetchall()


End = Callable[[OwnedJobs, Queued], Awaitable[None]]


async def finish(jobs: OwnedJobs, job: Queued) -> None:
    await jobs.finish_job(job, Status.SUCCEEDED, delete_job=False)


async def retry(jobs: OwnedJobs, job: Queued) -> None:
    await jobs.retry_job(job)


ENDS = {"succeeded": finish, "todo": retry}


@pytest.mark.parametrize(("status", "end"), ENDS.items(), ids=ENDS)
def test_a_job_of_its_own_ends(
    writer_url: str, owner: psycopg.Connection[tuple[object, ...]], status: str, end: End
) -> None:
    async def work() -> None:
        async with worker(writer_url) as jobs:
            await end(jobs, await fetched(jobs))

    asyncio.run(work())
    assert states(owner)[0] == (status, 1)


@pytest.mark.parametrize("end", ENDS.values(), ids=ENDS)
def test_a_job_that_another_took_meanwhile_is_left_to_it(
    writer_url: str, owner: psycopg.Connection[tuple[object, ...]], end: End, caplog: pytest.LogCaptureFixture
) -> None:
    async def work() -> None:
        async with worker(writer_url) as first, worker(writer_url) as second:
            job = await fetched(first)
            owner.execute("UPDATE procrastinate_workers SET last_heartbeat = now() - interval '21 s' WHERE id = 1")
            await second.release_jobs_of_dead_workers()
            assert (await fetched(second)).id == job.id
            await end(first, job)
            assert states(owner)[0] == ("doing", 1)
            await finish(second, job)

    with caplog.at_level(logging.WARNING, "etl.fleet"):
        asyncio.run(work())
    assert states(owner) == [("succeeded", 2), ("todo", 0)]
    assert f"job {1} is no longer this worker's" in caplog.text


def test_an_end_that_the_database_does_not_take_is_said_again(
    writer_url: str, owner: psycopg.Connection[tuple[object, ...]], caplog: pytest.LogCaptureFixture
) -> None:
    async def work() -> None:
        async with worker(writer_url) as jobs:
            job = await fetched(jobs)
            owner.execute(f"REVOKE UPDATE ON procrastinate_jobs FROM {ROLES['writer']}".encode())
            ending = asyncio.ensure_future(finish(jobs, job))
            while caplog.text.count("the end of job 1 is not stored yet: permission denied") < 2:
                await asyncio.sleep(0.01)
            owner.execute(f"GRANT UPDATE ON procrastinate_jobs TO {ROLES['writer']}".encode())
            await ending

    with caplog.at_level(logging.WARNING, "etl.fleet"):
        asyncio.run(work())
    assert states(owner)[0] == ("succeeded", 1)


def test_a_worker_that_nobody_hears_says_it_once(
    writer_url: str, owner: psycopg.Connection[tuple[object, ...]]
) -> None:
    async def work() -> None:
        async with worker(writer_url) as jobs:
            job = await fetched(jobs)
            owner.execute(f"REVOKE UPDATE ON procrastinate_jobs FROM {ROLES['writer']}".encode())
            jobs.is_lost = True
            with pytest.raises(ConnectorException):
                await finish(jobs, job)

    asyncio.run(work())
    assert states(owner)[0] == ("doing", 0)


def test_only_jobs_of_dead_workers_are_released_and_by_one_of_those_that_look(
    writer_url: str, owner: psycopg.Connection[tuple[object, ...]], caplog: pytest.LogCaptureFixture
) -> None:
    async def work() -> None:
        async with worker(writer_url) as dead, worker(writer_url) as living, worker(writer_url) as third:
            await fetched(dead)
            await fetched(living)
            owner.execute("DELETE FROM procrastinate_workers WHERE id = 1")
            await asyncio.gather(*(jobs.release_jobs_of_dead_workers() for jobs in (living, third)))

    with caplog.at_level(logging.WARNING, "etl.fleet"):
        asyncio.run(work())
    assert states(owner) == [("todo", 1), ("doing", 0)]
    assert caplog.text.count("job 1 is retried: its worker died") == 1
