"""An address that requests leave from, as everybody behind it has it in common: the weight of a minute, and silence."""

from typing import NamedTuple, Protocol

from etl.core.timeline import SECOND

EDGE = SECOND
"""How exactly we know when the exchange's minute begins: what lies so close to a turn may belong to either minute."""


class Taken(NamedTuple):
    """What became of a wish to send: whether it was granted, and what it was decided by."""

    granted: bool
    spent: int
    """Weight that all of ours have sent in this minute, with what was granted."""
    cooldown: int
    """Milliseconds that the exchange still wants no request; 0: it takes them."""


class Egress(Protocol):
    """Shared by every process that sends from the same address and uses the same database."""

    def take(self, weight: int, now: int, room: int) -> Taken:
        """Write down `weight` for the exchange's minute of `now`, epoch milliseconds, before it is sent.

        Refused during a silence, and where all of ours would have spent more than `room` of the minute.
        """

    def start_cooldown(self, milliseconds: int, reason: str) -> None:
        """Let nobody take anything for so many milliseconds, unless a longer silence is on."""


class OwnEgress:
    """An egress that no other process shares, for where there is no database to share it through.

    It grants what the budget grants, and leaves it to the gate to keep a silence.
    """

    def take(self, weight: int, now: int, room: int) -> Taken:
        return Taken(granted=True, spent=0, cooldown=0)

    def start_cooldown(self, milliseconds: int, reason: str) -> None:
        """Nobody else is there to be told."""
