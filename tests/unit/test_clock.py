"""The exchange's clock, kept by offset to a monotonic one."""

import time

import pytest

from etl.exchange.clock import ExchangeClock, local_now


class Machine:
    """A machine's two clocks, in milliseconds, in place of the real ones."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.wall, self.monotonic = 1_790_000_000_000, 5_000
        monkeypatch.setattr(time, "time_ns", lambda: self.wall * 1_000_000)
        monkeypatch.setattr(time, "monotonic_ns", lambda: self.monotonic * 1_000_000)


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Machine:
    return Machine(monkeypatch)


def test_until_it_is_set_the_clock_shows_what_the_machine_believes(machine: Machine) -> None:
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


def test_the_real_clock_does_not_run_backwards() -> None:
    clock = ExchangeClock()
    seen = [clock.now() for _ in range(1_000)]
    assert seen == sorted(seen)
