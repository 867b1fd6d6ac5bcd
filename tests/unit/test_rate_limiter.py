"""When the rate limiter lets a request pass. The clock is a list of instants; nothing here waits."""

from collections.abc import Callable
from threading import Event
from typing import Any

import pytest

from etl.core.egress import Egress, Taken
from etl.core.timeline import HOUR, MINUTE, SECOND
from etl.errors import BannedError, StoppedError
from etl.exchange import rate_limiter as module
from etl.exchange.budget import ALLOWANCE, Budget
from etl.exchange.rate_limiter import RateLimiter
from tests.unit.alone import Alone

NOON = 1_000 * MINUTE + 30 * SECOND


@pytest.fixture(autouse=True)
def _no_naps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "POLL_INTERVAL", 0)


def clock(*instants: int) -> Callable[[], int]:
    """Shows these instants one after the other, and the last of them for ever."""
    left = list(instants)
    return lambda: left.pop(0) if len(left) > 1 else left[0]


def limiter(
    now: Callable[[], int],
    per_minute: int = 100,
    longest_cooldown: int = 0,
    stop: Event | None = None,
    egress: Egress | None = None,
) -> "Observed":
    return Observed(egress or Alone(), Budget(per_minute), now, stop or Event(), longest_cooldown)


class Observed(RateLimiter):
    """A rate limiter that counts what passed."""

    def __init__(self, egress: Any, *others: Any) -> None:
        super().__init__(egress, *others)
        self._weights = egress.taken

    def spent(self) -> tuple[int, int]:
        """Requests let through, and their weight."""
        return len(self._weights), sum(self._weights)


class Scripted:
    """An egress with prepared answers, one after the other; the last one repeats."""

    def __init__(self, *answers: Taken) -> None:
        self._left = list(answers)
        self.taken: list[int] = []
        self.requests: list[tuple[int, int, int]] = []

    def take(self, weight: int, now: int, room: int) -> Taken:
        self.requests.append((weight, now, room))
        answer = self._left.pop(0) if len(self._left) > 1 else self._left[0]
        self.taken += [weight] if answer.granted else []
        return answer

    def start_cooldown(self, milliseconds: int, reason: str) -> None:
        raise AssertionError("no cooldown is expected here")


def test_what_passes_is_counted() -> None:
    passed = limiter(clock(NOON))
    passed.acquire(50)
    passed.acquire(1)
    assert passed.spent() == (2, 51)


def test_a_request_is_refused_at_once_during_a_cooldown_that_is_too_long_to_wait_for() -> None:
    cooling = limiter(clock(NOON), longest_cooldown=MINUTE)
    cooling.start_cooldown(NOON + MINUTE + 1, "banned")
    assert not cooling.waits_for_cooldown
    with pytest.raises(BannedError, match="nothing is sent until then") as refused:
        cooling.acquire(1)
    assert refused.value.cooldown_until == NOON + MINUTE + 1
    assert cooling.spent() == (0, 0)


def test_a_cooldown_up_to_the_longest_is_waited_for() -> None:
    instants = iter([NOON, NOON, NOON, NOON + MINUTE, NOON + MINUTE])
    cooling = limiter(lambda: next(instants), longest_cooldown=MINUTE)
    cooling.start_cooldown(NOON + 1, "banned")
    cooling.acquire(1)
    assert cooling.spent() == (1, 1)
    assert next(instants, None) is None


def test_requests_pass_from_the_end_of_the_cooldown_on() -> None:
    cooling = limiter(clock(NOON))
    cooling.start_cooldown(NOON, "banned")
    cooling.acquire(1)
    assert cooling.spent() == (1, 1)


def test_a_shorter_cooldown_does_not_end_a_longer_one() -> None:
    cooling = limiter(clock(NOON))
    assert cooling.cooldown_until == 0
    cooling.start_cooldown(NOON + MINUTE, "banned")
    cooling.start_cooldown(NOON + SECOND, "banned")
    assert cooling.cooldown_until == NOON + MINUTE


def test_a_full_budget_is_waited_for_even_if_no_cooldown_is() -> None:
    seen = [NOON, NOON, NOON, NOON, NOON, NOON + MINUTE + SECOND]
    full = limiter(clock(*seen), per_minute=50, longest_cooldown=0)
    full.acquire(50)
    full.acquire(50)
    assert full.spent() == (2, 100)


def test_nothing_passes_in_a_minute_whose_allowance_others_have_used() -> None:
    stop = Event()
    looks = iter(range(20))

    def now() -> int:
        if next(looks) == 9:
            stop.set()
        return NOON

    shared = limiter(now, stop=stop)
    shared.note_used_weight(ALLOWANCE, NOON)
    with pytest.raises(StoppedError):
        shared.acquire(1)
    assert shared.spent() == (0, 0)


def test_what_passes_knows_when_it_did() -> None:
    assert limiter(clock(NOON, NOON, NOON + 7, NOON + 8)).acquire(1) == NOON


