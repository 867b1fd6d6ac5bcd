"""Who placed an order, told by its client order id.

Source: the page "Event: Order Update", and rows observed in public. An owner may give his orders any name
(documented), also one that begins as those of forced orders do. So the whole layout counts, not the prefix:
`autoclose-`, 13 digits of the order's own time, 6 more digits, and IOC as every liquidation. A name that was copied
digit by digit, for an IOC order of the same minute, cannot be told from the exchange's.
"""

import re
from enum import StrEnum

from etl.core.orders import CloseType, Order
from etl.core.row_text import keys_of
from etl.core.timeline import MINUTE


class PlacedBy(StrEnum):
    """Who placed an order."""

    EXCHANGE = "exchange"
    """It is forced: a liquidation, or ADL."""
    SETTLEMENT = "settlement"
    """It closed a position because its contract ended; either list may lack it."""
    NAMESAKE = "namesake"
    """The owner, under a name that begins like that of a forced order."""
    OWNER = "owner"


NEAR = MINUTE
"""How far the instant in a client order id may lie from the order's time, milliseconds; a few are observed."""

_LIQUIDATION = re.compile(r"autoclose-([0-9]{13})[0-9]{6}")
_ADL = "adl_autoclose"
_SETTLEMENTS = ("settlement_autoclose-", "delivery_")
_PREFIXES = ("autoclose-", _ADL)


def placed_by(order: Order) -> PlacedBy:
    """Who placed an order that a list of all orders shows."""
    if order.close_type is CloseType.UNKNOWN and "delivery_" not in order.raw:
        return PlacedBy.OWNER  # most rows of the list: not worth a second reading
    row = keys_of(order.raw)
    name = str(row.get("clientOrderId"))
    if name.startswith(_SETTLEMENTS):
        return PlacedBy.SETTLEMENT
    if name == _ADL or _is_liquidation(name, order.order_time, row.get("timeInForce")):
        return PlacedBy.EXCHANGE
    return PlacedBy.NAMESAKE if name.startswith(_PREFIXES) else PlacedBy.OWNER


def _is_liquidation(name: str, order_time: int, time_in_force: object) -> bool:
    found = _LIQUIDATION.fullmatch(name)
    return found is not None and abs(int(found[1]) - order_time) <= NEAR and time_in_force in ("IOC", None)
