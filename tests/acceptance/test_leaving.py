"""A forked command (tests/forking.py) ends as a new interpreter does, with the same words and exit code."""

import atexit
import re
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.environment import bare_environment
from tests.forking import Preparation, Process

LEFT: list[object] = []


def leave_nothing() -> None:
    atexit.register(print, "at the end")
    threading.Thread(target=lambda: print("in a thread")).start()
    sys.exit(3)


def leave_a_socket() -> None:
    LEFT.append(socket.socket())
    sys.exit(3)


def leave_a_socket_in_a_cycle() -> None:
    cycle: list[object] = [socket.socket()]
    cycle.append(cycle)
    sys.exit(3)


def leave_a_thread() -> None:
    threading.Thread(target=threading.Event().wait, daemon=True).start()
    sys.exit(3)


def leave_with_words() -> None:
    sys.exit("no such thing")


def leave_by_an_error() -> None:
    raise LookupError("no such thing")


def forked(end: Callable[[], None], directory: Path, stdout: int) -> tuple[int, list[str]]:
    """The exit code of a forked process that ends so, and what it says to stderr."""
    preparation: Preparation = (f"{__name__}:{end.__name__}", [])
    done = Process([], directory, bare_environment(directory), stdout=stdout, prepare=preparation).end()
    return done.returncode, said(done.stderr)


def started_anew(end: Callable[[], None], directory: Path, stdout: int) -> tuple[int, list[str]]:
    """The same of a new interpreter."""
    words = [sys.executable, "-W", "error", "-c", f"from {__name__} import {end.__name__} as end; end()"]
    done = subprocess.run(
        words, env=bare_environment(directory), stdout=stdout, stderr=subprocess.PIPE, text=True, check=False
    )
    return done.returncode, said(done.stderr)


def said(stderr: str) -> list[str]:
    """The lines, without places in the code and numbers of files."""
    lines = (line for line in stderr.splitlines() if not line.startswith((" ", "Traceback")))
    return [re.sub(r"fd=\d+", "fd=…", line) for line in lines]


@pytest.mark.parametrize(
    ("end", "says"),
    [
        (leave_nothing, []),
        (leave_a_socket, ["ResourceWarning: unclosed <socket"]),
        (leave_a_socket_in_a_cycle, ["ResourceWarning: unclosed <socket"]),
        (leave_a_thread, []),
        (leave_with_words, ["no such thing"]),
        (leave_by_an_error, ["LookupError: no such thing"]),
    ],
)
def test_it_ends_as_a_process_that_was_started_anew(tmp_path: Path, end: Callable[[], None], says: list[str]) -> None:
    with (tmp_path / "forked").open("w") as one, (tmp_path / "anew").open("w") as other:
        code, lines = forked(end, tmp_path, one.fileno())
        assert (code, lines) == started_anew(end, tmp_path, other.fileno())
    assert (tmp_path / "forked").read_text() == (tmp_path / "anew").read_text()
    assert all(word in "".join(lines) for word in says)
    assert bool(lines) == bool(says)


def test_so_does_one_whose_output_cannot_be_written(tmp_path: Path) -> None:
    with Path("/dev/full").open("w") as full:
        code, lines = forked(leave_nothing, tmp_path, full.fileno())
        code_of_other, lines_of_other = started_anew(leave_nothing, tmp_path, full.fileno())
    assert code == code_of_other == 120
    assert lines[1:] == lines_of_other[1:], "only the name of the stream differs"
    assert "No space left on device" in lines[-1]
