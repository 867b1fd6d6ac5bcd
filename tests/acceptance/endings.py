"""How a command ends: with one line on stderr after wrong input, and soon after a signal."""

import signal
from subprocess import CompletedProcess

from etl.simulator.accounts import DEMO_KEY, DEMO_SECRET
from tests.forking import Process

SOON = 5
"""Seconds; two are promised, but a test machine is busy."""


def assert_one_line(done: "CompletedProcess[str]", code: int, *words: str) -> None:
    assert done.returncode == code, done.stderr
    (line,) = done.stderr.splitlines()
    assert line.startswith("force-orders: ")
    for word in words:
        assert word in line
    for secret in (DEMO_KEY, DEMO_SECRET, "pa55word", "signature="):
        assert secret not in line
    assert "Traceback" not in done.stdout


def ended(process: Process, number: int = signal.SIGTERM) -> str:
    """Send a signal and return stderr; asserts that the process ends soon, with 130."""
    process.send_signal(number)
    _, errors = process.communicate(timeout=SOON)
    assert process.returncode == 130, errors
    assert "Traceback" not in errors
    return errors
