"""What a database that fails in mid-run must come to: one clear line, exit 5, and a table that the next run fills."""

from collections.abc import Callable
from subprocess import CompletedProcess

from tests.acceptance.lab import Lab
from tests.chaos.judging import differences, untrue
from tests.chaos.scenes import come_to, pages, start

IN_THE_MIDDLE = 8
"""Pages after which something happens, of some twenty."""


def run_into(lab: Lab, trouble: Callable[[], object]) -> "CompletedProcess[str]":
    """A backfill that something happens to on its way."""
    process = start(lab, "backfill")
    assert come_to(process, lambda: pages(lab) >= IN_THE_MIDDLE)
    trouble()
    return process.end()


AT_SHUTDOWN = ("Exception ignored in: <socket.socket", "ResourceWarning: unclosed <socket.socket")
"""Of a request in flight when the run ends early: the interpreter says so only because warnings are errors here."""


def assert_it_ends_clearly(done: "CompletedProcess[str]", because: str = "") -> None:
    assert done.returncode == 5, done
    (line,) = [line for line in done.stderr.splitlines() if not line.startswith(AT_SHUTDOWN)]
    assert line.startswith("force-orders: the database cannot be used: ")
    assert because in line


def assert_the_next_run_completes_it(lab: Lab) -> None:
    assert untrue(lab) == [], "what is proven is stored"
    done = lab("backfill")
    assert (done.returncode, done.stderr) == (0, "")
    assert differences(lab) == []
