"""A scheduler that cannot use its queue starts its worker again and again, and after an hour tells of it once."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from threading import Event

import psycopg
import pytest

from etl.errors import StoreError
from etl.fleet import pace
from etl.fleet.lost_database import WORKED_S, Outage
from etl.fleet.nights import NEWS_AFTER_S
from etl.fleet.service import work_until
from etl.fleet.worker import Worker
from tests.roles import ROLES


def told_after(workers: Sequence[tuple[float, float]]) -> list[bool]:
    outage = Outage()
    return [outage.is_news(began, ended) for began, ended in workers]


def test_an_outage_is_news_once_it_has_lasted_an_hour() -> None:
    hour = NEWS_AFTER_S
    assert told_after([(0, 30), (35, 65), (hour, hour + 29), (hour + 35, hour + 65), (3 * hour, 3 * hour + 30)]) == [
        *(False, False, False),
        *(True, False),
    ]


def test_a_worker_that_worked_ends_the_outage() -> None:
    hour = NEWS_AFTER_S
    assert told_after([(0, 30), (40, 40 + WORKED_S), (hour + 50, hour + 80)]) == [False, False, False]
    assert told_after([(0, 30), (hour, hour + 60), (2 * hour, 3 * hour), (4 * hour, 4 * hour + 1)]) == [
        *(False, True),
        *(False, True),
    ]


def test_it_is_told_with_its_reason(writer_url: str, database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pace, "PACE", replace(pace.PACE, reconnect=0.01))
    stop, told = Event(), list[StoreError]()
    times = iter(range(0, 100_000, int(WORKED_S) - 1))

    def new_worker() -> Worker:
        return Worker(writer_url, [], 1, print, Event(), None, lambda *_: True, pytest.fail, pace.PACE)

    def tell(error: StoreError) -> None:
        told.append(error)
        stop.set()

    with psycopg.connect(database_url, autocommit=True) as owner:
        owner.execute(f"REVOKE ALL ON procrastinate_workers FROM {ROLES['writer']}")
    asyncio.run(work_until(stop, new_worker, 1, tell, lambda: float(next(times))))
    (error,) = told
    assert str(error).startswith("the queue cannot be used: permission denied for table procrastinate_workers")
