"""Three clocks, and what may be believed while they disagree. Pure: the caller reads them."""

from dataclasses import dataclass

from etl.core.timeline import DAY, MINUTE, SECOND, duration, iso

WORTH_SAYING = MINUTE
"""Milliseconds by which a clock may differ from the exchange's before the log says so."""

FARTHEST_APART = DAY + MINUTE
"""Milliseconds by which the exchange's and the database's clock may differ: a day, and the time to read them."""


@dataclass(frozen=True, slots=True)
class Clocks:
    """The exchange's, the database's and this machine's clock, read at the same moment, epoch milliseconds."""

    exchange: int
    database: int
    machine: int

    @property
    def earliest(self) -> int:
        """Nothing later than this is proven: a clock that leads would prove what has not happened yet."""
        return min(self.exchange, self.database, self.machine)

    def disagreement(self) -> str | None:
        """One line if exchange and database are more than a day apart, so that no run makes sense; else None."""
        if abs(self.exchange - self.database) <= FARTHEST_APART:
            return None
        return (
            "the exchange's and the database's clock are more than a day apart: it is "
            f"{iso(self.exchange)} at the exchange, {iso(self.database)} in the database and "
            f"{iso(self.machine)} on this machine; set the one that is wrong (NTP), then run again"
        )

    def limit(self) -> str | None:
        """One line if a clock that is behind the exchange's keeps the last minutes from being proven; else None."""
        behind = [
            f"{name} clock is {_to_the_second(self.exchange - clock)} behind"
            for name, clock in (("the database's", self.database), ("this machine's", self.machine))
            if self.exchange - clock > WORTH_SAYING
        ]
        if not behind:
            return None
        return f"{' and '.join(behind)} the exchange's: nothing after {iso(self.earliest)} is proven"

    def lead(self) -> str | None:
        """One line if this machine's clock is ahead of the exchange's, which changes nothing; else None."""
        ahead = self.machine - self.exchange
        if ahead <= WORTH_SAYING:
            return None
        return f"this machine's clock is {_to_the_second(ahead)} ahead of the exchange's"


def _to_the_second(milliseconds: int) -> str:
    """Rounded, because reading the clocks takes a moment."""
    return duration((milliseconds + SECOND // 2) // SECOND * SECOND)
