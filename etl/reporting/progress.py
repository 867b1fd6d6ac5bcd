"""The progress bar of a run, and the line that says what the program waits for."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TimeRemainingColumn
from rich.text import Text

from etl.core.text import printable
from etl.reporting.layout import shorten
from etl.reporting.table import MIN_WIDTH
from etl.runs.summary import Progress as RunProgress
from etl.runs.summary import Watcher
from etl.waits import WAITS

BAR_WIDTH = 12
"""Cells of the bar itself."""


@contextmanager
def progress_bar(console: Console) -> Iterator[Watcher]:
    """One line: what was found so far, a bar and the time left; during a wait, what the program waits for."""
    columns = (_Message(console, has_bar=True), BarColumn(BAR_WIDTH), MofNCompleteColumn(), _TimeLeft())
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("starting", total=None)

        def show(now: RunProgress) -> None:
            bar.update(task, total=now.walks or None, completed=now.walks_done, description=now.found)

        yield show


def wait_line(console: Console) -> Progress:
    """One line that says what the program waits for; empty while it waits for nothing."""
    line = Progress(_Message(console, has_bar=False), console=console, transient=True, redirect_stdout=False)
    line.add_task("", total=None)
    return line


class _Message(ProgressColumn):
    """What the program waits for, else the task's description; read again each time the line is drawn."""

    max_refresh = None

    def __init__(self, console: Console, *, has_bar: bool) -> None:
        super().__init__()
        self._console = console
        self._has_bar = has_bar

    def render(self, task: Task) -> Text:
        wait = WAITS.foremost()
        message = task.description if wait is None else wait.line(time.monotonic())
        others = BAR_WIDTH + 2 * len(str(task.total or 0)) + len("/") + 2 if self._has_bar else 0
        others += len(" 0:00:00") if self._has_bar and wait is None else 0
        return Text(shorten(printable(message), max(MIN_WIDTH, self._console.width - others)), no_wrap=True)


class _TimeLeft(TimeRemainingColumn):
    """The time left at the pace so far; empty during a wait, when that would be wrong."""

    max_refresh = 0.0

    def render(self, task: Task) -> Text:
        return super().render(task) if WAITS.foremost() is None else Text()
