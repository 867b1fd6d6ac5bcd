"""The rows of a report, and the JSON that its page contains."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any, NamedTuple

from etl.core.market_choice import sort_markets
from etl.core.orders import CloseType
from etl.core.timeline import Window, to_datetime, to_millis

SYMBOLS_NAMED = 60
"""The symbols with the most orders have a name; the others share one."""
BIN_BPS = 5
CASCADES_SHOWN = 500


class Daily(NamedTuple):
    account: str
    market: str
    symbol: str
    quote_asset: str | None
    close_type: str
    day: date
    orders: int
    notional: Decimal | None
    """In the quote asset; None if it is unknown for every order."""


class Improvement(NamedTuple):
    account: str
    market: str
    symbol: str
    lower_edge: int
    """Of a bin of width BIN_BPS, basis points; positive is better for the account than the order's price."""
    orders: int


class Hour(NamedTuple):
    account: str
    market: str
    symbol: str
    weekday: int
    """0 is Monday; in the report's time zone, like the hour."""
    hour: int
    orders: int


class Cascade(NamedTuple):
    account: str
    market: str
    started_at: datetime
    seconds: float
    orders: int
    symbols: int
    notional_by_asset: Mapping[str, str | None]
    """Exact decimals as text; None if it is unknown for every order. `unknown` stands for assets unheard of."""
    peak_orders_per_second: int


class DayCoverage(NamedTuple):
    account: str
    market: str
    day: date
    coverage: str
    """proven, archived, quarantined, partly, not or never asked."""
    reasons: str | None
    orders: int
    starts_at: datetime
    """Its first instant, which in a time zone is not always a midnight."""


class Largest(NamedTuple):
    account: str
    market: str
    symbol: str
    order_id: int
    order_time: datetime
    close_type: str
    position_closed: str | None
    quantity_filled: Decimal | None
    average_price: Decimal | None
    notional: Decimal | None
    quote_asset: str | None
    improvement_bps: Decimal | None


class Reconciled(NamedTuple):
    """How many days have a verdict of a reconciliation."""

    verdict: str
    days: int
    orders: str | None
    """The disputed orders, in words."""


@dataclass(frozen=True)
class ReportData:
    """Everything that a report shows. Times are epoch milliseconds; days are those of the time zone."""

    generated_at: int
    span: Window
    time_zone: str
    retention_days: int | None
    """How long the exchange keeps orders; None: no limit."""
    accounts: Sequence[str]
    symbols: Sequence[str]
    """At most SYMBOLS_NAMED, sorted; if there are more, a last name stands for all others."""
    daily: Sequence[Daily]
    improvements: Sequence[Improvement]
    hours: Sequence[Hour]
    cascades: Sequence[Cascade]
    """Cascades of two or more orders: the CASCADES_SHOWN largest, oldest first."""
    coverage: Sequence[DayCoverage]
    largest: Sequence[Largest]
    reconciled: Sequence[Reconciled] = ()
    """Not on the page."""

    @property
    def orders(self) -> int:
        return sum(row.orders for row in self.daily)

    @property
    def markets(self) -> Sequence[str]:
        """Those with an order or a covered day, in the order in which markets are shown."""
        return sort_markets({row.market for row in self.daily} | {row.market for row in self.coverage})

    def as_json(self) -> dict[str, Any]:
        """For the page: names as indexes, decimals as text with all digits, times as ISO 8601.

        An order id is text as well: it may have more digits than a JavaScript number.
        """
        assets = sorted({row.quote_asset for row in self.daily if row.quote_asset is not None})
        account, market, symbol = _indexes(self.accounts), _indexes(self.markets), _indexes(self.symbols)
        kind = _indexes(tuple(CloseType))
        asset = _indexes(assets) | {None: None}
        return {
            "generated_at": _instant(self.generated_at),
            "since": _instant(self.span.start),
            "until": _instant(self.span.end),
            "time_zone": self.time_zone,
            "retention_days": self.retention_days,
            "accounts": list(self.accounts),
            "markets": list(self.markets),
            "symbols": list(self.symbols),
            "quote_assets": assets,
            "close_types": [close_type.value for close_type in CloseType],
            "daily": [
                [account[one], market[where], symbol[of], asset[quoted], kind[why], *_plain(rest)]
                for one, where, of, quoted, why, *rest in self.daily
            ],
            "improvements": {
                "bin_bps": BIN_BPS,
                "rows": [
                    [account[row.account], market[row.market], symbol[row.symbol], *row[3:]]
                    for row in self.improvements
                ],
            },
            "hours": [[account[row.account], market[row.market], symbol[row.symbol], *row[3:]] for row in self.hours],
            "cascades": [[account[row.account], market[row.market], *_plain(row[2:])] for row in self.cascades],
            "coverage": [[account[row.account], market[row.market], *_plain(row[2:-1])] for row in self.coverage],
            "day_starts": {row.day.isoformat(): _instant(to_millis(row.starts_at)) for row in self.coverage},
            "largest": [
                [account[row.account], market[row.market], row.symbol, str(row.order_id), *_plain(row[4:])]
                for row in self.largest
            ],
        }


def _indexes(names: Sequence[str]) -> dict[str | None, int | None]:
    return {name: index for index, name in enumerate(names)}


def _plain(values: Sequence[Any]) -> list[Any]:
    return [write(value) if (write := _WRITERS.get(type(value))) else value for value in values]


def _instant(instant: int) -> str:
    return to_datetime(instant).replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"


_WRITERS: dict[type, Callable[[Any], str]] = {
    datetime: lambda moment: _instant(to_millis(moment)),
    date: date.isoformat,
    Decimal: "{:f}".format,
}
