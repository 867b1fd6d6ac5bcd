"""The weight of a minute: ours, and what is left to others of the address's allowance."""

from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etl.core.egress import EDGE
from etl.core.timeline import MINUTE, SECOND
from etl.exchange.budget import ALLOWANCE, Budget, default_budget
from etl.exchange.other_traffic import HEAVIEST

START = 1_000 * MINUTE
NOON = START + 30 * SECOND
"""The middle of a minute."""

PROBES = 6
"""How many probes a minute may pass: 1, 2, 4, 8, 16, 32 seconds after the first header."""


def sampled(budget: Budget, used: int, at: int) -> None:
    """A header that came at the very instant at which its request was sent."""
    budget.note_used_weight(used, at, at)


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


def test_what_others_used_leaves_less_of_the_allowance() -> None:
    budget = Budget(1_000)
    sampled(budget, ALLOWANCE - 100, NOON)
    assert budget.delay(101, NOON) == 30 * SECOND + EDGE


def test_what_others_will_use_at_their_pace_is_left_to_them() -> None:
    budget = Budget(ALLOWANCE)
    sampled(budget, 599, NOON)
    kept_for_probes = 5 * HEAVIEST
    assert budget.delay(ALLOWANCE - 599 - 600 - kept_for_probes, NOON) == 0
    assert budget.delay(ALLOWANCE - 599 - 600 - kept_for_probes + 1, NOON) > 0


def test_the_used_weight_is_not_charged_twice_for_what_we_sent_ourselves() -> None:
    budget = Budget(ALLOWANCE)
    budget.spend(1_400, NOON)
    sampled(budget, 1_400, NOON)
    assert budget.delay(1_000, NOON) == 0
    sampled(budget, 1_401, NOON)
    assert budget.delay(1_000, NOON) > 0


def test_what_is_sent_later_than_the_request_of_a_header_is_not_in_it() -> None:
    budget = Budget(ALLOWANCE)
    for at in (NOON, NOON + 1, NOON + 2):
        budget.spend(50, at)
    budget.note_used_weight(250, NOON + 1, NOON + 100)
    ours, others, kept_for_probes = 150, 150, 5 * HEAVIEST
    assert budget.delay(ALLOWANCE - ours - 2 * others - kept_for_probes - 1, NOON + 100) == 0
    assert budget.delay(ALLOWANCE - ours - 2 * others - kept_for_probes, NOON + 100) > 0


def test_headers_that_come_out_of_turn_do_not_lower_what_others_used() -> None:
    budget = Budget(1_000)
    budget.note_used_weight(ALLOWANCE, NOON, NOON + 20)
    budget.note_used_weight(10, NOON - 1, NOON + 30)
    assert budget.delay(1, NOON + 30) > 0


def test_what_others_used_is_expected_of_them_for_one_more_minute() -> None:
    budget = Budget(800)
    sampled(budget, ALLOWANCE, NOON)
    assert budget.delay(HEAVIEST + 1, START + MINUTE) > 0
    assert budget.delay(800, START + 2 * MINUTE) == 0


def test_what_others_used_of_the_last_minute_is_left_to_them_until_this_one_has_been_watched() -> None:
    budget = Budget(ALLOWANCE)
    sampled(budget, 1_000, START + 58 * SECOND)
    sampled(budget, 0, START + MINUTE + 10 * SECOND)
    assert budget.delay(ALLOWANCE - 1_000, START + MINUTE + 11 * SECOND) > 0
    sampled(budget, 0, START + MINUTE + 12 * SECOND)
    assert budget.delay(ALLOWANCE - 1_000, START + MINUTE + 13 * SECOND) == 0


