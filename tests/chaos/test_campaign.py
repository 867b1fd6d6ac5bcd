"""A short campaign: what `make chaos` does a few hundred times."""

from pathlib import Path

from tests.chaos.campaign import campaign_run
from tests.chaos.drawing import ANSWERS, BLOWS, drawn
from tests.chaos.ownserver import OwnServer

RUNS = (1, 2, 3, 4, 57, 216)
"""The last two on an exchange that adds rows nobody asked for; the clock of one of them jumps by two days."""


def test_whatever_half_a_dozen_runs_meet_the_table_is_the_exchange_s_history_or_a_gap_names_the_difference(
    server: OwnServer, tmp_path: Path
) -> None:
    outcomes = [campaign_run(seed, server, tmp_path) for seed in RUNS]
    assert [complaint for outcome in outcomes for complaint in outcome.wrong] == []
    met = {name for outcome in outcomes for name in outcome.met}
    assert len(met) > len(RUNS), "they met something"


def test_a_few_hundred_seeds_draw_every_disturbance_often() -> None:
    rounds = [one for seed in range(300) for one in drawn(seed).rounds]
    for name in BLOWS:
        assert sum(one.blow == name for one in rounds) > 20
    for name in ANSWERS:
        assert sum(name in one.answers for one in rounds) > 15


def test_a_seed_draws_the_same_run_each_time() -> None:
    assert drawn(7) == drawn(7) != drawn(8)
