"""Requests in flight: a few threads that ask, and one place where their answers come in."""

import queue
import threading
from collections.abc import Callable
from typing import Generic, TypeVar

Job = TypeVar("Job")
Answer = TypeVar("Answer")


class Fetchers(Generic[Job, Answer]):
    """`count` threads that each run one call at a time.

    They are daemons: a request that hangs does not keep a program that was stopped from ending.
    """

    def __init__(self, count: int) -> None:
        self._calls: queue.SimpleQueue[tuple[Job, Callable[[], Answer]]] = queue.SimpleQueue()
        self._done: queue.SimpleQueue[tuple[Job, Answer | Exception]] = queue.SimpleQueue()
        for number in range(count):
            threading.Thread(target=self._work, name=f"fetcher-{number}", daemon=True).start()

    def submit(self, job: Job, call: Callable[[], Answer]) -> None:
        self._calls.put((job, call))

    def next_done(self, timeout: float) -> tuple[Job, Answer | Exception] | None:
        """The next finished call with its result or its exception; None after `timeout` seconds without one."""
        try:
            return self._done.get(timeout=timeout)
        except queue.Empty:
            return None

    def _work(self) -> None:
        while True:
            job, call = self._calls.get()
            try:
                self._done.put((job, call()))
            except Exception as error:  # whoever waits for the answer decides what becomes of it
                self._done.put((job, error))
