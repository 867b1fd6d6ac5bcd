"""One backfill that is killed again and again, at instants drawn by seed, until one run is left alone."""

from random import Random
from signal import SIGKILL

import pytest
from hypothesis import settings

from etl.simulator.history import Generated, Profile
from etl.simulator.scenario import Scenario
from tests.acceptance.lab import DAY, Lab
from tests.chaos.judging import dead_runs, differences, untrue
from tests.chaos.promise import questions, under_way
from tests.chaos.scenes import Scenes, come_to, pages, start
from tests.forking import Process

NIGHTLY = settings().max_examples > 1_000
"""The nightly profile has more examples of everything."""

KILLS = 100 if NIGHTLY else 12
NARROW = {"FORCE_ORDERS_WINDOW_DAYS": "0.05" if NIGHTLY else "0.5"}
"""So that the walk is long though its pages are short: hundreds of windows of hardly an order each, none in doubt."""

SPARSE = Generated(Profile("bursty", 0.4), "kills", 100)
SLOW = Scenario(latency_ms=50)
LONGEST_LIFE_S = 0.5


def kill_after_a_while(process: Process, lab: Lab, lot: Random) -> None:
    """By the clock: in the middle of anything, its start included."""
    process.ends_within(lot.uniform(0.05, LONGEST_LIFE_S))
    process.kill()


def kill_on_its_way(process: Process, lab: Lab, lot: Random) -> None:
    """By progress: so many pages after its first, it is in the middle of its walk for sure."""
    goal = pages(lab) + lot.randint(1, 6)
    assert come_to(process, lambda: pages(lab) >= goal), "the history is too short for so many kills"
    process.kill()


@pytest.mark.parametrize("concurrency", [1, 4])
def test_however_often_it_is_killed_the_run_that_is_left_alone_completes_the_table(
    scenes: Scenes, concurrency: int
) -> None:
    own = NARROW | {"FORCE_ORDERS_CONCURRENCY": str(concurrency)}
    with scenes(history=SPARSE, **own) as lab:
        assert lab(*season_of(lab)).returncode == 0
        undisturbed = len(questions(lab))

    lot = Random(f"kills/{concurrency}")
    with scenes(SLOW, SPARSE, **own) as lab:
        backfill = season_of(lab)
        for number in range(KILLS):
            process = start(lab, *backfill)
            (kill_on_its_way if number % 2 else kill_after_a_while)(process, lab, lot)
            assert process.end().returncode == -SIGKILL
            assert untrue(lab) == []
        begun = lab.sql("SELECT id FROM runs ORDER BY id")
        lab.tell("scenario", {"latency_ms": 0})
        assert lab(*backfill).returncode == 0
        assert len(questions(lab)) <= undisturbed + KILLS * under_way(concurrency), (
            "each kill repeats what was under way"
        )
        done = lab("backfill")
        assert (done.returncode, done.stderr) == (0, "")
        assert differences(lab) == []
        assert lab.gaps() == []
        assert dead_runs(lab) == begun


def season_of(lab: Lab) -> list[str]:
    """A backfill of the same windows whenever it starts: where no end is named, their number grows with the clock."""
    now = lab.now()
    return ["backfill", "--since", str(now - 89 * DAY), "--until", str(now - DAY)]
