"""The market price of a symbol, and its mark price minute by minute: both depend on the instant only, on no seed."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from math import sin
from typing import Any

from etl.simulator.clock import MINUTE_MS
from etl.simulator.instruments import Instrument
from etl.simulator.scenario import DAY_MS, Scenario

DEFAULT_KLINES = 500
GREATEST_KLINES = 1500
WICK = 0.0002  # how far a minute reaches beyond the levels at its ends
EIGHT_PLACES = Decimal("0.00000001")
SECONDS = 60  # how many mark prices make one minute


@dataclass(frozen=True, slots=True)
class KlineQuery:
    """The request with its defaults filled in; both ends are inclusive and hold the open times of minutes.

    `kept`: which minutes remain when more match than the limit allows.
    """

    instrument: Instrument
    start_ms: int
    end_ms: int
    limit: int
    keeps_newest: bool


def level(instrument: Instrument, time_ms: int) -> float:
    """The market price around an instant: slow waves that depend on the instant only."""
    day = time_ms / DAY_MS
    phase = len(instrument.symbol) + instrument.price_decimals
    return instrument.price * (1 + 0.12 * sin(day / 17 + phase) + 0.04 * sin(day * 1.9 + 2 * phase))


def klines(query: KlineQuery) -> list[list[Any]]:
    """The rows of the response, oldest first."""
    first = -(-query.start_ms // MINUTE_MS)
    last = query.end_ms // MINUTE_MS
    if query.keeps_newest:
        first = max(first, last - query.limit + 1)
    last = min(last, first + query.limit - 1)
    return [_kline(query.instrument, minute * MINUTE_MS) for minute in range(first, last + 1)]


def kline_price(_scenario: Scenario, params: Mapping[str, str]) -> int:
    """The weight, which the limit decides."""
    text = params.get("limit", "")
    limit = int(text) if text.isascii() and text.isdigit() else DEFAULT_KLINES
    return 1 if limit < 100 else 2 if limit < 500 else 5 if limit <= 1000 else 10


def _kline(instrument: Instrument, open_ms: int) -> list[Any]:
    close_ms = open_ms + MINUTE_MS - 1
    opened, middle, closed = (level(instrument, at) for at in (open_ms, open_ms + MINUTE_MS // 2, close_ms))
    high, low = max(opened, middle, closed) * (1 + WICK), min(opened, middle, closed) * (1 - WICK)
    return [
        open_ms,
        f"{opened:.8f}",
        str(Decimal(high).quantize(EIGHT_PLACES, ROUND_CEILING)),
        str(Decimal(low).quantize(EIGHT_PLACES, ROUND_FLOOR)),
        f"{closed:.8f}",
        "0",
        close_ms,
        "0",
        SECONDS,
        "0",
        "0",
        "0",
    ]
