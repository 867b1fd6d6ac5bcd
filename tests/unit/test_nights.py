"""What became of each account of a night, and when its news is due."""

from dataclasses import replace

import pytest

from etl.errors import ExitCode
from etl.fleet.nights import NEWS_AFTER_S, UNSERVED_AFTER_S, Night, NightJob, results
from etl.notifications.summary import AccountFault, AccountResults

DONE = NightJob("main", "default", "succeeded", 1, run_status="succeeded")
WAITING = NightJob("grid", "default", "todo", is_ready=True)
RETRIED = NightJob("hedge", "default", "todo", 1, run_status="failed", error="account hedge: the key is refused")
FAILED = replace(RETRIED, status="failed")


def of(*jobs: NightJob, age: float = 10.0, served: tuple[str, ...] = ()) -> AccountResults:
    return results(Night(jobs, age=age, served_queues=frozenset(served)))


def test_an_account_is_read_once_all_its_jobs_succeeded_and_the_last_made_a_run() -> None:
    weeks = replace(DONE, run_status=None)
    assert of(weeks, DONE) == AccountResults(1)
    assert of(DONE, replace(DONE, status="doing")).unfinished == (AccountFault("main", ""),)


def test_a_run_that_left_something_was_read_and_is_named() -> None:
    left = of(replace(DONE, run_status="incomplete", error="a window could not be read"))
    assert left == AccountResults(1, incomplete=(AccountFault("main", "a window could not be read"),))
    assert left.exit_code == ExitCode.INCOMPLETE


def test_an_account_that_failed_is_told_from_one_that_is_retried() -> None:
    reason = AccountFault("hedge", "the key is refused")
    assert of(DONE, FAILED) == AccountResults(1, failed=(reason,))
    assert of(DONE, RETRIED) == AccountResults(1, unfinished=(reason,))
    assert of(DONE, FAILED).exit_code == of(DONE, RETRIED).exit_code == ExitCode.FAILED


def test_an_account_counts_once_and_each_of_its_markets_that_was_not_read_is_named() -> None:
    of_coinm = replace(
        DONE, market="coinm", status="failed", run_status="failed", error="account main (coinm): the key is refused"
    )
    ended = of(DONE, of_coinm, replace(DONE, account="grid"))
    assert ended == AccountResults(1, failed=(AccountFault("main", "the key is refused", "coinm"),))
    assert ended.total == 2
    both = of(replace(of_coinm, market="usdm"), of_coinm, replace(RETRIED, account="main", market="margin"))
    assert (both.read, both.total, len(both.failed), len(both.unfinished)) == (0, 1, 2, 1)


def test_a_job_that_failed_without_a_run_says_where_to_look() -> None:
    (fault,) = of(replace(FAILED, run_status=None, error=None)).failed
    assert "log of the worker" in fault.reason


def test_a_job_that_was_skipped_read_nothing() -> None:
    (fault,) = of(replace(DONE, run_status=None)).failed
    assert fault == AccountFault("main", "left to a later night, whose job waits already")


def test_news_is_due_when_all_jobs_ended_or_the_time_is_over() -> None:
    assert Night((DONE, FAILED)).has_news
    assert not Night((DONE, RETRIED), age=NEWS_AFTER_S - 1).has_news
    assert Night((DONE, RETRIED), age=NEWS_AFTER_S).has_news


@pytest.mark.parametrize(
    ("jobs", "served", "unserved"),
    [
        ((WAITING,), (), ("default",)),
        ((WAITING,), ("default",), ()),
        ((WAITING, replace(WAITING, queue="tokyo")), ("tokyo",), ("default",)),
        ((RETRIED,), (), ()),
    ],
    ids=["none is there", "one is busy", "of another queue", "nothing waits"],
)
def test_a_queue_is_unserved_where_jobs_wait_that_nobody_begins(
    jobs: tuple[NightJob, ...], served: tuple[str, ...], unserved: tuple[str, ...]
) -> None:
    assert of(*jobs, age=600.0, served=served).unserved_queues == unserved
    assert of(*jobs, age=UNSERVED_AFTER_S - 1, served=served).unserved_queues == ()
