"""The command as a process of its own that is up at once: forked off a server that has imported everything.

Campaigns start hundreds of processes, and most of a short run's second goes into imports, in which nothing can break.
"""

import multiprocessing
import os
import shutil
import sys
import tempfile
import warnings
from collections.abc import Sequence
from dataclasses import replace
from multiprocessing.context import ForkServerContext
from pathlib import Path
from subprocess import CompletedProcess, TimeoutExpired

from etl.simulator.server import Simulator
from tests.chaos.dying import Moment, die_at
from tests.conftest import Command

LONGEST = 60.0
"""Seconds after which a run counts as hanging: it is ended, and that is an error."""

IMPORTED = ("etl.cli", "etl.app", "etl.storing", "etl.reporting.terminal", "alembic.command", "tests.chaos.forked")

STREAMS = ("stdout", "stderr")

FaultPoint = tuple[int, Moment]
"""At which commit, counted from 1, a process kills itself, and on which side of it."""


def server() -> ForkServerContext:
    """Processes of this context are forked off one process without threads, which ends with ours."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(list(IMPORTED))
    return context


class Process:
    """A run under way; `poll`, `wait`, `kill` and `send_signal` as of `subprocess.Popen`."""

    def __init__(
        self, arguments: Sequence[str], directory: Path, environment: dict[str, str], dies: FaultPoint | None = None
    ) -> None:
        self.arguments = list(arguments)
        self._said = Path(tempfile.mkdtemp(prefix="said-", dir=directory))
        for name in STREAMS:  # here, as the process may be killed before it would
            (self._said / name).touch()
        self._process = server().Process(
            target=_run, args=(self.arguments, str(directory), environment, str(self._said), dies), daemon=True
        )
        self._process.start()

    def poll(self) -> int | None:
        """The exit code, minus the number of the signal that ended it; None while it runs."""
        return self._process.exitcode

    def wait(self, timeout: float) -> int | None:
        """As `poll`, at the latest after `timeout` seconds."""
        self._process.join(timeout)
        return self.poll()

    def kill(self) -> None:
        self._process.kill()

    def send_signal(self, number: int) -> None:
        if self._process.pid is not None and self.poll() is None:
            os.kill(self._process.pid, number)

    def end(self, within: float = LONGEST) -> "CompletedProcess[str]":
        """Wait for its end. Raises TimeoutExpired where it does not come, and ends it."""
        code = self.wait(within)
        if code is None:
            self.kill()
            self.wait(LONGEST)
        self._process.close()
        stdout, stderr = ((self._said / name).read_text() for name in STREAMS)
        shutil.rmtree(self._said)
        if code is None:
            raise TimeoutExpired(self.arguments, within, stdout, stderr)
        return CompletedProcess(self.arguments, code, stdout, stderr)


class Forked(Command):
    """`force-orders` as `Command` runs it, without its start-up."""

    def __call__(self, *arguments: str, **environment: str) -> "CompletedProcess[str]":
        return self.start(*arguments, **environment).end()

    def start(self, *arguments: str, dies: FaultPoint | None = None, **environment: str) -> Process:  # type: ignore[override]
        return Process(arguments, self.directory, self.environment | environment, dies)

    def against(self, simulator: Simulator, database_url: str, **environment: str) -> "Forked":
        return replace(self, environment=super().against(simulator, database_url, **environment).environment)


def _run(
    arguments: Sequence[str],
    directory: str,
    environment: dict[str, str],
    said: str,
    dies: FaultPoint | None,
) -> None:
    """In the child: what `python -W error -m etl` does."""
    for number, name in enumerate(STREAMS, start=1):
        os.dup2(os.open(Path(said) / name, os.O_WRONLY | os.O_APPEND), number)
    os.chdir(directory)
    os.environ.clear()
    os.environ.update(environment)
    warnings.simplefilter("error")
    if dies is not None:
        die_at(*dies)
    from etl.cli import run

    sys.exit(run(list(arguments)))
