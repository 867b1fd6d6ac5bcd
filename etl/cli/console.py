"""Terminal output and signals: results on stdout, messages and progress on stderr, SIGINT and SIGTERM as an event."""

import errno
import os
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from threading import Event, Timer
from typing import TYPE_CHECKING, NoReturn

from etl.core.text import printable
from etl.errors import ExitCode, OutputError

if TYPE_CHECKING:
    from etl.reporting.table import Table
    from etl.runs.summary import Watcher

# rich is imported inside functions: --help, shell completion and a nightly job that prints one line do not need it.

GRACE_SECONDS = 1.6
"""The program ends at the latest so long after a signal; two seconds are documented."""


@contextmanager
def stdout_errors() -> Iterator[None]:
    """Flush stdout at the end; ignore a reader that closed the pipe.

    Raises OutputError where stdout cannot be written: it is closed, or its disk is full.
    """
    try:
        yield
        sys.stdout.flush()
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # else the flush at exit fails again
        if not isinstance(error, BrokenPipeError):
            why = "stdout is closed" if error.errno == errno.EBADF else error.strerror
            raise OutputError(f"the output cannot be written: {why}") from None


@contextmanager
def keep_exit_code() -> Iterator[None]:
    """For a command whose work is done: an output error is printed on stderr and does not change the exit code."""
    try:
        yield
    except OutputError as error:
        print_stderr(str(error))


def print_line(text: str) -> None:
    """Print a result on stdout; raises OutputError."""
    with stdout_errors():
        print(text)


def print_stderr(text: str) -> None:
    """Print one line on stderr. Control characters are replaced; a reader who left is ignored."""
    with suppress(OSError):
        print(f"force-orders: {printable(text)}", file=sys.stderr)


def print_tables(tables: Sequence["Table"]) -> None:
    """Print tables on stdout, as wide as the terminal or, in a pipe or file, as wide as their content."""
    from rich.console import Console

    class PlainConsole(Console):
        def on_broken_pipe(self) -> None:
            """Leave it to `stdout_errors`: rich would exit with a code of its own."""
            raise BrokenPipeError

    console = PlainConsole(file=sys.stdout, highlight=False)
    if not console.is_terminal:
        console.width = 10_000
    with stdout_errors():
        for table in tables:
            console.print(table, crop=False)


def show_progress() -> "AbstractContextManager[Watcher]":
    """A progress bar if stderr is a terminal, else nothing."""
    if not sys.stderr.isatty():
        return nullcontext(lambda progress: None)
    from rich.console import Console

    from etl.reporting.progress import progress_bar

    return progress_bar(Console(file=sys.stderr))


def show_waits() -> AbstractContextManager[object]:
    """A line that says what the program waits for, if stderr is a terminal. Print nothing inside."""
    if not sys.stderr.isatty():
        return nullcontext()
    from rich.console import Console

    from etl.reporting.progress import wait_line

    return wait_line(Console(file=sys.stderr))


@contextmanager
def stop_signals() -> Iterator[Event]:
    """An event that SIGINT and SIGTERM set; a second signal ends the program at once.

    The program also ends after GRACE_SECONDS if something hangs, such as a statement that waits for a lock or a lost
    database. Postgres then rolls back the open transaction.
    """
    stop = Event()
    watchdog = Timer(GRACE_SECONDS, _exit_unanswered)
    watchdog.daemon = True

    def on_signal(number: int, frame: object) -> None:
        if stop.is_set():
            _exit_stopped()
        stop.set()
        watchdog.start()

    before = {number: signal.signal(number, on_signal) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        watchdog.cancel()
        for number, handler in before.items():
            signal.signal(number, handler)


def exit_without_database(why: str) -> NoReturn:
    """Exit at once, although threads of this process still wait for a database that does not answer."""
    print_stderr(why)
    os._exit(ExitCode.DATABASE)


def _exit_unanswered() -> None:
    print_stderr("stopped by a signal; something did not answer in time; what was proven is kept")
    _exit_stopped()


def _exit_stopped() -> NoReturn:
    """Exit at once, without cleanup; clears the progress line and shows the cursor again."""
    if os.isatty(2):
        os.write(2, b"\r\x1b[2K\x1b[?25h")
    os._exit(ExitCode.STOPPED)
