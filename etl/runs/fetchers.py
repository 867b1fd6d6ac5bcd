"""Requests in flight: a few threads that ask, and one place where their answers come in."""

import queue
import threading
from collections.abc import Callable
from typing import Generic, TypeVar

from etl.errors import StoppedError
from etl.waits import WAITS

STOPPED = "stopped by a signal; what was proven is kept"

TICK = 0.2
"""Seconds after which whoever waits for an answer looks up."""

Job = TypeVar("Job")
Answer = TypeVar("Answer")


class Fetchers(Generic[Job, Answer]):
    """At most `count` threads, as many as are needed, that each run one call at a time.

    They are daemons: a request that hangs does not keep a program that was stopped from ending.
    """

    def __init__(self, count: int) -> None:
        self._count = count
        self._threads: list[threading.Thread] = []
        self._in_flight = 0
        self._calls: queue.SimpleQueue[tuple[Job, Callable[[], Answer]] | None] = queue.SimpleQueue()
        self._done: queue.SimpleQueue[tuple[Job, Answer | Exception]] = queue.SimpleQueue()

    def submit(self, job: Job, call: Callable[[], Answer]) -> None:
        self._calls.put((job, call))
        self._in_flight += 1
        if len(self._threads) < min(self._in_flight, self._count):
            thread = threading.Thread(target=self._work, name=f"fetcher-{len(self._threads)}", daemon=True)
            thread.start()
            self._threads.append(thread)

    def next_done(self, timeout: float) -> tuple[Job, Answer | Exception] | None:
        """The next finished call with its result or its exception; None after `timeout` seconds without one."""
        try:
            done = self._done.get(timeout=timeout)
        except queue.Empty:
            return None
        self._in_flight -= 1
        return done

    def close(self) -> None:
        """Let the threads end, each after the call it has in hand, which nobody waits for.

        Where no call is in hand they end here and now: connections that threads let go of while the interpreter shuts
        down make it complain.
        """
        for _ in self._threads:
            self._calls.put(None)
        if not self._in_flight:
            for thread in self._threads:
                thread.join()

    def _work(self) -> None:
        while (next_call := self._calls.get()) is not None:
            job, call = next_call
            try:
                self._done.put((job, call()))
            except Exception as error:  # whoever waits for the answer decides what becomes of it
                self._done.put((job, error))


def interruptibly(call: Callable[[], Answer], stop: threading.Event) -> Answer:
    """The call's result, or its exception; StoppedError as soon as `stop` is set, however long it may still take."""
    fetchers: Fetchers[None, Answer] = Fetchers(1)
    fetchers.submit(None, call)
    try:
        while not stop.is_set():
            done = fetchers.next_done(TICK)
            WAITS.report()
            if done is not None:
                if isinstance(done[1], Exception):
                    raise done[1]
                return done[1]
    finally:
        fetchers.close()
    raise StoppedError(STOPPED)
