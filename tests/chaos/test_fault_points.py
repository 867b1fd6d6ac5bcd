"""A run that kills itself at each of its commits in turn, right before or right after, and the run that follows."""

import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from signal import SIGKILL

import pytest

from etl.simulator.history import Generated, Profile
from etl.simulator.stats import LogEntry
from tests.acceptance.conftest import DAY, Lab
from tests.chaos import dying
from tests.chaos.conftest import BURSTY, Scenes
from tests.chaos.dying import Moment
from tests.chaos.judging import Interval, dead_runs, left_behind, proven_intervals, untrue
from tests.chaos.scenes import start

SPARSE = Generated(Profile("bursty", 0.25), "chaos", 40)
"""Two or three orders a window: none of its pages is long enough to be doubted."""

WIDTH = 6 * DAY
WINDOWS = 4
DOUBTFUL = range(5, 100)
"""Rows of a whole window's page that may be doubted: not few, not full."""

DOUBT = 2
"""Questions more that a window may cost which is taken up in the middle: where to cut is found anew, or its page is
doubted, as the longer ones are not read again."""


@dataclass(frozen=True)
class Span:
    """Four windows whose end is old enough to be proven at once, so that nothing is left for a second run."""

    since: int

    @property
    def until(self) -> int:
        return self.since + WINDOWS * WIDTH

    @property
    def windows(self) -> list[Interval]:
        return [(start, start + WIDTH) for start in range(self.since, self.until, WIDTH)]

    @property
    def command(self) -> list[str]:
        return ["backfill", "--since", str(self.since), "--until", str(self.until)]

    def window_of(self, question: LogEntry) -> Interval:
        """Which window a question is part of: a request begins a millisecond before the piece that it is for."""
        begin = int(question.start or 0) + 1
        return next((start, end) for start, end in self.windows if start <= begin < end)


def span_of(lab: Lab) -> Span:
    return Span(lab.now() - WINDOWS * WIDTH - DAY)


def questions(lab: Lab) -> list[LogEntry]:
    """Every one that was sent so far, also by a process that died: the simulator reads what it finds in order."""
    lab.stats()
    return list(lab.simulator.exchange.stats.log)


def in_doubt(log: Iterable[LogEntry], span: Span) -> set[Interval]:
    """Windows whose own page was the longest so far, perhaps: they are proven only when the others have been read."""
    return {
        span.window_of(one) for one in log if one.rows in DOUBTFUL and int(one.end or 0) - int(one.start or 0) > WIDTH
    }


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize(("history", "concurrency"), [(SPARSE, 1), (SPARSE, 3), (BURSTY, 3)])
def test_a_run_that_dies_at_any_commit_is_finished_by_the_next_which_repeats_only_what_was_in_flight(
    scenes: Scenes, history: Generated, concurrency: int, moment: Moment
) -> None:
    settings = {"FORCE_ORDERS_CONCURRENCY": str(concurrency), "FORCE_ORDERS_WINDOW_DAYS": "6"}
    with scenes(history=history, **settings) as lab:
        span = span_of(lab)
        assert lab(*span.command).returncode == 0
        undisturbed = [span.window_of(question) for question in questions(lab)]
    for number in count(1):
        with scenes(history=history, **settings) as lab:
            died = start(lab, *span.command, dies=(number, moment)).end()
            if died.returncode == 0:
                break
            assert (died.returncode, died.stderr) == (-SIGKILL, "")
            assert untrue(lab) == []
            first, open_windows, running = questions(lab), unproven(lab, span), running_runs(lab)
            assert_the_next_run_finishes(lab, span)
            assert dead_runs(lab) == running
            second = questions(lab)[len(first) :]
            begun = open_windows & {span.window_of(question) for question in first}
            assert len(begun - in_doubt(first, span)) <= concurrency, "what was begun and not proven was in flight"
            left = sum(window in open_windows for window in undisturbed)
            assert len(second) <= left + DOUBT * len(begun), "what was proven is not asked for again"
            if history is SPARSE:
                assert len(first) + len(second) <= len(undisturbed) + concurrency, "each request in flight once more"
    assert number > 5, "the ledger's row, the accounts, the plan, the answers, the end"


def running_runs(lab: Lab) -> list[dict[str, int]]:
    return lab.sql("SELECT id FROM runs WHERE status = 'running'")


def unproven(lab: Lab, span: Span) -> set[Interval]:
    proven = proven_intervals(lab)
    return {
        (start, end) for start, end in span.windows if not any(low <= start and end <= high for low, high in proven)
    }


def assert_the_next_run_finishes(lab: Lab, span: Span) -> None:
    done = lab(*span.command)
    assert (done.returncode, done.stderr) == (0, "")
    assert proven_intervals(lab) == [(span.since, span.until)]
    assert untrue(lab) == []
    assert lab.gaps() == []
    assert left_behind(lab) == []


def test_the_launcher_is_the_command_itself_up_to_its_death(scenes: Scenes) -> None:
    with scenes(history=SPARSE) as lab:
        words = [sys.executable, "-W", "error", dying.__file__, "5", "after", "--", "backfill"]
        died = subprocess.run(
            words, cwd=lab.command.directory, env=lab.command.environment, capture_output=True, check=False
        )
        assert (died.returncode, died.stdout, died.stderr) == (-SIGKILL, b"", b"")
        assert len(running_runs(lab)) == 1
        assert lab("backfill").returncode == 0


def test_the_launcher_says_how_it_is_used() -> None:
    done = subprocess.run([sys.executable, Path(dying.__file__), "soon"], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr == "usage: dying.py NUMBER before|after -- COMMAND …\n"
