"""The weight of a minute: ours, and what others leave of the address's allowance."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from etl.core.timeline import MINUTE, SECOND
from etl.exchange.budget import ALLOWANCE, EDGE, Budget

START = 1_000 * MINUTE
NOON = START + 30 * SECOND
"""The middle of a minute."""


def test_what_fits_may_be_sent_at_once_and_what_does_not_waits_for_the_next_minute() -> None:
    budget = Budget(100)
    budget.spend(50, NOON)
    assert budget.delay(50, NOON) == 0
    budget.spend(50, NOON)
    assert budget.delay(1, NOON) == 30 * SECOND + EDGE


def test_asking_for_the_delay_spends_nothing() -> None:
    budget = Budget(50)
    assert [budget.delay(50, NOON) for _ in range(3)] == [0, 0, 0]


def test_after_the_delay_the_whole_budget_is_free_again() -> None:
    budget = Budget(100)
    budget.spend(100, NOON)
    later = NOON + budget.delay(100, NOON)
    assert budget.delay(100, later) == 0


@pytest.mark.parametrize(
    ("sent", "counts"),
    [(START, False), (START + MINUTE - EDGE - 1, False), (START + MINUTE - EDGE, True), (START + MINUTE - 1, True)],
)
def test_what_was_sent_in_the_last_second_of_a_minute_counts_in_the_next_as_well(sent: int, counts: bool) -> None:
    budget = Budget(100)
    budget.spend(100, sent)
    assert (budget.delay(1, START + MINUTE) > 0) is counts
    assert budget.delay(1, START + 2 * MINUTE) == 0


def test_what_others_use_leaves_less_of_the_allowance() -> None:
    budget = Budget(1_000)
    budget.learn(ALLOWANCE - 100, NOON)
    assert budget.delay(100, NOON) == 0
    assert budget.delay(101, NOON) == 30 * SECOND + EDGE


def test_the_used_weight_is_not_charged_twice_for_what_we_sent_ourselves() -> None:
    budget = Budget(ALLOWANCE)
    budget.spend(1_400, NOON)
    budget.learn(1_400, NOON)
    assert budget.delay(1_000, NOON) == 0
    budget.learn(1_401, NOON)
    assert budget.delay(1_000, NOON) > 0


def test_headers_that_come_out_of_turn_do_not_lower_what_others_used() -> None:
    budget = Budget(1_000)
    budget.learn(ALLOWANCE, NOON)
    budget.learn(10, NOON)
    assert budget.delay(1, NOON) > 0


def test_what_others_used_is_forgotten_with_its_minute() -> None:
    budget = Budget(1_000)
    budget.learn(ALLOWANCE, NOON)
    assert budget.delay(1_000, START + MINUTE) == 0


def test_a_budget_above_the_allowance_is_taken_at_its_word() -> None:
    budget = Budget(6_000)
    budget.spend(5_000, NOON)
    assert budget.delay(1_000, NOON) == 0
    assert budget.delay(1_001, NOON) > 0


@settings(deadline=None)
@given(st.lists(st.tuples(st.sampled_from([1, 20, 50]), st.integers(0, 20_000)), max_size=60), st.integers(50, 200))
def test_whoever_waits_as_told_never_sends_more_in_a_minute_than_the_budget(
    requests: list[tuple[int, int]], per_minute: int
) -> None:
    budget, now = Budget(per_minute), START
    sent: dict[int, int] = {}
    for weight, pause in requests:
        now += pause
        while wait := budget.delay(weight, now):
            now += wait
        budget.spend(weight, now)
        sent[now // MINUTE] = sent.get(now // MINUTE, 0) + weight
    assert all(weight <= per_minute for weight in sent.values())
