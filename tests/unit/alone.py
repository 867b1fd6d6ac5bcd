"""An egress of one process: it grants everything, and records the calls."""

from etl.core.egress import Taken


class Alone:
    def __init__(self) -> None:
        self.cooldowns: list[tuple[int, str]] = []
        self.taken: list[int] = []

    def take(self, weight: int, now: int, room: int) -> Taken:
        self.taken.append(weight)
        return Taken(granted=True, spent=0, cooldown=0)

    def start_cooldown(self, milliseconds: int, reason: str) -> None:
        self.cooldowns.append((milliseconds, reason))
