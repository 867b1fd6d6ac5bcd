"""The stored force orders, held against the list of all orders of an account. Pure: two lists in, what differs out.

They are joined by symbol and order id alone: every ADL has the same client order id. Neither list must have everything:
the list of all orders forgets an order without a fill after three days and closed contracts at once (documented and
observed), and nobody promises that it holds every forced order. So what only the list of all orders has is a doubt;
what only the stored list has is worth a line.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum

from etl.core.forced_names import PlacedBy, placed_by
from etl.core.orders import FIELDS, FieldType, Key, Order
from etl.core.retention import UNFILLED_KEPT
from etl.core.row_text import keys_of
from etl.core.timeline import HOUR, Window, merge

COMPARED = ("status", "side", "positionSide", "avgPrice", "executedQty", "cumQuote")
"""The keys that are compared where both rows have them. The type is not: one list says LIMIT, others LIQUIDATION."""

_NAME = "clientOrderId"
"""Compared where it makes one row a forced order and the other none: spellings of a name may differ."""

_DECIMALS = {one.wire for one in FIELDS if one.type is FieldType.DECIMAL}


class Kind(StrEnum):
    """How the two lists differ on an order."""

    MISSING = "missing"
    """Among all orders, forced, and neither stored nor shown as a force order when it was asked for again."""
    CONFLICTING = "conflicting"
    """Both have the same version of it, with other values; or only one says that it is forced."""
    LATE = "late"
    """It was missing, and came when it was asked for again: it is stored now."""
    DIFFERENT = "different"
    """They had two versions of it; the later one is stored now."""
    UNSEEN = "unseen"
    """Stored, and not among all orders, although nothing known explains it."""
    NAMESAKE = "namesake"
    """The owner's own, under a name that begins like that of a forced order."""


DISPUTED = (Kind.MISSING, Kind.CONFLICTING)
"""The kinds of which one list must be wrong."""


@dataclass(frozen=True, order=True)
class Discrepancy:
    """One order on which the lists differ. The time is in epoch milliseconds; `raw` is the row of the list of all
    orders as received, None where it has none."""

    order_time: int
    symbol: str
    order_id: int
    kind: Kind
    detail: str
    raw: str | None = field(default=None, compare=False, repr=False)

    @property
    def key(self) -> Key:
        return self.symbol, self.order_id


@dataclass(frozen=True)
class Reach:
    """For which times a list is known to be whole, by symbol; None: of every symbol."""

    windows: Mapping[str | None, Sequence[Window]]

    def of(self, symbol: str | None) -> list[Window]:
        """What is known of every symbol is known of each."""
        return merge([*self.windows.get(None, ()), *(self.windows.get(symbol, ()) if symbol else ())])

    def holds(self, order: Order) -> bool:
        """Whether both times of the order lie inside: which of them a list filters by is not documented."""
        own = self.of(order.symbol)
        return all(any(w.contains(at) for w in own) for at in (order.order_time, order.update_time))


@dataclass(frozen=True)
class Lists:
    """Both lists, and how far each reaches. An order younger than either reach is not compared yet."""

    listed: Mapping[Key, Order]
    """Of the list of all orders, the latest version of each row; those of the owner may be left out."""
    stored: Mapping[Key, Order]
    there: Reach
    """What of the list of all orders was read."""
    here: Reach
    """What is proven of the stored force orders."""

    def missing(self) -> list[Order]:
        """Forced orders that should be stored and are not, the oldest first."""
        return [order for order in self._lacking() if self.here.holds(order)]

    def undecided(self) -> list[Order]:
        """The same where it is not proven that they should be: nothing is said of their days."""
        return [order for order in self._lacking() if not self.here.holds(order)]

    def differing(self) -> list[tuple[Order, Order]]:
        """Orders that both have, with other values: the listed row and the stored one."""
        both = sorted(self.listed.keys() & self.stored.keys())
        return [(self.listed[key], self.stored[key]) for key in both if differences(self.listed[key], self.stored[key])]

    def agreeing(self) -> set[Key]:
        """Orders that both have, with the same values."""
        return (self.listed.keys() & self.stored.keys()) - {listed.key for listed, _ in self.differing()}

    def unlisted(self) -> list[Order]:
        """Stored orders that the list of all orders reaches and does not show, the oldest first."""
        return _oldest_first(o for o in self.stored.values() if o.key not in self.listed and self.there.holds(o))

    def is_blind(self) -> bool:
        """Whether the list of all orders shows none of the stored orders.

        If it should show one, then that it shows no other forced order says nothing.
        """
        return not self.listed.keys() & self.stored.keys()

    def namesakes(self) -> list[Order]:
        """The owner's orders with a name like that of a forced one, the oldest first."""
        return _oldest_first(o for o in self._not_stored() if placed_by(o) is PlacedBy.NAMESAKE)

    def _lacking(self) -> list[Order]:
        return _oldest_first(o for o in self._not_stored() if placed_by(o) is PlacedBy.EXCHANGE)

    def _not_stored(self) -> list[Order]:
        return [order for order in self.listed.values() if order.key not in self.stored]


def why_unlisted(order: Order, now: int, closed: Collection[str]) -> str | None:
    """Why the list of all orders need not show a stored order; None: it should. `closed`: symbols that it refuses."""
    if not order.filled and order.order_time < now - UNFILLED_KEPT + HOUR:
        return "nothing was filled, and it is older than three days"
    if placed_by(order) is PlacedBy.SETTLEMENT:
        return "a settlement"
    return "the contract is closed" if order.symbol in closed else None


def differences(listed: Order, stored: Order) -> list[str]:
    """What differs between two rows of one order, in words; compared by value, and only what both rows have."""
    there, here = keys_of(listed.raw), keys_of(stored.raw)
    compared = COMPARED if listed.close_type is stored.close_type else (*COMPARED, _NAME)
    return [
        f"{name} {there[name]} there, {here[name]} here"
        for name in compared
        if there.get(name) is not None and here.get(name) is not None
        if _value(name, there[name]) != _value(name, here[name])
    ]


def replaces(listed: Order, stored: Order) -> bool:
    """Whether the list of all orders has a later version of a stored order. One under a name of another kind is none:
    a force order does not become the owner's own."""
    return listed.version > stored.version and listed.close_type is stored.close_type


def difference(listed: Order, stored: Order) -> Discrepancy:
    """What is said of an order whose rows differ, by their versions. `stored`: as it is before anything is done."""
    said = ", ".join(differences(listed, stored))
    if listed.version == stored.version or listed.close_type is not stored.close_type:
        return of_order(listed, Kind.CONFLICTING, said, listed.raw)
    newer = "all orders" if listed.version > stored.version else "what is stored"
    return of_order(listed, Kind.DIFFERENT, f"{said}; {newer} had the later version", listed.raw)


def of_order(order: Order, kind: Kind, detail: str, raw: str | None = None) -> Discrepancy:
    return Discrepancy(order.order_time, *order.key, kind, detail, raw)


def _value(name: str, value: object) -> object:
    return Decimal(str(value)) if name in _DECIMALS else value


def _oldest_first(orders: Iterable[Order]) -> list[Order]:
    return sorted(orders, key=lambda order: (order.order_time, *order.key))
