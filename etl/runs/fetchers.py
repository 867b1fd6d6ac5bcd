"""Requests in flight: a few threads that send them, and one queue for the results."""

import queue
import threading
from collections.abc import Callable
from contextvars import Context, copy_context
from typing import Generic, TypeVar

from etl.errors import StoppedError
from etl.waits import WAITS

STOPPED = "stopped by a signal; what was proven is kept"

TICK = 0.2
"""Seconds between two looks at the stop event while a result is awaited."""

Job = TypeVar("Job")
Result = TypeVar("Result")


class Fetchers(Generic[Job, Result]):
    """At most `count` threads, started when they are needed. Each runs one call at a time.

    They are daemon threads, so that a hanging request does not keep a stopped program from exiting.
    """

    def __init__(self, count: int) -> None:
        self._count = count
        self._threads: list[threading.Thread] = []
        self._in_flight = 0
        self._calls: queue.SimpleQueue[tuple[Job, Callable[[], Result], Context] | None] = queue.SimpleQueue()
        self._done: queue.SimpleQueue[tuple[Job, Result | Exception]] = queue.SimpleQueue()

    def submit(self, job: Job, call: Callable[[], Result]) -> None:
        self._calls.put((job, call, copy_context()))  # what is logged names the same account and run
        self._in_flight += 1
        if len(self._threads) < min(self._in_flight, self._count):
            thread = threading.Thread(target=self._work, name=f"fetcher-{len(self._threads)}", daemon=True)
            thread.start()
            self._threads.append(thread)

    def next_done(self, timeout: float) -> tuple[Job, Result | Exception] | None:
        """The next finished call with its result or exception; None if none finishes within `timeout` seconds."""
        try:
            done = self._done.get(timeout=timeout)
        except queue.Empty:
            return None
        self._in_flight -= 1
        return done

    def close(self) -> None:
        """Let each thread end after its current call. Does not wait for calls in flight.

        Without calls in flight this waits for the threads: connections that threads release while the interpreter
        shuts down cause warnings.
        """
        for _ in self._threads:
            self._calls.put(None)
        if not self._in_flight:
            for thread in self._threads:
                thread.join()

    def _work(self) -> None:
        while (next_call := self._calls.get()) is not None:
            job, call, context = next_call
            try:
                self._done.put((job, context.run(call)))
            except Exception as error:  # the reader of the queue handles it
                self._done.put((job, error))


def interruptibly(call: Callable[[], Result], stop: threading.Event) -> Result:
    """Return the call's result or raise its exception; raises StoppedError as soon as `stop` is set."""
    fetchers: Fetchers[None, Result] = Fetchers(1)
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
