"""How a command ends that cannot do what it should: with one line, or soon after a signal."""

import signal
from subprocess import CompletedProcess

from etl.simulator.accounts import DEMO_KEY, DEMO_SECRET
from tests.forking import Process

SOON = 5
"""Seconds: two were promised, and these machines are busy."""


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
    """What the process says on stderr after a signal, which ends it soon and with 130."""
    process.send_signal(number)
    _, errors = process.communicate(timeout=SOON)
    assert process.returncode == 130, errors
    assert "Traceback" not in errors
    return errors
