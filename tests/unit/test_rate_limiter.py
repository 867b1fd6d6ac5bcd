"""Who may pass the gate, and when. The clock is a list of instants; nothing here waits."""

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


def gate(
    now: Callable[[], int],
    per_minute: int = 100,
    longest_cooldown: int = 0,
    stop: Event | None = None,
    egress: Egress | None = None,
) -> "Observed":
    return Observed(egress or Alone(), Budget(per_minute), now, stop or Event(), longest_cooldown)


class Observed(RateLimiter):
    """A gate of which a test can tell what passed."""

    def __init__(self, egress: Any, *others: Any) -> None:
        super().__init__(egress, *others)
        self._weights = egress.taken

    def spent(self) -> tuple[int, int]:
        """Requests let through, and their weight."""
        return len(self._weights), sum(self._weights)


class Told:
    """An egress that says what it is told to, one answer after the other, the last of them for ever."""

    def __init__(self, *answers: Taken) -> None:
        self._left = list(answers)
        self.taken: list[int] = []
        self.asked: list[tuple[int, int, int]] = []

    def take(self, weight: int, now: int, room: int) -> Taken:
        self.asked.append((weight, now, room))
        answer = self._left.pop(0) if len(self._left) > 1 else self._left[0]
        self.taken += [weight] if answer.granted else []
        return answer

    def start_cooldown(self, milliseconds: int, reason: str) -> None:
        raise AssertionError("nobody asked for silence here")


def test_what_passes_is_counted() -> None:
    passed = gate(clock(NOON))
    passed.acquire(50)
    passed.acquire(1)
    assert passed.spent() == (2, 51)


def test_a_closed_gate_refuses_at_once_where_the_silence_outlasts_the_patience() -> None:
    closed = gate(clock(NOON), longest_cooldown=MINUTE)
    closed.start_cooldown(NOON + MINUTE + 1, "banned")
    assert not closed.waits_for_cooldown
    with pytest.raises(BannedError, match="nothing is sent until then") as refused:
        closed.acquire(1)
    assert refused.value.cooldown_until == NOON + MINUTE + 1
    assert closed.spent() == (0, 0)


def test_a_silence_within_the_patience_is_waited_for() -> None:
    instants = iter([NOON, NOON, NOON, NOON + MINUTE, NOON + MINUTE])
    closed = gate(lambda: next(instants), longest_cooldown=MINUTE)
    closed.start_cooldown(NOON + 1, "banned")
    closed.acquire(1)
    assert closed.spent() == (1, 1)
    assert next(instants, None) is None


def test_a_gate_is_open_from_the_deadline_on() -> None:
    closed = gate(clock(NOON))
    closed.start_cooldown(NOON, "banned")
    closed.acquire(1)
    assert closed.spent() == (1, 1)


def test_a_shorter_silence_does_not_end_a_longer_one() -> None:
    closed = gate(clock(NOON))
    assert closed.cooldown_until == 0
    closed.start_cooldown(NOON + MINUTE, "banned")
    closed.start_cooldown(NOON + SECOND, "banned")
    assert closed.cooldown_until == NOON + MINUTE


def test_a_full_budget_is_waited_for_however_little_the_patience() -> None:
    seen = [NOON, NOON, NOON, NOON, NOON, NOON + MINUTE + SECOND]
    full = gate(clock(*seen), per_minute=50, longest_cooldown=0)
    full.acquire(50)
    full.acquire(50)
    assert full.spent() == (2, 100)


def test_what_others_use_closes_the_gate_for_the_minute() -> None:
    stop = Event()
    looks = iter(range(20))

    def now() -> int:
        if next(looks) == 9:
            stop.set()
        return NOON

    shared = gate(now, stop=stop)
    shared.note_used_weight(ALLOWANCE, NOON)
    with pytest.raises(StoppedError):
        shared.acquire(1)
    assert shared.spent() == (0, 0)


def test_what_passes_knows_when_it_did() -> None:
    assert gate(clock(NOON, NOON, NOON + 7, NOON + 8)).acquire(1) == NOON


def test_what_was_heard_of_others_by_a_wrong_clock_is_forgotten() -> None:
    shared = gate(clock(NOON))
    shared.note_used_weight(ALLOWANCE, NOON)
    shared.clock_moved(2 * MINUTE)
    shared.acquire(1)
    assert shared.spent() == (1, 1)


@pytest.mark.parametrize("by", [-5 * HOUR, 5 * HOUR])
def test_a_silence_lasts_as_long_as_it_would_have_when_the_clock_turns_out_to_be_wrong(by: int) -> None:
    instant = [NOON]
    silent = gate(lambda: instant[0])
    silent.start_cooldown(NOON + MINUTE, "banned")
    instant[0] += by
    silent.clock_moved(by)
    with pytest.raises(BannedError, match="in 1 min 1 s"):
        silent.acquire(1)
    instant[0] += MINUTE
    silent.acquire(1)
    assert silent.spent() == (1, 1)


def test_nothing_passes_once_a_stop_is_asked_for() -> None:
    stop = Event()
    stop.set()
    stopped = gate(clock(NOON), stop=stop)
    with pytest.raises(StoppedError, match="stopped"):
        stopped.acquire(1)
    assert stopped.spent() == (0, 0)


def test_whoever_shares_the_egress_is_asked_before_each_request_with_the_room_that_there_is() -> None:
    egress = Told(Taken(granted=True, spent=50, cooldown=0))
    shared = gate(clock(NOON), egress=egress)
    shared.acquire(50)
    assert egress.asked == [(50, NOON, 100)]
    assert shared.spent() == (1, 50)


def test_what_the_kin_have_used_up_is_waited_for() -> None:
    used_up = Taken(granted=False, spent=100, cooldown=0)
    egress = Told(used_up, Taken(granted=True, spent=50, cooldown=0))
    shared = gate(clock(NOON, NOON, NOON, NOON + MINUTE), egress=egress)
    shared.acquire(50)
    assert [now for _, now, _ in egress.asked] == [NOON, NOON + MINUTE]


def test_what_the_kin_have_spent_is_taken_out_of_the_used_weight_of_others() -> None:
    shared = gate(clock(NOON), per_minute=ALLOWANCE, egress=Told(Taken(granted=True, spent=800, cooldown=0)))
    sent = shared.acquire(50)
    shared.note_used_weight(800, sent)
    shared.acquire(ALLOWANCE - 800)


def test_a_silence_that_the_kin_were_asked_for_closes_the_gate_here_too() -> None:
    shared = gate(clock(NOON), egress=Told(Taken(granted=False, spent=0, cooldown=MINUTE)))
    with pytest.raises(BannedError, match="nothing is sent until then"):
        shared.acquire(50)
    assert shared.cooldown_until == NOON + MINUTE
    assert shared.spent() == (0, 0)


def test_a_silence_that_is_heard_here_is_told_to_the_kin_at_once_unless_it_is_over() -> None:
    alone = Alone()
    shared = gate(clock(NOON), egress=alone)
    shared.start_cooldown(NOON + MINUTE, "banned")
    shared.start_cooldown(NOON - MINUTE, "an old one")
    assert alone.cooldowns == [(MINUTE, "banned")]
