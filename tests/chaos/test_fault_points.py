"""A run that kills itself at each of its commits in turn, right before or right after, and the run that follows."""

import subprocess
import sys
from itertools import count
from pathlib import Path
from signal import SIGKILL

from etl.simulator.history import Generated, Profile
from tests.acceptance.lab import Lab
from tests.chaos import dying
from tests.chaos.dying import Moment
from tests.chaos.judging import dead_runs, left_behind, proven_intervals, untrue
from tests.chaos.promise import (
    Span,
    assert_asks_only_for,
    questions,
    repeated,
    repeats,
    span_of,
    unproven,
)
from tests.chaos.scenes import BURSTY, Scenes, start
from tests.combining import each_value_once

SPARSE = Generated(Profile("bursty", 0.25), "chaos", 40)
"""Two or three orders a window, and never so many that a page is verified: each window costs one request."""

WINDOWS = 4


@each_value_once(moment=["before", "after"], world=[(SPARSE, 1), (SPARSE, 3), (BURSTY, 3)])
def test_a_run_that_dies_at_any_commit_is_finished_by_the_next_which_repeats_no_more_than_promised(
    scenes: Scenes, world: tuple[Generated, int], moment: Moment
) -> None:
    history, concurrency = world
    settings = {"FORCE_ORDERS_CONCURRENCY": str(concurrency), "FORCE_ORDERS_WINDOW_DAYS": "6"}
    with scenes(history=history, **settings) as lab:
        assert lab(*span_of(lab, WINDOWS).command).returncode == 0
        undisturbed = questions(lab)
    for number in count(1):
        with scenes(history=history, **settings) as lab:
            span = span_of(lab, WINDOWS)
            died = start(lab, *span.command, dies=(number, moment)).end()
            if died.returncode == 0:
                break
            assert (died.returncode, died.stderr) == (-SIGKILL, "")
            assert untrue(lab) == []
            first, left, running = questions(lab), unproven(lab, span), running_runs(lab)
            assert_the_next_run_finishes(lab, span)
            assert dead_runs(lab) == running
            second = questions(lab)[len(first) :]
            again = repeats(first, left, span)
            assert len(again) <= repeated(concurrency)
            assert_asks_only_for(left, second)
            if history is SPARSE:
                assert len(first) + len(second) == len(undisturbed) + len(again), "a request more for each repeat"
    assert number > 5, "the ledger's row, the accounts, the plan, the answers, the end"


def running_runs(lab: Lab) -> list[dict[str, int]]:
    return lab.sql("SELECT id FROM runs WHERE status = 'running'")


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
