"""The formats of the exchange's order files: the header alone decides which one a file has.

Source: one public sample of the file that `order/asyn` gives, and several of the web page's file. What differs from
them is refused, because a column that is read wrongly would store wrong orders.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo

NO_DATA = "No data matches the criteria."
"""What stands in a file without orders."""

_ASKED = (
    *("Uid", "Time(UTC)", "Symbol", "Type", "Side", "Position Side", "Price", "Average Price", "Amount"),
    *("Executed Amount", "Executed Quote Amount", "Stop Price", "Status", "Client Order Id", "Time In Force"),
    *("Activate Price", "Price Rate", "Update Time", "Order No"),
)
_WEB = (
    *("Uid", "Time", "Order No", "Symbol", "Type", "Side", "Price", "Average Price", "Amount", "Executed Amount"),
    *("Executed Quote Amount", "Stop Price", "Status", "Update Time"),
)
_OTHERS = {
    "trades": ("Trade Id", "Trade ID"),
    "income": ("Transaction ID",),
    "positions": ("Margin Mode", "Closing PNL"),
    "the account's statement": ("UTC_Time", "Operation"),
}
"""Columns by which a file of something else is recognized."""

_TIME = re.compile(r"(?:20)?([0-9]{2}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2})")
"""The web page writes years with four digits or with two."""


@dataclass(frozen=True)
class Format:
    """How the orders stand in a file."""

    name: str
    columns: tuple[str, ...]
    time_column: str
    is_utc: bool
    """Whether its times are UTC; else they are of the time zone that the web page showed."""
    has_client_order_ids: bool


ASKED = Format("asyn", _ASKED, "Time(UTC)", is_utc=True, has_client_order_ids=True)
"""The file of a request to `order/asyn`."""

WEB = Format("web", _WEB, "Time", is_utc=False, has_client_order_ids=False)
"""The file that the web page gives."""

FORMATS = (ASKED, WEB)


class NoOrdersError(ValueError):
    """A file without orders. It says nothing of its time: no rows is no answer."""


def format_of(header: Sequence[str]) -> Format:
    """Raises ValueError with one line for any other header."""
    names = tuple(name.strip() for name in header)
    for one in FORMATS:
        if names == one.columns:
            return one
    if any(NO_DATA in name for name in names):
        raise NoOrdersError(f"the file has no orders: {NO_DATA[:-1]!r} is all that it says")
    for what, columns in _OTHERS.items():
        if {*columns} & {*names}:
            raise ValueError(f"this is a file of {what}, which does not tell force orders; export the order history")
    for one in FORMATS:
        if {*names} == {*one.columns}:
            raise ValueError(f"the columns stand in another order than in the exchange's {one.name} file")
        if len({*names} & {*one.columns}) > len(one.columns) // 2:
            missing = [name for name in one.columns if name not in names]
            new = [name for name in names if name not in one.columns]
            differs = "; ".join(
                f"{said} {', '.join(map(repr, which[:3]))}"
                for said, which in (("it lacks", missing), ("it has besides", new))
                if which
            )
            raise ValueError(f"the header is not that of the exchange's {one.name} file: {differs}")
    raise ValueError("the first line is not the header of an order file of the exchange")


class ClockChangeError(ValueError):
    """A local time that the clocks of its zone showed twice or never."""


def parse_time(text: str, zone: tzinfo = UTC) -> int:
    """Epoch milliseconds of a time with seconds precision. Raises ValueError."""
    found = _TIME.fullmatch(text)
    if found is None:
        raise ValueError(text)
    moment = datetime.fromisoformat(f"20{found[1]}").replace(tzinfo=zone)
    if moment.utcoffset() != moment.replace(fold=1).utcoffset():
        raise ClockChangeError(text)
    return int(moment.timestamp()) * 1000
