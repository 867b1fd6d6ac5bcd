"""What the exchange says of itself in `exchangeInfo`, and in the text of a 429: its instruments and its weight limit.

Pure. Sources: Binance's pages "Exchange Information" and "Get All Cross Margin Pairs", and its error -1003.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal

import msgspec

from etl.core.instruments import Instrument
from etl.core.markets.market import FUTURES
from etl.core.timeline import DAY, HOUR, MINUTE, SECOND
from etl.errors import ContractError, TransientError
from etl.exchange.row_types import LONGEST_NAME

LEAST, GREATEST = FUTURES.of_all, 10_000_000
"""A limit outside of these is not believed: below the first not even one request would be allowed."""

_INTERVALS = {"SECOND": SECOND, "MINUTE": MINUTE, "HOUR": HOUR, "DAY": DAY}

NEVER = 4_133_404_800_000
"""The delivery date of a perpetual contract: Christmas 2100, epoch milliseconds."""

LARGEST_EXPONENT = 60
"""Of ten, in the size of a contract, and far inside of what the database keeps."""

_IN_TEXT = re.compile(
    r"current limit (?:of IP\([^)]*\) )?is ([0-9]{1,12}) (?:requests?|request weight) per (?:([0-9]{1,6}) )?(\w+?)s?\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class ExchangeInfo:
    """The part of `exchangeInfo` that is used. None: the response does not say it."""

    symbols: frozenset[str] | None = None
    weight_limit: int | None = None
    """Weight per minute and IP address."""
    instruments: tuple[Instrument, ...] | None = None


class _RateLimit(msgspec.Struct, rename="camel"):
    rate_limit_type: str = ""
    interval: str = ""
    interval_num: int = 1
    limit: int = 0


class _Symbol(msgspec.Struct):
    symbol: str


class _Instrument(msgspec.Struct, rename="camel"):
    symbol: str
    base_asset: str | None = None
    quote_asset: str | None = None
    margin_asset: str | None = None
    pair: str | None = None
    contract_type: str | None = None
    contract_size: Decimal | None = None
    delivery_date: int | None = None
    status: str | None = None
    contract_status: str | None = None


class _Pair(msgspec.Struct):
    symbol: str
    base: str | None = None
    quote: str | None = None


class _Body(msgspec.Struct, rename="camel"):
    rate_limits: msgspec.Raw = msgspec.Raw(b"[]")
    symbols: msgspec.Raw = msgspec.Raw(b"[]")


_body = msgspec.json.Decoder(_Body)
_rate_limits = msgspec.json.Decoder(list[_RateLimit])
_symbols = msgspec.json.Decoder(list[_Symbol])
_instruments = msgspec.json.Decoder(list[_Instrument])
_pairs = msgspec.json.Decoder(list[_Pair])


def read_exchange_info(body: bytes) -> ExchangeInfo:
    """Decodes two keys of a body that may have over 1 MB. An odd value of one does not spoil the other.

    Raises TransientError where the body is not JSON (it may be cut off), ContractError where it is not an object.
    """
    try:
        found = _body.decode(body)
    except msgspec.ValidationError:
        raise ContractError("the exchange answered with JSON of an undocumented shape") from None
    except (msgspec.DecodeError, RecursionError):
        raise TransientError("the exchange's response is cut off or unreadable") from None
    return ExchangeInfo(_names(found.symbols), _weight_limit(found.rate_limits), _listed(found.symbols))


def read_margin_pairs(body: bytes) -> ExchangeInfo:
    """The pairs of the margin market, which has no `exchangeInfo`. Raises the errors of `read_exchange_info`."""
    try:
        found = _pairs.decode(body)
    except msgspec.ValidationError:
        raise ContractError("the exchange answered with JSON of an undocumented shape") from None
    except (msgspec.DecodeError, RecursionError):
        raise TransientError("the exchange's response is cut off or unreadable") from None
    listed = tuple(Instrument(one.symbol, one.base or None, one.quote or None) for one in found)
    return ExchangeInfo(frozenset(one.symbol for one in listed) or None, instruments=_storable(listed))


def _names(listed: msgspec.Raw) -> frozenset[str] | None:
    try:
        return frozenset(entry.symbol for entry in _symbols.decode(listed)) or None
    except (msgspec.DecodeError, RecursionError):
        return None


def _listed(symbols: msgspec.Raw) -> tuple[Instrument, ...] | None:
    """None if any of them is odd: one that is left out would count as delisted."""
    try:
        found: Sequence[_Instrument] = _instruments.decode(symbols)
    except (msgspec.DecodeError, RecursionError):
        return None
    return _storable(tuple(_instrument(one) for one in found))


def _storable(listed: tuple[Instrument, ...]) -> tuple[Instrument, ...] | None:
    """The list; None if the database cannot keep one of it."""
    return listed if listed and all(map(_is_storable, listed)) else None


def _is_storable(one: Instrument) -> bool:
    names = [one.symbol, one.base_asset, one.quote_asset, one.margin_asset, one.pair, one.contract_type, one.status]
    has_room = one.contract_size is None or abs(one.contract_size.adjusted()) <= LARGEST_EXPONENT
    return has_room and len(one.symbol) <= LONGEST_NAME and not any("\0" in name for name in names if name)


def _instrument(one: _Instrument) -> Instrument:
    has_size = one.contract_size is not None and one.contract_size.is_finite() and one.contract_size > 0
    expires = one.delivery_date is not None and 0 < one.delivery_date < NEVER
    return Instrument(
        one.symbol,
        one.base_asset or None,
        one.quote_asset or None,
        one.margin_asset or None,
        one.pair or None,
        one.contract_type or None,
        one.contract_size if has_size else None,
        one.delivery_date if expires else None,
        one.status or one.contract_status or None,
    )


def _weight_limit(listed: msgspec.Raw) -> int | None:
    try:
        rules = _rate_limits.decode(listed)
    except (msgspec.DecodeError, RecursionError):
        return None
    weights = (rule for rule in rules if rule.rate_limit_type == "REQUEST_WEIGHT")
    return _strictest(_per_minute(rule.limit, rule.interval_num, rule.interval) for rule in weights)


def weight_limit_in(message: str) -> int | None:
    """The weight per minute that the text of a 429 names; None where it names none.

    For instance "Too many requests; current limit of IP(1.2.3.4) is 2400 requests per minute."
    """
    return _strictest(
        _per_minute(int(limit), int(count or 1), unit) for limit, count, unit in _IN_TEXT.findall(message)
    )


def _per_minute(limit: int, count: int, unit: str) -> int | None:
    interval = count * _INTERVALS.get(unit.upper(), 0)
    return limit * MINUTE // interval if interval > 0 else None


def _strictest(limits: Iterable[int | None]) -> int | None:
    return min((limit for limit in limits if limit is not None and LEAST <= limit <= GREATEST), default=None)
