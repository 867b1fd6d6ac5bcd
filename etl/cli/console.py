"""What reaches a person: results on stdout, complaints and the progress bar on stderr; and the signals they send."""

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from threading import Event, Timer
from typing import TYPE_CHECKING, Any, NoReturn

from etl.core.text import printable
from etl.errors import ExitCode, OutputError

if TYPE_CHECKING:
    from etl.runs.run import Watcher


GRACE = 1.6
"""Seconds between a signal and the end, whatever does not answer by then: two were promised."""


@contextmanager
def delivery() -> Iterator[None]:
    """What is printed inside reaches its reader, unless that one has seen enough and left.

    Raises OutputError where it cannot be written, as on a full disk.
    """
    try:
        yield
        if sys.stdout is not None:
            sys.stdout.flush()
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # else the interpreter complains at its end
        if not isinstance(error, BrokenPipeError):
            raise OutputError(f"the output cannot be written: {error.strerror}") from None


def say(text: str) -> None:
    with delivery():
        print(text)


@contextmanager
def best_effort() -> Iterator[None]:
    """For a command whose work is done: words that cannot be written are told on stderr, and its exit code stands."""
    try:
        yield
    except OutputError as error:
        complain(str(error))


def complain(text: str) -> None:
    """One line on stderr, whatever names and paths the text was made of."""
    with suppress(OSError):  # nobody is left to hear of it
        print(f"force-orders: {printable(text)}", file=sys.stderr)


def print_tables(tables: list[Any]) -> None:
    from rich.console import Console

    class Plain(Console):
        def on_broken_pipe(self) -> None:
            """Leave it to `delivery`: rich would end the program, and with it the exit code."""
            raise BrokenPipeError

    console = Plain(file=sys.stdout, highlight=False)
    if not console.is_terminal:
        console.width = 10_000  # a pipe or file has no edge to break lines at
    with delivery():
        for shown in tables:
            console.print(shown, crop=False)


@contextmanager
def stop_signals() -> Iterator[Event]:
    """An event that SIGINT and SIGTERM set; a second signal ends the program at once.

    So does, after a moment, whatever hangs: a statement that waits for a lock, a database that went away. Postgres then
    undoes the transaction in hand.
    """
    stop = Event()
    watchdog = Timer(GRACE, _leave)
    watchdog.daemon = True

    def on_signal(number: int, frame: object) -> None:
        if stop.is_set():
            _end()
        stop.set()
        watchdog.start()

    before = {number: signal.signal(number, on_signal) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        watchdog.cancel()
        for number, handler in before.items():
            signal.signal(number, handler)


def _leave() -> None:
    complain("stopped by a signal, without waiting for what did not answer; what was proven is kept")
    _end()


def _end() -> NoReturn:
    """At once; a progress line that is cut short leaves the terminal its cursor."""
    if os.isatty(2):
        os.write(2, b"\r\x1b[2K\x1b[?25h")
    os._exit(ExitCode.STOPPED)


def watching() -> "AbstractContextManager[Watcher]":
    """A progress bar where stderr is a terminal, nothing elsewhere."""
    if not sys.stderr.isatty():
        return nullcontext(lambda standing: None)
    from rich.console import Console

    from etl.reporting.terminal import progress

    return progress(Console(file=sys.stderr))


def waits_shown() -> AbstractContextManager[object]:
    """A line with what is waited for, while something is, where stderr is a terminal. Nothing is printed inside."""
    if not sys.stderr.isatty():
        return nullcontext()
    from rich.console import Console

    from etl.reporting.terminal import waits

    return waits(Console(file=sys.stderr))
