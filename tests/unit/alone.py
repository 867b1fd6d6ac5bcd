"""An egress that nobody else uses: it grants everything, and notes what it hears of."""

from etl.core.egress import Taken


class Alone:
    def __init__(self) -> None:
        self.silences: list[tuple[int, str]] = []
        self.taken: list[int] = []

    def take(self, weight: int, now: int, room: int) -> Taken:
        self.taken.append(weight)
        return Taken(granted=True, spent=0, silent=0)

    def silence(self, left: int, reason: str) -> None:
        self.silences.append((left, reason))
