"""Threads that ask: they are gone when nothing is in their hands, and hold nobody up when something is."""

import threading
from collections.abc import Iterator
from functools import partial

import pytest

from etl.errors import StoppedError, TransientError
from etl.runs.fetchers import Fetchers, interruptibly

PATIENCE_S = 10


@pytest.fixture
def release() -> Iterator[threading.Event]:
    """Calls may wait for it; set when the test ends at the latest."""
    released = threading.Event()
    yield released
    released.set()


def fetchers_alive() -> set[threading.Thread]:
    return {thread for thread in threading.enumerate() if thread.name.startswith("fetcher-")}


def test_answers_come_back_with_the_job_that_asked() -> None:
    fetchers: Fetchers[str, int] = Fetchers(4)
    for number in range(20):
        fetchers.submit(f"job {number}", partial(pow, number, 2))
    answers = dict(done for _ in range(20) if (done := fetchers.next_done(PATIENCE_S)))
    assert answers == {f"job {number}": number * number for number in range(20)}
    assert fetchers.next_done(0) is None
    fetchers.close()


def test_an_error_is_an_answer_too() -> None:
    fetchers: Fetchers[str, int] = Fetchers(1)
    fetchers.submit("one", lambda: 1 // 0)
    done = fetchers.next_done(PATIENCE_S)
    assert done is not None
    assert isinstance(done[1], ZeroDivisionError)
    fetchers.close()


def test_no_thread_is_left_once_every_answer_was_taken() -> None:
    before = fetchers_alive()
    fetchers: Fetchers[int, None] = Fetchers(8)
    for number in range(8):
        fetchers.submit(number, lambda: None)
    for _ in range(8):
        fetchers.next_done(PATIENCE_S)
    assert fetchers_alive() - before
    fetchers.close()
    assert not fetchers_alive() - before


def test_a_call_that_hangs_holds_nobody_up(release: threading.Event) -> None:
    fetchers: Fetchers[str, bool] = Fetchers(2)
    fetchers.submit("hangs", release.wait)
    fetchers.close()
    assert fetchers.next_done(0) is None


def test_no_more_threads_are_started_than_there_is_work_for(release: threading.Event) -> None:
    before = fetchers_alive()
    fetchers: Fetchers[int, bool] = Fetchers(8)
    for number in range(3):
        fetchers.submit(number, release.wait)
    assert len(fetchers_alive() - before) == 3
    fetchers.close()


def test_what_is_done_interruptibly_returns_or_raises_as_the_call_does_and_leaves_no_thread() -> None:
    before, stop = fetchers_alive(), threading.Event()

    def fails() -> None:
        raise TransientError("no")

    assert interruptibly(lambda: 7, stop) == 7
    with pytest.raises(TransientError):
        interruptibly(fails, stop)
    assert not fetchers_alive() - before


def test_a_stop_ends_it_however_long_the_call_still_takes(release: threading.Event) -> None:
    stop = threading.Event()

    def call() -> None:
        stop.set()
        release.wait()

    with pytest.raises(StoppedError):
        interruptibly(call, stop)
