"""What is forked (tests/forking.py) is the command as a user starts it."""

import json
import logging
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import requests  # noqa: F401 – it changes what becomes of warnings

from tests.environment import bare_environment
from tests.forking import Process
from tests.leaving import is_open

if TYPE_CHECKING:
    from tests.command import Command

SHOW = "from tests.acceptance.test_forking import show; show()"


def show() -> None:
    """In a process: say what a command could find there, and end."""
    state = {
        "directory": str(Path.cwd()),
        "environment": dict(os.environ),
        "time zone": time.tzname,
        "stdin": sys.stdin.read(),
        "streams": [(one.encoding, one.errors, one.isatty()) for one in (sys.stdin, sys.stdout, sys.stderr)],
        "open files": [number for number in range(256) if is_open(number)],
        "threads": threading.active_count(),
        "signals": {one.name: str(signal.getsignal(one)) for one in (signal.SIGINT, signal.SIGTERM, signal.SIGCHLD)},
        "blocked signals": [*signal.pthread_sigmask(signal.SIG_BLOCK, [])],
        "warnings": [*map(str, warnings.filters)],
        "log handlers": [str(one) for one in logging.getLogger().handlers + logging.getLogger("etl").handlers],
        "temporary directory": tempfile.tempdir,
        "first on the path": sys.path[0],
        "process group": os.getpgrp(),
    }
    print(json.dumps([state, random.random()]))
    sys.exit(7)


def forked(directory: Path, environment: Mapping[str, str]) -> Any:
    done = Process([], directory, environment, prepare=("tests.acceptance.test_forking:show", [])).end()
    assert (done.returncode, done.stderr) == (7, "")
    return json.loads(done.stdout)


def test_it_finds_what_a_process_finds_that_was_started_anew(tmp_path: Path) -> None:
    environment = bare_environment(tmp_path) | {"TZ": "Asia/Kolkata", "ODD": "süß\n"}
    anew = subprocess.run(
        [sys.executable, "-W", "error", "-c", SHOW],
        cwd=tmp_path,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
    )
    assert (anew.returncode, anew.stderr) == (7, b"")
    first, second = forked(tmp_path, environment), forked(tmp_path, environment)
    expected = json.loads(anew.stdout)[0]
    assert expected["environment"].pop("LC_CTYPE", "C.UTF-8") == "C.UTF-8"
    assert first[0] == expected | {"first on the path": str(tmp_path)}
    assert first[1] != second[1], "chance is its own"


@pytest.mark.parametrize("words", ["--help", "--version", "backfill", "backfill --since soon", "nonsense"])
def test_it_says_and_returns_the_same(command: "Command", words: str) -> None:
    warm, cold = command(*words.split()), command.cold(*words.split())
    assert (warm.returncode, warm.stdout, warm.stderr) == (cold.returncode, cold.stdout, cold.stderr)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it(tmp_path: Path, number: int) -> None:
    process = Process([], tmp_path, bare_environment(tmp_path), prepare=("time:sleep", [60]))
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(0.1)
    process.send_signal(number)
    process.communicate(30)
    assert process.returncode == -number


def test_one_that_does_not_end_is_ended(tmp_path: Path) -> None:
    process = Process([], tmp_path, bare_environment(tmp_path), prepare=("time:sleep", [60]))
    with pytest.raises(subprocess.TimeoutExpired):
        process.end(within=0.1)
    assert process.returncode == -signal.SIGKILL


def test_an_environment_that_only_a_start_reads_is_refused(command: "Command") -> None:
    with pytest.raises(ValueError, match=r"^LANG, PYTHONUTF8: read only at startup; use Command\.cold$"):
        command("--help", LANG="C", PYTHONUTF8="0")
