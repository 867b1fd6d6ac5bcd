"""The fills of force orders: which are still to be read, and whether those that were read are all of them.

Source: the page "Account Trade List" of each market. No list of fills is believed because of its length or its window:
the fills of an order are complete where their sums are those of the order itself.
"""

from decimal import Decimal
from enum import StrEnum
from typing import NamedTuple

from etl.core.orders import Key, Reject
from etl.core.planning import Rules
from etl.core.retention import MARGIN
from etl.core.timeline import SECOND, Window

QUARANTINE = "fills"
"""The column `market` of `quarantined_orders` for a row of these endpoints. It casts no doubt on a day of orders."""

AROUND = SECOND
"""How far before the creation of an order and behind its last change its fills are looked for, milliseconds."""


class Fill(NamedTuple):
    """One checked row. `time` is in epoch milliseconds, `raw` the row's JSON text, which holds the exact amounts."""

    symbol: str
    order_id: int
    trade_id: int
    time: int
    raw: str

    @property
    def order(self) -> Key:
        return self.symbol, self.order_id


class FillPage(NamedTuple):
    """One response: the rows of the orders that were asked for, each a fill or a reject."""

    fills: tuple[Fill, ...]
    rejects: tuple[Reject, ...]
    shown: int
    """All its rows, also the owner's own trades."""


class DueOrder(NamedTuple):
    """A force order whose fills are still to be read; times in epoch milliseconds.

    `quote` is None where the exchange does not say what was filled is worth.
    """

    symbol: str
    order_id: int
    order_time: int
    update_time: int
    executed: Decimal
    quote: Decimal | None = None
    tries: int = 0
    """How often its fills were read and were not complete."""

    @property
    def key(self) -> Key:
        return self.symbol, self.order_id

    @property
    def window(self) -> Window:
        """When its fills happened."""
        first, last = sorted((self.order_time, self.update_time))
        return Window(first - AROUND, last + AROUND + 1)


class Sums(NamedTuple):
    """What the stored fills of an order add up to. `quote` is None where a fill has none."""

    executed: Decimal = Decimal(0)
    quote: Decimal | None = None


class Reason(StrEnum):
    """Why the fills of an order are incomplete."""

    TOO_FEW = "too few"
    """Their quantities add up to less than was executed: one is late, unreadable or lost."""
    TOO_MANY = "too many"
    """Their quantities add up to more: the order has changed since, or the exchange contradicts itself."""
    WORTH = "worth differs"
    """Their quantities are those of the order, and what they are worth is not."""
    CROWDED = "crowded"
    """A millisecond has more of them than a page shows."""
    SYMBOL = "symbol refused"
    """The exchange does not answer for the symbol: it has closed the contract."""
    BEYOND_RETENTION = "beyond retention"
    """The exchange says that it no longer keeps them, though it promises to."""


def judge(order: DueOrder, sums: Sums) -> Reason | None:
    """What the fills of an order lack; None: they are complete.

    Quantities are compared in every market. What they are worth is compared where both sides say it: older fills of
    COIN-M have no quoteQty, and their baseQty is rounded for each fill, so that its sum is not that of the order.
    """
    if sums.executed != order.executed:
        return Reason.TOO_FEW if sums.executed < order.executed else Reason.TOO_MANY
    # What was filled is worth something: of a worth of 0 the exchange means that it does not say it.
    is_told = bool(order.quote) and sums.quote is not None
    return Reason.WORTH if is_told and sums.quote != order.quote else None


def readable(rules: Rules, keeps: int) -> Window | None:
    """When an order must have been created and last changed for its fills to be final and still kept.

    `keeps` is how long the exchange keeps fills, milliseconds; None is returned where no instant is both.
    """
    kept = keeps if rules.keeps is None else min(keeps, rules.keeps)
    floor = rules.now - kept + MARGIN + AROUND
    return Window(floor, rules.settled) if floor < rules.settled else None
