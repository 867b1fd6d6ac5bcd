"""The exchange's clock, kept by offset to a monotonic one."""

import time

import pytest

from etl.core.timeline import HOUR, MINUTE, SECOND
from etl.exchange.clock import ExchangeClock, compare_clocks, local_now


class Machine:
    """A machine's two clocks, in milliseconds, in place of the real ones."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.wall, self.monotonic = 1_790_000_000_000, 5_000
        monkeypatch.setattr(time, "time_ns", lambda: self.wall * 1_000_000)
        monkeypatch.setattr(time, "monotonic_ns", lambda: self.monotonic * 1_000_000)


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Machine:
    return Machine(monkeypatch)


def test_until_it_is_set_the_clock_shows_the_time_of_the_machine(machine: Machine) -> None:
    assert ExchangeClock().now() == local_now() == machine.wall


def test_once_set_it_runs_on_from_there(machine: Machine) -> None:
    clock = ExchangeClock()
    clock.set(42)
    machine.monotonic += 7
    assert clock.now() == 49


def test_a_machine_whose_wall_clock_is_moved_changes_nothing(machine: Machine) -> None:
    clock = ExchangeClock()
    clock.set(42)
    machine.wall += 3_600_000
    assert clock.now() == 42


def test_it_can_be_set_back(machine: Machine) -> None:
    clock = ExchangeClock()
    clock.set(100)
    clock.set(50)
    machine.monotonic += 1
    assert clock.now() == 51


def test_it_tells_by_how_much_it_was_moved(machine: Machine) -> None:
    clock = ExchangeClock()
    assert clock.set(machine.wall + 7) == 7
    machine.monotonic += 10
    assert clock.set(machine.wall + 12) == -5


def test_it_tells_by_how_much_the_machine_is_ahead_of_the_exchange(machine: Machine) -> None:
    clock = ExchangeClock()
    assert clock.machine_is_ahead() is None
    clock.set(machine.wall - 42)
    assert clock.machine_is_ahead() == 42
    machine.wall -= 100
    assert clock.machine_is_ahead() == -58


@pytest.mark.parametrize(
    ("ahead", "said"),
    [
        (5 * HOUR, "this machine's clock is 5 h ahead of the exchange's"),
        (-5 * HOUR + 40, "this machine's clock is 5 h behind the exchange's"),
        (-(90 * MINUTE + 1), "this machine's clock is 1 h 30 min behind the exchange's"),
        (2 * SECOND - 1, "this machine's clock is 2 s ahead of the exchange's"),
        (SECOND // 2 - 1, "this machine's clock agrees with the exchange's"),
        (-(SECOND // 2 - 1), "this machine's clock agrees with the exchange's"),
        (None, "the exchange's own clock could not be read"),
    ],
)
def test_what_is_to_be_mended_is_said(ahead: int | None, said: str) -> None:
    assert compare_clocks(ahead).startswith(said)


def test_the_real_clock_does_not_run_backwards() -> None:
    clock = ExchangeClock()
    seen = [clock.now() for _ in range(1_000)]
    assert seen == sorted(seen)
