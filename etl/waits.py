"""What this process waits for right now, for the progress line and the log.

There is one registry for the process, as there is one log: a wait may happen deep inside a driver's callback, and
several threads may wait at once.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum
from threading import Lock, Timer

from etl.core.timeline import SECOND, duration
from etl.logs import INFO, WARNING, logger

REPORTED_AFTER_S = 1.0
"""Seconds after which a wait is reported."""

_log = logger(__name__)


class Reason(Enum):
    """What may be waited for. Of several waits, the one listed first here is shown."""

    LOCK = "database locked by"
    DATABASE = "the database is running a statement"
    CONNECTING = "connecting to the database"
    STARTING = "starting the embedded Postgres"
    SCHEMA = "creating the database tables"
    STOPPING = "stopping the embedded Postgres"
    PROGRAM = "running"
    """A program of Postgres; the detail is its name."""
    ACCOUNT = ""
    """Another run of the account; the detail is the whole text."""
    COOLDOWN = "the exchange wants no request before"
    BUDGET = "this minute's weight budget is used up"
    OTHERS = "other traffic uses this minute's weight"
    RETRY = "retry after an error:"
    FILE = "the exchange is making the file"
    FILES = "the exchange allows two requests for files a minute"
    ANSWER = "the exchange has not answered yet"


@dataclass(frozen=True, slots=True)
class Wait:
    """One wait; times in seconds of the monotonic clock. `until`: its end, None where it is unknown."""

    reason: Reason
    detail: str
    since: float
    until: float | None

    @property
    def text(self) -> str:
        """What is waited for."""
        return f"{self.reason.value} {self.detail}".strip()

    def is_long(self, now: float) -> bool:
        """Whether it lasts long enough to be reported."""
        return (now if self.until is None else self.until) - self.since > REPORTED_AFTER_S

    def line(self, now: float) -> str:
        """For the progress line: the time left, or the time waited so far, and the reason."""
        if self.until is None:
            return f"{_seconds(now - self.since)} so far: {self.text}"
        what = "the exchange wants no request" if self.reason is Reason.COOLDOWN else self.text
        return f"{_seconds(self.until - now)} left: {what}"

    def message(self, now: float) -> str:
        """For the log, once."""
        length = "" if self.until is None else f" {_seconds(self.until - now)}"
        return f"waiting{length}: {self.text}"


def _seconds(seconds: float) -> str:
    """Rounded up, so that the last second is not shown as 0."""
    return duration(max(0, -(-seconds // 1)) * SECOND)


class Waits:
    """The waits of several threads. Each begins and ends independently; `report` logs the long ones."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._waits: dict[int, Wait] = {}
        self._reported: set[tuple[Reason, str]] = set()

    @contextmanager
    def slot(self) -> Iterator["WaitSlot"]:
        """A slot for what one thread waits for inside the block; it is empty at first."""
        slot = WaitSlot(self)
        try:
            yield slot
        finally:
            slot.clear()

    @contextmanager
    def during(self, reason: Reason, detail: str = "", seconds: float | None = None) -> Iterator[None]:
        """The block waits for this, for `seconds` where that is known."""
        with self.slot() as slot:
            slot.put(reason, detail, seconds)
            yield

    @contextmanager
    def blocking(self, reason: Reason, detail: str = "") -> Iterator[None]:
        """As `during`, for a call that blocks throughout: a timer reports it."""
        with self.during(reason, detail):
            timer = Timer(REPORTED_AFTER_S + 0.1, self.report)
            timer.daemon = True
            timer.start()
            try:
                yield
            finally:
                timer.cancel()

    def foremost(self) -> Wait | None:
        """The long wait to show; None where there is none."""
        return min(self._long(), key=lambda wait: (_RANK[wait.reason], wait.since), default=None)

    def report(self) -> None:
        """Log each long wait once; the same wait in several threads counts as one."""
        for wait in self._long():
            key = wait.reason, wait.detail
            with self._lock:
                is_new = key not in self._reported
                self._reported.add(key)
            if is_new:
                # A cooldown demanded by the exchange belongs in every log.
                level = WARNING if wait.reason is Reason.COOLDOWN else INFO
                _log.log(level, "%s", wait.message(time.monotonic()))

    def _long(self) -> list[Wait]:
        now = time.monotonic()
        with self._lock:
            return [wait for wait in self._waits.values() if wait.is_long(now)]

    def _set(self, slot: int, wait: Wait | None) -> None:
        with self._lock:
            if wait is None:
                self._waits.pop(slot, None)
            else:
                self._waits[slot] = wait
            self._reported &= {(one.reason, one.detail) for one in self._waits.values()}


class WaitSlot:
    """What one thread waits for. Only that thread may use it."""

    def __init__(self, waits: Waits) -> None:
        self._all = waits
        self._wait: Wait | None = None

    def put(self, reason: Reason, detail: str = "", seconds: float | None = None, since: float | None = None) -> None:
        """Wait for this from now on, for `seconds` where that is known; the same wait again continues.

        `since`: when it began, if that was earlier.
        """
        now = time.monotonic()
        before = self._wait
        if since is None:
            is_same = before is not None and (before.reason, before.detail) == (reason, detail)
            since = before.since if before is not None and is_same else now
        self._wait = Wait(reason, detail, since, None if seconds is None else now + seconds)
        self._all._set(id(self), self._wait)
        self._all.report()

    def clear(self) -> None:
        """The wait is over."""
        if self._wait is not None:
            self._wait = None
            self._all._set(id(self), None)


_RANK = {reason: rank for rank, reason in enumerate(Reason)}

WAITS = Waits()
"""The registry of this process."""
