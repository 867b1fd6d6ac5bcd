"""A worker's heartbeat: others see that it lives, it survives what fails for a moment, and it ends in time."""

import asyncio
import logging
from collections.abc import Callable, Iterator

import psycopg
import pytest

from etl.fleet.heartbeat import TAKEN_FOR_DEAD, Heartbeat
from etl.fleet.pace import Pace
from tests.roles import ROLES
from tests.waiting import PATIENCE_S

QUICK = Pace(heartbeat=30, retry=0.02, gives_up_after=0.6, gone_after=0.9, dead_after=60)
"""Gives up at once, and long before it is dead to the others, however slow the machine is."""

LASTING = Pace(heartbeat=0.2, retry=0.02, gives_up_after=60, gone_after=60, dead_after=60)
"""Beats often and does not give up."""

QUIET = Pace(heartbeat=60, retry=0.02, gives_up_after=60, gone_after=60, dead_after=60)
"""Waits long for each statement."""

HANGING = "SELECT FROM pg_locks WHERE relation = 'procrastinate_workers'::regclass AND NOT granted"
CONNECTED = "SELECT FROM pg_stat_activity WHERE datname = current_database() AND usename = %s"


@pytest.fixture
def owner(database_url: str) -> Iterator[psycopg.Connection[tuple[object, ...]]]:
    with psycopg.connect(database_url, autocommit=True) as connection:
        yield connection


@pytest.fixture
def worker(owner: psycopg.Connection[tuple[int]]) -> int:
    found = owner.execute("SELECT * FROM procrastinate_register_worker_v1()").fetchone()
    assert found is not None
    owner.execute("UPDATE procrastinate_workers SET last_heartbeat = now() - interval '10 seconds'")
    return found[0]


def heartbeats(owner: psycopg.Connection[tuple[object, ...]]) -> list[tuple[object, ...]]:
    return owner.execute("SELECT last_heartbeat FROM procrastinate_workers").fetchall()


async def until(condition: Callable[[], object]) -> None:
    deadline = asyncio.get_running_loop().time() + PATIENCE_S
    while not condition():
        assert asyncio.get_running_loop().time() < deadline
        await asyncio.sleep(0.01)


class Beating:
    """A heartbeat under way; `after` waits for a condition while it goes on."""

    def __init__(self, heartbeat: Heartbeat, worker: int) -> None:
        self.task = asyncio.ensure_future(heartbeat.until_lost(worker))

    async def after(self, condition: Callable[[], object]) -> None:
        def is_met() -> object:
            assert not self.task.done(), self.task
            return condition()

        await until(is_met)

    async def end(self) -> None:
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)


def test_it_beats_again_and_again(writer_url: str, worker: int, owner: psycopg.Connection[tuple[object, ...]]) -> None:
    async def watch() -> None:
        beating = Beating(Heartbeat(writer_url, LASTING), worker)
        for _ in range(3):
            before = heartbeats(owner)
            await beating.after(lambda: heartbeats(owner) != before)  # noqa: B023 – in this round
        await beating.end()

    asyncio.run(watch())


TROUBLES = {
    "a right is revoked": (
        "REVOKE UPDATE ON procrastinate_workers FROM {writer}",
        "GRANT UPDATE ON procrastinate_workers TO {writer}",
        "permission denied for table procrastinate_workers",
    ),
    "its connection is cut": (
        "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE usename = '{writer}'",
        "SELECT 1",
        "",
    ),
    "a lock hangs": (
        "BEGIN; LOCK TABLE procrastinate_workers IN ACCESS EXCLUSIVE MODE",
        "ROLLBACK",
        "the database did not answer within 0.2 s",
    ),
}


@pytest.mark.parametrize(("begin", "end", "said"), TROUBLES.values(), ids=TROUBLES)
def test_what_fails_for_a_while_is_said_and_it_goes_on(
    writer_url: str,
    worker: int,
    owner: psycopg.Connection[tuple[object, ...]],
    caplog: pytest.LogCaptureFixture,
    begin: str,
    end: str,
    said: str,
) -> None:
    async def watch() -> None:
        beating = Beating(Heartbeat(writer_url, LASTING), worker)
        before = heartbeats(owner)
        await beating.after(lambda: heartbeats(owner) != before)
        owner.execute(begin.format(writer=ROLES["writer"]).encode())
        await beating.after(lambda: "the heartbeat fails and is sent again" in caplog.text)
        owner.execute(end.format(writer=ROLES["writer"]).encode())
        await beating.after(lambda: "the heartbeat is back" in caplog.text)
        later = heartbeats(owner)
        await beating.after(lambda: heartbeats(owner) != later)
        await beating.end()

    with caplog.at_level(logging.WARNING, "etl.fleet"):
        asyncio.run(watch())
    assert said in caplog.text


def test_one_that_is_ended_amid_a_statement_leaves_no_connection(
    writer_url: str, worker: int, owner: psycopg.Connection[tuple[object, ...]]
) -> None:
    async def watch() -> None:
        owner.execute("BEGIN; LOCK TABLE procrastinate_workers IN ACCESS EXCLUSIVE MODE")
        beating = Beating(Heartbeat(writer_url, QUIET), worker)
        await beating.after(lambda: owner.execute(HANGING).rowcount)
        await beating.end()
        owner.execute("ROLLBACK")
        await until(lambda: not owner.execute(CONNECTED, [ROLES["writer"]]).rowcount)

    asyncio.run(watch())


def test_what_lasts_ends_it_in_time_with_the_reason(
    writer_url: str, worker: int, owner: psycopg.Connection[tuple[object, ...]]
) -> None:
    owner.execute(f"REVOKE UPDATE ON procrastinate_workers FROM {ROLES['writer']}".encode())
    why = asyncio.run(Heartbeat(writer_url, QUICK).until_lost(worker))
    assert "permission denied for table procrastinate_workers" in why


def test_a_database_that_hangs_ends_it_too(
    writer_url: str, worker: int, owner: psycopg.Connection[tuple[object, ...]]
) -> None:
    owner.execute("BEGIN; LOCK TABLE procrastinate_workers IN ACCESS EXCLUSIVE MODE")
    why = asyncio.run(Heartbeat(writer_url, QUICK).until_lost(worker))
    assert "did not answer" in why
    owner.execute("ROLLBACK")


@pytest.mark.parametrize("change", ["SET last_heartbeat = now() - interval '61 seconds'", None], ids=["old", "pruned"])
def test_a_worker_that_others_take_for_dead_does_not_come_back(
    writer_url: str, worker: int, owner: psycopg.Connection[tuple[object, ...]], change: str | None
) -> None:
    statement = f"UPDATE procrastinate_workers {change}" if change else "DELETE FROM procrastinate_workers"
    owner.execute(statement.encode())
    assert asyncio.run(Heartbeat(writer_url, QUICK).until_lost(worker)) == TAKEN_FOR_DEAD


def test_a_process_that_stood_still_does_not_even_ask(writer_url: str, worker: int) -> None:
    moments = iter((0.0, 1_000.0, 1_000.0))
    why = asyncio.run(Heartbeat(writer_url, QUICK, lambda: next(moments)).until_lost(worker))
    assert why == "no heartbeat for 1000 s: the process stood still"
