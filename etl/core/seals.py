"""Seals: the orders of one day as one SHA-256, and the chain that joins the seals of an account.

**The content of a day** is the SHA-256 of its orders in canonical form, one line each, sorted by symbol and order id.
**The canonical form** of an order is a JSON object in UTF-8: keys sorted by code point, no spaces, no escapes that
JSON does not demand. It holds the columns of SEALED_COLUMNS and `raw`, the row as received. A decimal column, and a
time in epoch milliseconds, is a string of its plain digits without trailing zeros; numbers inside `raw` are written
the same way, without quotes. So it depends neither on the version of Postgres nor on how jsonb is stored or shown.

**A seal** is the SHA-256 of the canonical JSON array [version, account, market, day, orders, content, previous,
replaces]. `previous` is the seal made before it for the account and market, so each seal vouches for all earlier ones.
`replaces` is the former seal of the same day, where an order of a sealed day was corrected.
"""

import itertools
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from hashlib import sha256

VERSION = 1
"""The version of the canonical form. Another set of columns needs another version: old seals are read by theirs."""

FIRST = "0" * 64
"""What stands for the previous seal where there is none."""

SEALED_COLUMNS = (
    *("symbol", "order_id", "client_order_id", "status", "side", "position_side", "type", "orig_type"),
    *("time_in_force", "working_type", "price", "avg_price", "stop_price", "orig_qty", "executed_qty", "cum_quote"),
    *("reduce_only", "close_position", "close_type", "order_time", "update_time"),
)
"""Of version 1. A column that came later is not among them: `raw` has what the exchange sent for it."""

DEEPEST = 200
"""Levels of nesting up to which a row is read. Of a deeper one, which no exchange ever sent, the text is sealed."""

_LONGEST_INT = 4_000
"""Digits that Python converts to an int; it refuses more than 4,300."""

_STRING = re.compile(r'"(?:[^"\\]|\\.)*"')

_encode = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode


@dataclass(frozen=True, slots=True)
class Seal:
    """What a seal is made of; `content` and the names of other seals are hexadecimal digests."""

    account: str
    market: str
    day: date
    orders: int
    content: str
    previous: str
    replaces: str | None = None
    version: int = VERSION

    @property
    def digest(self) -> str:
        day = self.day.isoformat()
        about = [self.version, self.account, self.market, day, self.orders, self.content, self.previous, self.replaces]
        return sha256(_encode(about).encode()).hexdigest()


class Content:
    """The content of a day, from its orders in canonical form, sorted by symbol and order id."""

    def __init__(self, orders: Iterable[str] = ()) -> None:
        self.orders = 0
        self._sha256 = sha256()
        for order in orders:
            self.add(order)

    def add(self, order: str) -> None:
        self.add_lines(f"{order}\n".encode())

    def add_lines(self, orders: bytes) -> None:
        """Orders that follow the ones so far, each with the end of its line."""
        self.orders += orders.count(b"\n")
        self._sha256.update(orders)

    @property
    def digest(self) -> str:
        return self._sha256.hexdigest()


class UnreadRow(str):
    """The JSON text of a row that is nested too deeply to be read."""


def row_of(raw: str) -> object:
    """A row as received, from its JSON text. Numbers stay exact."""
    if raw.count("{") + raw.count("[") > DEEPEST and _depth(raw) > DEEPEST:
        return UnreadRow(raw)
    return _decode(raw)


def canonical(columns: Mapping[str, object], row: object) -> str:
    """One order in canonical form: its columns by name, and its row as `row_of` reads it."""
    values = {name: columns[name] for name in SEALED_COLUMNS}
    for name, value in values.items():
        if isinstance(value, Decimal):
            values[name] = _digits(value)
    values["raw"] = row
    try:
        return _encode(values)
    except TypeError:  # a number with a fraction, which the encoder does not know: no such row was ever observed
        return _spelled(values)


def first_broken_link(chain: Iterable[tuple[Seal, str]]) -> tuple[Seal, str] | None:
    """The first seal that does not fit, and why. `chain`: all of an account and market with their stored digests."""
    previous, newest = FIRST, dict[date, str]()
    for seal, digest in chain:
        if seal.digest != digest:
            return seal, "its digest is not that of its own columns"
        if seal.previous != previous:
            return seal, "it does not follow the seal before it: a seal is missing or was changed"
        if seal.replaces != newest.get(seal.day):
            return seal, "it does not name the former seal of its day"
        previous = newest[seal.day] = digest
    return None


def _depth(raw: str) -> int:
    steps = ((bracket in "{[") - (bracket in "]}") for bracket in _STRING.sub("", raw))
    return max(itertools.accumulate(steps))


def _integer(digits: str) -> int | Decimal:
    return int(digits) if len(digits) < _LONGEST_INT else Decimal(digits)


_decode = json.JSONDecoder(parse_float=Decimal, parse_int=_integer).decode


def _digits(number: Decimal) -> str:
    """`0.5` for 0.500 and 5E-1: one text for one value."""
    if not number:
        return "0"
    plain = format(number, "f")
    return plain.rstrip("0").rstrip(".") if "." in plain else plain


def _spelled(value: object) -> str:
    """As the encoder writes it, with exact numbers."""
    if isinstance(value, dict):
        return "{" + ",".join(f"{_encode(key)}:{_spelled(item)}" for key, item in sorted(value.items())) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(_spelled, value)) + "]"
    return _digits(value) if isinstance(value, Decimal) else _encode(value)
