"""The server clock: a linear function of the real one, so that a test can move it without waiting."""

from dataclasses import dataclass, replace

from etl.simulator.scenario import Scenario

MINUTE_MS = 60_000


@dataclass(frozen=True, slots=True)
class Clock:
    """At the real instant `real_anchor` it shows `server_anchor`; then it runs `speed` times as fast. Milliseconds."""

    real_anchor: float
    server_anchor: float
    speed: float

    def read(self, real_ms: float) -> int:
        """The server time at a real instant."""
        return int(self.server_anchor + (real_ms - self.real_anchor) * self.speed)

    def moved_to(self, server_ms: float, real_ms: float) -> "Clock":
        """The clock that shows `server_ms` now and continues at the same speed."""
        return replace(self, real_anchor=real_ms, server_anchor=server_ms)


def started(scenario: Scenario, real_ms: float) -> Clock:
    """The clock that a scenario starts with."""
    at_ms = real_ms if scenario.clock_at_ms is None else float(scenario.clock_at_ms)
    return Clock(real_ms, at_ms + scenario.clock_offset_ms, scenario.clock_speed)


def followed(clock: Clock, old: Scenario, new: Scenario, real_ms: float) -> Clock:
    """The clock after a change of scenario: it jumps only by what the clock switches change."""
    if new.clock_at_ms is not None and new.clock_at_ms != old.clock_at_ms:
        return started(new, real_ms)
    shift = new.clock_offset_ms - old.clock_offset_ms
    return replace(clock.moved_to(clock.read(real_ms) + shift, real_ms), speed=new.clock_speed)
