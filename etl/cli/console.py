"""What reaches a person: results on stdout, complaints and the progress bar on stderr; and the signals they send."""

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from threading import Event
from typing import TYPE_CHECKING, Any

from etl.errors import ExitCode

if TYPE_CHECKING:
    from etl.operations import Watcher


def say(text: str) -> None:
    print(text)


def complain(text: str) -> None:
    """One line, whatever names and paths the text was made of."""
    line = "".join(c if c.isprintable() else " " for c in text)
    print(f"force-orders: {line}", file=sys.stderr)


def print_tables(tables: list[Any]) -> None:
    from rich.console import Console

    console = Console(file=sys.stdout, highlight=False)
    if not console.is_terminal:
        console.width = 10_000  # a pipe or file has no edge to break lines at
    for shown in tables:
        console.print(shown)


@contextmanager
def stop_signals() -> Iterator[Event]:
    """An event that SIGINT and SIGTERM set; a second signal ends the program at once."""
    stop = Event()

    def on_signal(number: int, frame: object) -> None:
        if stop.is_set():
            os._exit(ExitCode.STOPPED)
        stop.set()

    before = {number: signal.signal(number, on_signal) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def watching() -> "AbstractContextManager[Watcher]":
    """A progress bar where stderr is a terminal, nothing elsewhere."""
    if not sys.stderr.isatty():
        return nullcontext(lambda standing: None)
    from rich.console import Console

    from etl.reporting.terminal import progress

    return progress(Console(file=sys.stderr))