def test_samples_of_other_traffic_dated_by_a_wrong_clock_are_dropped() -> None:
    shared = limiter(clock(NOON))
    shared.note_used_weight(ALLOWANCE, NOON)
    shared.clock_moved(2 * MINUTE)
    shared.acquire(1)
    assert shared.spent() == (1, 1)


@pytest.mark.parametrize("by", [-5 * HOUR, 5 * HOUR])
def test_a_corrected_clock_does_not_change_the_length_of_a_cooldown(by: int) -> None:
    instant = [NOON]
    cooling = limiter(lambda: instant[0])
    cooling.start_cooldown(NOON + MINUTE, "banned")
    instant[0] += by
    cooling.clock_moved(by)
    with pytest.raises(BannedError, match="in 1 min 1 s"):
        cooling.acquire(1)
    instant[0] += MINUTE
    cooling.acquire(1)
    assert cooling.spent() == (1, 1)


def test_nothing_passes_once_a_stop_is_requested() -> None:
    stop = Event()
    stop.set()
    stopped = limiter(clock(NOON), stop=stop)
    with pytest.raises(StoppedError, match="stopped"):
        stopped.acquire(1)
    assert stopped.spent() == (0, 0)


def test_the_shared_egress_decides_on_each_request_with_the_room_that_is_left() -> None:
    egress = Scripted(Taken(granted=True, spent=50, cooldown=0))
    shared = limiter(clock(NOON), egress=egress)
    shared.acquire(50)
    assert egress.requests == [(50, NOON, 100)]
    assert shared.spent() == (1, 50)


def test_a_minute_that_other_processes_have_used_up_is_waited_for() -> None:
    used_up = Taken(granted=False, spent=100, cooldown=0)
    egress = Scripted(used_up, Taken(granted=True, spent=50, cooldown=0))
    shared = limiter(clock(NOON, NOON, NOON, NOON + MINUTE), egress=egress)
    shared.acquire(50)
    assert [now for _, now, _ in egress.requests] == [NOON, NOON + MINUTE]


def test_the_weight_of_our_other_processes_is_not_counted_as_other_traffic() -> None:
    shared = limiter(clock(NOON), per_minute=ALLOWANCE, egress=Scripted(Taken(granted=True, spent=800, cooldown=0)))
    sent = shared.acquire(50)
    shared.note_used_weight(800, sent)
    shared.acquire(ALLOWANCE - 800)


def test_a_cooldown_of_another_process_applies_here_too() -> None:
    shared = limiter(clock(NOON), egress=Scripted(Taken(granted=False, spent=0, cooldown=MINUTE)))
    with pytest.raises(BannedError, match="nothing is sent until then"):
        shared.acquire(50)
    assert shared.cooldown_until == NOON + MINUTE
    assert shared.spent() == (0, 0)


def test_a_cooldown_is_shared_with_the_other_processes_at_once_unless_it_is_over() -> None:
    alone = Alone()
    shared = limiter(clock(NOON), egress=alone)
    shared.start_cooldown(NOON + MINUTE, "banned")
    shared.start_cooldown(NOON - MINUTE, "an old one")
    assert alone.cooldowns == [(MINUTE, "banned")]


def test_a_limit_that_a_refusal_names_counts_at_once_and_is_given_once_to_be_stored() -> None:
    egress = Scripted(Taken(granted=True, spent=50, cooldown=0))
    corrected = limiter(clock(NOON), per_minute=1_200, egress=egress)
    corrected.correct_limit(700)
    corrected.acquire(50)
    assert egress.requests == [(50, NOON, 700)]
    assert corrected.take_corrected_limit() == 700
    assert corrected.take_corrected_limit() is None


def test_a_limit_is_asked_for_once_an_hour_and_only_if_it_decides_the_budget() -> None:
    instant = [NOON]
    asking = RateLimiter(Alone(), Budget(), lambda: instant[0], Event(), 0)
    assert [asking.is_to_ask_for_limit() for _ in range(3)] == [True, False, False]
    instant[0] += HOUR
    assert [asking.is_to_ask_for_limit() for _ in range(2)] == [True, False]
    instant[0] -= 5 * HOUR
    assert asking.is_to_ask_for_limit(), "the clock was set back"
    assert not limiter(clock(NOON)).is_to_ask_for_limit()


@pytest.mark.parametrize(
    ("spent", "cooldown", "has_room"), [(0, 0, True), (50, 0, True), (51, 0, False), (100, 0, False), (0, 1, False)]
)
def test_room_is_what_passes_at_once_and_asking_for_it_takes_none(spent: int, cooldown: int, has_room: bool) -> None:
    asked = limiter(clock(NOON), longest_cooldown=MINUTE)
    if spent:
        asked.acquire(spent)
    if cooldown:
        asked.start_cooldown(NOON + cooldown, "banned")
    assert [asked.has_room(50) for _ in range(3)] == [has_room] * 3
    assert asked.spent() == (int(spent > 0), spent)


def test_a_cooldown_that_is_over_leaves_room() -> None:
    asked = limiter(clock(NOON, NOON + SECOND), longest_cooldown=MINUTE)
    asked.start_cooldown(NOON + SECOND, "throttled")
    assert asked.has_room(50)
