"""Who may pass the gate, and when. The clock is a list of instants; nothing here waits."""

from collections.abc import Callable
from threading import Event

import pytest

from etl.core.timeline import HOUR, MINUTE, SECOND
from etl.errors import BannedError, StoppedError
from etl.exchange import gate as module
from etl.exchange.budget import ALLOWANCE, Budget
from etl.exchange.gate import Gate

NOON = 1_000 * MINUTE + 30 * SECOND


@pytest.fixture(autouse=True)
def _no_naps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LONGEST_NAP", 0)


def clock(*instants: int) -> Callable[[], int]:
    """Shows these instants one after the other, and the last of them for ever."""
    left = list(instants)
    return lambda: left.pop(0) if len(left) > 1 else left[0]


def gate(now: Callable[[], int], per_minute: int = 100, patience: int = 0, stop: Event | None = None) -> Gate:
    return Gate(Budget(per_minute), now, stop or Event(), patience)


def test_what_passes_is_counted() -> None:
    passed = gate(clock(NOON))
    passed.enter(50)
    passed.enter(1)
    assert passed.spent() == (2, 51)


def test_a_closed_gate_refuses_at_once_where_the_silence_outlasts_the_patience() -> None:
    closed = gate(clock(NOON), patience=MINUTE)
    closed.close(NOON + MINUTE + 1)
    assert not closed.is_patient
    with pytest.raises(BannedError, match="nothing is sent until then") as refused:
        closed.enter(1)
    assert refused.value.until_ms == NOON + MINUTE + 1
    assert closed.spent() == (0, 0)


def test_a_silence_within_the_patience_is_waited_for() -> None:
    instants = iter([NOON, NOON, NOON + MINUTE, NOON + MINUTE])
    closed = gate(lambda: next(instants), patience=MINUTE)
    closed.close(NOON + 1)
    closed.enter(1)
    assert closed.spent() == (1, 1)
    assert next(instants, None) is None


def test_a_gate_is_open_from_the_deadline_on() -> None:
    closed = gate(clock(NOON))
    closed.close(NOON)
    closed.enter(1)
    assert closed.spent() == (1, 1)


def test_a_shorter_silence_does_not_end_a_longer_one() -> None:
    closed = gate(clock(NOON))
    assert closed.closed_until == 0
    closed.close(NOON + MINUTE)
    closed.close(NOON + SECOND)
    assert closed.closed_until == NOON + MINUTE


def test_a_full_budget_is_waited_for_however_little_the_patience() -> None:
    seen = [NOON, NOON, NOON, NOON, NOON, NOON + MINUTE + SECOND]
    full = gate(clock(*seen), per_minute=50, patience=0)
    full.enter(50)
    full.enter(50)
    assert full.spent() == (2, 100)


def test_what_others_use_closes_the_gate_for_the_minute() -> None:
    stop = Event()
    looks = iter(range(20))

    def now() -> int:
        if next(looks) == 9:
            stop.set()
        return NOON

    shared = gate(now, stop=stop)
    shared.learn(ALLOWANCE, NOON)
    with pytest.raises(StoppedError):
        shared.enter(1)
    assert shared.spent() == (0, 0)


def test_what_passes_knows_when_it_did() -> None:
    assert gate(clock(NOON, NOON, NOON + 7, NOON + 8)).enter(1) == NOON


def test_what_was_heard_of_others_by_a_wrong_clock_is_forgotten() -> None:
    shared = gate(clock(NOON))
    shared.learn(ALLOWANCE, NOON)
    shared.clock_moved(2 * MINUTE)
    shared.enter(1)
    assert shared.spent() == (1, 1)


@pytest.mark.parametrize("by", [-5 * HOUR, 5 * HOUR])
def test_a_silence_lasts_as_long_as_it_would_have_when_the_clock_turns_out_to_be_wrong(by: int) -> None:
    instant = [NOON]
    silent = gate(lambda: instant[0])
    silent.close(NOON + MINUTE)
    instant[0] += by
    silent.clock_moved(by)
    with pytest.raises(BannedError, match="in 1 min 1 s"):
        silent.enter(1)
    instant[0] += MINUTE
    silent.enter(1)
    assert silent.spent() == (1, 1)


def test_nothing_passes_once_a_stop_is_asked_for() -> None:
    stop = Event()
    stop.set()
    stopped = gate(clock(NOON), stop=stop)
    with pytest.raises(StoppedError, match="stopped"):
        stopped.enter(1)
    assert stopped.spent() == (0, 0)