def test_what_we_sent_just_before_the_minute_began_is_not_taken_out_of_its_header() -> None:
    budget = Budget(ALLOWANCE)
    budget.spend(500, START - EDGE // 2)
    budget.spend(50, NOON)
    sampled(budget, 550, NOON)
    assert budget.delay(ALLOWANCE - 550 - 2 * 500, NOON) > 0


def test_nothing_is_sent_where_others_have_used_the_allowance() -> None:
    budget = Budget(1_000)
    sampled(budget, ALLOWANCE, START + 10 * SECOND)
    assert budget.delay(1, START + 20 * SECOND) == 40 * SECOND + EDGE


def test_a_few_early_samples_of_the_last_minute_are_not_projected() -> None:
    budget = Budget(800)
    sampled(budget, ALLOWANCE, START + 5 * SECOND)
    assert budget.delay(800, START + MINUTE) == 0


@pytest.mark.parametrize(
    ("sent", "answered"),
    [
        (START + MINUTE - 2, START + MINUTE + EDGE),
        (START - 2, START + EDGE),
        (START - MINUTE, START + EDGE),
        (START + EDGE - 1, START + EDGE + 5),
        (START + MINUTE - EDGE - 5, START + MINUTE - EDGE),
    ],
)
def test_a_header_that_may_belong_to_another_minute_is_ignored(sent: int, answered: int) -> None:
    budget = Budget(800)
    budget.note_used_weight(ALLOWANCE, sent, answered)
    assert budget.delay(800, answered) == 0


def test_half_of_the_allowance_is_left_to_others_until_something_is_known_of_them() -> None:
    budget = Budget(ALLOWANCE)
    kept_for_probes = 2 * HEAVIEST
    assert budget.delay(ALLOWANCE // 2 - kept_for_probes, NOON) == 0
    assert budget.delay(ALLOWANCE // 2 - kept_for_probes + 1, NOON) > 0
    sampled(budget, 0, NOON)
    assert budget.delay(ALLOWANCE, NOON) == 0


def test_a_burst_before_we_came_is_no_habit_once_it_has_been_watched() -> None:
    budget = Budget(1_200)
    at = START + 10 * SECOND
    budget.spend(1, at)
    sampled(budget, 1_001, at)
    assert budget.delay(50, at) == SECOND, "at that pace nothing is left"
    budget.spend(50, at + SECOND)
    sampled(budget, 1_051, at + SECOND)
    assert budget.delay(1_149, at + SECOND) == 0


def test_a_burst_after_a_quiet_half_minute_is_no_habit_either() -> None:
    budget = Budget(1_200)
    sampled(budget, 0, NOON)
    sampled(budget, 300, NOON + SECOND)
    assert budget.delay(1_200, NOON + SECOND) == 0


def test_an_estimate_that_leaves_nothing_is_looked_into_after_1_2_4_8_16_and_32_seconds() -> None:
    budget = Budget(1_200)
    now = START + 2 * SECOND
    budget.spend(1, now)
    sampled(budget, 1_201, now)
    passed = []
    while now < START + 50 * SECOND:
        wait = budget.delay(50, now)
        now += wait
        if not wait:
            budget.spend(50, now)
            passed.append((now - START) // SECOND - 2)
            sampled(budget, 1_201 + 40 * len(passed) + 50 * len(passed), now)
    assert passed[:5] == [1, 2, 4, 8, 16]


def test_samples_dated_by_a_wrong_clock_can_be_dropped() -> None:
    budget = Budget(800)
    sampled(budget, ALLOWANCE, NOON)
    budget.forget_other_traffic()
    assert budget.delay(800, NOON) == 0


@pytest.mark.parametrize("jump", [-5 * 60 * MINUTE, -MINUTE, -1])
def test_what_was_sent_before_the_clock_was_set_back_counts_as_sent_now(jump: int) -> None:
    budget = Budget(100)
    budget.spend(100, NOON)
    assert budget.delay(1, NOON + jump) > 0
    assert budget.delay(100, NOON + jump + MINUTE) == 0


def test_a_budget_above_the_allowance_is_taken_at_its_word() -> None:
    budget = Budget(6_000)
    budget.spend(5_000, NOON)
    sampled(budget, 5_000, NOON)
    assert budget.delay(1_000, NOON) == 0
    assert budget.delay(1_001, NOON) > 0


@given(st.lists(st.tuples(st.sampled_from([1, 20, 50]), st.integers(0, 20_000)), max_size=60), st.integers(50, 200))
def test_waiting_for_each_delay_never_sends_more_in_a_minute_than_the_budget(
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


@dataclass
class Street:
    """An address that we share with a bot of so many weights a minute; the exchange counts for both.

    We have endless work and wait as told, never longer than `nap`. `blind`: what we sent in a minute before the first
    header that surely belongs to it.
    """

    rate: int
    per_minute: int
    ours: dict[int, int] = field(default_factory=dict)
    blind: dict[int, int] = field(default_factory=dict)

    def run(self, start: int, end: int, weight: int, latencies: list[int], nap: int) -> None:
        budget, now, number = Budget(self.per_minute), start, 0
        is_known: set[int] = set()
        while now < end:
            wait = budget.delay(weight, now)
            if wait:
                now += min(wait, nap)
                continue
            latency = latencies[number % len(latencies)]
            number += 1
            budget.spend(weight, now)
            read = now + latency // 2
            minute = read // MINUTE
            self.ours[minute] = self.ours.get(minute, 0) + weight
            if minute not in is_known:
                self.blind[minute] = self.blind.get(minute, 0) + weight
            budget.note_used_weight(self.ours[minute] + self.rate * (read % MINUTE) // MINUTE, now, now + latency)
            if (now - EDGE) // MINUTE == (now + latency + EDGE) // MINUTE:
                is_known.add(minute)
            now += latency


SINCE = st.integers(0, MINUTE - 1)
LATENCIES = st.lists(st.integers(1, 400), min_size=1, max_size=20)
WEIGHTS = st.sampled_from([20, 50])


@given(st.integers(MINUTE // SECOND, ALLOWANCE), SINCE, LATENCIES, WEIGHTS, st.integers(100, 60_000))
def test_a_bot_that_burns_evenly_finds_room_to_the_end_of_each_minute(
    rate: int, since: int, latencies: list[int], weight: int, nap: int
) -> None:
    """From a weight a second on: below that a header may still say 0 after a second.

    Up to half of the allowance whatever happens. A faster one finds room but for what we send before the first header
    that tells of it, and for the few requests that ask whether it still burns so fast.
    """
    street = Street(rate, ALLOWANCE)
    street.run(START + since, START + 3 * MINUTE, weight, latencies, nap)
    for minute, ours in street.ours.items():
        unasked = 0 if rate <= ALLOWANCE // 2 else street.blind.get(minute, 0) + (PROBES + 1) * weight
        assert ours + rate <= max(ALLOWANCE, unasked + rate)


@given(SINCE, LATENCIES, WEIGHTS, st.sampled_from([1_200, ALLOWANCE]))
def test_without_other_traffic_the_whole_budget_is_used(
    since: int, latencies: list[int], weight: int, per_minute: int
) -> None:
    street = Street(0, per_minute)
    street.run(START + since, START + 3 * MINUTE, weight, [1 + one % 50 for one in latencies], MINUTE)
    assert street.ours[START // MINUTE + 2] >= per_minute - weight


def test_a_minute_that_others_used_up_is_not_held_against_those_that_follow() -> None:
    budget = Budget(1_200)
    now = 1_000 * MINUTE + 40 * SECOND
    budget.spend(50, now)
    budget.note_used_weight(ALLOWANCE, now, now)
    sent = 0
    for now in range(1_001 * MINUTE, 1_003 * MINUTE, SECOND // 4):
        if budget.delay(50, now) == 0:
            budget.spend(50, now)
            sent += 1
            budget.note_used_weight(50 * sum(at // MINUTE == now // MINUTE for at, _ in budget._sent), now, now)
    assert sent == 2 * (1_200 // 50), "both minutes are used"


@pytest.mark.parametrize(("allowance", "half"), [(2_400, 1_200), (700, 350), (6_000, 3_000), (99, HEAVIEST)])
def test_without_a_choice_the_budget_is_half_of_what_the_exchange_allows(allowance: int, half: int) -> None:
    budget = Budget()
    assert budget.per_minute == default_budget(ALLOWANCE)
    budget.allow(allowance)
    assert budget.per_minute == half
    assert budget.room(NOON) == half


@pytest.mark.parametrize(("chosen", "allowance", "kept"), [(600, 6_000, 600), (600, 2_400, 600), (1_200, 700, 700)])
def test_a_chosen_budget_is_never_raised_and_never_above_what_the_exchange_allows(
    chosen: int, allowance: int, kept: int
) -> None:
    budget = Budget(chosen)
    assert budget.per_minute == chosen
    budget.allow(allowance)
    assert budget.per_minute == kept
    budget.allow(10 * allowance)
    assert budget.per_minute == chosen, "what the exchange took back it may give again"


def test_a_lower_limit_holds_in_the_minute_in_which_it_is_learned() -> None:
    budget = Budget()
    budget.spend(400, NOON)
    assert budget.delay(50, NOON) == 0
    budget.allow(700)
    assert budget.delay(50, NOON) > 0
    assert budget.is_spent(50, NOON)


def test_even_under_the_lowest_limit_a_request_is_sent_at_last() -> None:
    budget = Budget()
    budget.allow(HEAVIEST)
    now = NOON
    while delay := budget.delay(HEAVIEST, now):
        now += delay
    assert now < NOON + 2 * MINUTE
