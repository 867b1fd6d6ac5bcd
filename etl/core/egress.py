"""What all processes behind one IP address share: the weight of the minute, and cooldowns."""

from typing import NamedTuple, Protocol

from etl.core.timeline import DAY, SECOND

EDGE = SECOND
"""Milliseconds around the start of the exchange's minute in which a request may count in either minute."""

LONGEST_BAN = 3 * DAY
"""The longest ban that the exchange documents, milliseconds."""


class Taken(NamedTuple):
    """The decision on a request for weight, and what it is based on."""

    granted: bool
    spent: int
    """The weight that all our processes have used in this minute, what was granted included."""
    cooldown: int
    """Milliseconds until the cooldown ends; 0: there is none."""


class Egress(Protocol):
    """Shared by all processes that send from the same address and use the same database."""

    def take(self, weight: int, now: int, room: int) -> Taken:
        """Record `weight` in the exchange's minute of `now`, epoch milliseconds, before the request is sent.

        Refused during a cooldown, and where all our processes together would use more than `room` of the minute.
        """

    def start_cooldown(self, milliseconds: int, reason: str) -> None:
        """Refuse all requests for so many milliseconds, unless a longer cooldown lasts already."""


class OwnEgress:
    """An egress that no other process shares, for use without a database.

    It grants everything: the rate limiter applies the budget and the cooldown.
    """

    def take(self, weight: int, now: int, room: int) -> Taken:
        return Taken(granted=True, spent=0, cooldown=0)

    def start_cooldown(self, milliseconds: int, reason: str) -> None:
        """Does nothing: no other process shares this egress."""
