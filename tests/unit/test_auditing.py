"""Which old windows a night draws: nothing that it reads anyway, what is soon lost most often, and all in the end."""

from collections import Counter
from dataclasses import replace
from math import prod
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etl.core.auditing import affordable, lot, old_proof, reserve
from etl.core.paging import WIDEST_WINDOW
from etl.core.planning import Known, Rules
from etl.core.timeline import DAY, HOUR, MINUTE, Window, merge
from etl.core.verifying import proven_scopes
from etl.core.walking import Target

NOW = 1_790_000_000_000
WEEK = 7 * DAY
RULES = Rules(now=NOW, settle_lag=10 * MINUTE, keeps=90 * DAY, widest=WIDEST_WINDOW)


def window(since: int, until: int) -> Window:
    """By days before now."""
    return Window(NOW - since * DAY, NOW - until * DAY)


def weeks(count: int = 12) -> list[Target]:
    """Whole weeks of old proof, oldest first."""
    return [Target(one, one) for one in (window(7 * week, 7 * week - 7) for week in range(count, 0, -1))]


def drawn(windows: list[Target], rules: Rules = RULES, nights: int = 3_000) -> list[float]:
    """How often each is drawn in a night of two."""
    random = Random(22)
    counts = Counter(one.need for _ in range(nights) for one in lot(windows, 2, rules, random))
    return [counts[one.need] / nights for one in windows]


def test_what_a_night_reads_again_anyway_is_not_drawn() -> None:
    known: dict[str | None, Known] = {None: Known([window(60, 40), window(30, 1)]), "BTCUSDT": Known([window(60, 0)])}
    old = old_proof(known, WEEK)
    assert old[None].proven == [window(60, 40), window(30, 8)]
    assert old["BTCUSDT"].proven == [window(60, 8)], "the newest proof of all symbols counts for each"
    assert old_proof({None: Known(), "BTCUSDT": Known([window(60, 1)])}, WEEK)["BTCUSDT"].proven == [window(60, 8)]
    assert old_proof({None: Known()}, WEEK) == {None: Known()}
    assert not old_proof({None: Known([window(5, 1)])}, WEEK)[None].proven
    assert old_proof(known, 0)[None].proven == known[None].proven


def test_what_is_soon_lost_is_drawn_most_often_and_nothing_is_never_drawn() -> None:
    shares = drawn(weeks())
    assert [round(share, 1) for share in shares] == sorted((round(share, 1) for share in shares), reverse=True)
    assert 0.4 < shares[0] < 0.9
    assert shares[-1] > 0.03, "also what will be kept for months is drawn, once in a month of nights"


def test_over_its_time_every_week_is_drawn_several_times() -> None:
    assert sum(7 * share for share in drawn(weeks())) == pytest.approx(14), "two a night, over the twelve weeks"
    shares = drawn(weeks())
    assert all(7 * sum(shares[:age]) > 2 for age in range(1, 13))
    assert prod((1 - share) ** 7 for share in shares) < 1e-5, "the chance that no lot holds it"


def test_where_all_is_kept_for_ever_every_window_has_the_same_chance() -> None:
    shares = drawn(weeks(), replace(RULES, keeps=None))
    assert max(shares) - min(shares) < 0.05


def test_five_thousand_small_windows_hide_no_wide_one() -> None:
    small = [
        Target(one, one)
        for one in (Window(NOW - 60 * DAY + n * HOUR, NOW - 60 * DAY + n * HOUR + 1) for n in range(5_000))
    ]
    wide = Target(window(20, 13), window(20, 13))
    assert drawn([*small, wide], nights=50)[-1] == 1


def test_jobs_that_wait_come_first_and_one_audit_in_ten_is_made_nevertheless() -> None:
    assert [reserve(waiting, 0.5) for waiting in (0, 1, 5, 200)] == [0, 100, 500, 20_000]
    random = Random(22)
    assert sum(reserve(200, random.random()) == 0 for _ in range(10_000)) == pytest.approx(1_000, rel=0.1)


@given(st.integers(0, 14), st.integers(0, 15), st.integers())
def test_a_lot_has_no_window_twice_and_all_where_there_is_no_more(population: int, count: int, seed: int) -> None:
    windows = weeks(population)
    chosen = lot(windows, count, RULES, Random(seed))
    assert len(chosen) == min(population, count)
    assert chosen == [one for one in windows if one in chosen], "oldest first"


def test_the_windows_of_an_audit_are_at_least_an_eighth_of_the_widest() -> None:
    known: dict[str | None, Known] = {None: Known([window(89, 1)])}
    (scope,) = proven_scopes(old_proof(known, WEEK), RULES)
    for seed in range(200):
        targets = scope.targets(RULES, Random(seed))
        assert merge(one.need for one in targets) == [window(89, 8)]
        assert min(one.need.width for one in targets) >= WIDEST_WINDOW // 8


@pytest.mark.parametrize(("spent", "windows"), [(50, 2), (125, 2), (126, 1), (175, 1), (186, 0), (650, 0)])
def test_a_night_that_reads_much_else_takes_it_from_the_audit(spent: int, windows: int) -> None:
    assert affordable(2, spent, 50, is_overdue=False) == windows


def test_an_audit_that_is_overdue_is_made_whatever_the_night_weighs() -> None:
    assert affordable(2, 650, 50, is_overdue=True) == 2
