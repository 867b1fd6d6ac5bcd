"""A row of an order file as an order: its fields under the names of the API, its times to the second."""

import json
import re
from collections.abc import Mapping
from datetime import UTC, tzinfo
from decimal import Decimal
from typing import NamedTuple

from etl.core.archive.formats import ClockChangeError, Format, parse_time
from etl.core.orders import CloseType, Key, close_type_of

_FIELDS = {
    "Symbol": "symbol",
    "Order No": "orderId",
    "Client Order Id": "clientOrderId",
    "Status": "status",
    "Side": "side",
    "Position Side": "positionSide",
    "Type": "type",
    "Time In Force": "timeInForce",
    "Price": "price",
    "Average Price": "avgPrice",
    "Stop Price": "stopPrice",
    "Amount": "origQty",
    "Executed Amount": "executedQty",
    "Executed Quote Amount": "cumQuote",
}
"""The API's name of each column. Files lack reduceOnly, closePosition, workingType and origType."""

_NUMBERS = ("price", "avgPrice", "stopPrice", "origQty", "executedQty", "cumQuote")
_WORDS = ("status", "side", "positionSide", "type", "timeInForce")
_ID = re.compile(r"[0-9]{1,19}")
_ROUNDED_ID = re.compile(r"[0-9]+(\.[0-9]*)?[eE]\+?[0-9]+|[0-9]+\.[0-9]*")
_NUMBER = re.compile(r"\+?([0-9]{1,60}(\.[0-9]{0,60})?|\.[0-9]{1,60})([eE][+-]?[0-9]{1,2})?")
_GREATEST_ID = (1 << 63) - 1
_ABSENT = ("", "-", "--")
"""What stands for no value."""

_LIQUIDATION = "LIQUIDATION"
"""What the web page calls the type of a forced order, in whatever case."""


class ArchivedOrder(NamedTuple):
    """A force order as a file has it. The times are epoch milliseconds of whole seconds.

    `fields` are texts by the API's names, as `Field.wire` has them; what the file lacks is not there. `raw` is the row
    as a JSON object of its columns. `uid` is the exchange's number of the account.
    """

    symbol: str
    order_id: int
    order_time: int
    update_time: int
    close_type: CloseType
    fields: Mapping[str, str]
    raw: str
    uid: str

    @property
    def key(self) -> Key:
        return self.symbol, self.order_id

    @property
    def filled(self) -> Decimal:
        return Decimal(self.fields.get("executedQty", "0"))

    @property
    def version(self) -> tuple[int, Decimal]:
        """The later version is the greater, as of orders of the API."""
        return self.update_time, self.filled


class Row(NamedTuple):
    """A row of a file, whatever kind of order it is of."""

    uid: str
    order_id: int
    time: int
    cells: Mapping[str, str]
    """The cells by column, as they stand in the file."""


def read_row(of: Format, cells: Mapping[str, str], zone: tzinfo = UTC) -> Row:
    """What every row needs. Raises ValueError with what is wrong, without the line's number."""
    number = cells["Order No"].strip()
    if _ROUNDED_ID.fullmatch(number):
        raise ValueError(f"Order No {number} is no whole number: a spreadsheet has changed the file; export it again")
    if not _ID.fullmatch(number) or not 0 < int(number) <= _GREATEST_ID:
        raise ValueError(f"Order No {number[:40]!r} is no order id")
    return Row(cells["Uid"].strip(), int(number), _time(cells, of.time_column, zone), cells)


def close_type_in(of: Format, row: Row) -> CloseType | None:
    """Why the exchange closed the position; None: the order was not forced, or the file does not tell.

    A row of an unknown prefix is an order of the account's own, as any client order id may be.
    """
    if of.has_client_order_ids:
        close_type = close_type_of(row.cells["Client Order Id"].strip())
        return None if close_type is CloseType.UNKNOWN else close_type
    return CloseType.LIQUIDATION if row.cells["Type"].strip().upper() == _LIQUIDATION else None


def read_order(of: Format, row: Row, close_type: CloseType, zone: tzinfo = UTC) -> ArchivedOrder:
    """The whole order. Raises ValueError with what is wrong, without the line's number."""
    fields = _fields_of(row.cells)
    if not re.fullmatch(r"\w{2,64}", fields.get("symbol", "")):
        raise ValueError("it has no symbol")
    for name in _NUMBERS:
        if name in fields and not _NUMBER.fullmatch(fields[name]):
            raise ValueError(f"{name} {fields[name][:40]!r} is no number of 0 or more")
    return ArchivedOrder(
        fields["symbol"],
        row.order_id,
        row.time,
        _time(row.cells, "Update Time", zone),
        close_type,
        fields,
        json.dumps(row.cells, ensure_ascii=False),
        row.uid,
    )


def fields_of_raw(raw: Mapping[str, object]) -> dict[str, str]:
    """The fields under the API's names of a row that was stored."""
    return _fields_of({name: str(cell) for name, cell in raw.items()})


def _fields_of(cells: Mapping[str, str]) -> dict[str, str]:
    found = {wire: cells[name].strip() for name, wire in _FIELDS.items() if name in cells}
    fields = {wire: value for wire, value in found.items() if value not in _ABSENT}
    words = {name: fields[name].upper().replace(" ", "_") for name in _WORDS if name in fields}
    if words.get("type") == _LIQUIDATION:
        del fields["type"], words["type"]  # the page says so in the place of the order's own type
    return fields | words


def _time(cells: Mapping[str, str], column: str, zone: tzinfo) -> int:
    text = cells[column].strip()
    try:
        return parse_time(text, zone)
    except ClockChangeError:
        raise ValueError(
            f"{column} {text} is a time that the clocks of {zone} showed twice or never; give the offset that the "
            "file has, such as --time-zone UTC+2"
        ) from None
    except (ValueError, OverflowError):
        raise ValueError(f"{column} {text[:40]!r} is no time like 2023-01-31 12:00:00") from None
