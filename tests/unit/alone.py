"""An egress that nobody else uses: it grants everything, and notes the silences that it hears of."""

from etl.core.egress import Taken


class Alone:
    def __init__(self) -> None:
        self.silences: list[tuple[int, str]] = []

    def take(self, weight: int, now: int, room: int) -> Taken:
        return Taken(granted=True, spent=0, silent=0)

    def silence(self, left: int, reason: str) -> None:
        self.silences.append((left, reason))
