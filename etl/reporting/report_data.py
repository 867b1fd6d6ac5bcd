"""The rows of a report, and the JSON that its page contains."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any, NamedTuple

from etl.core.completeness import DayState, Verdict
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
    quote_asset: str | None
    close_type: str
    lower_edge: int
    """Of a bin of width BIN_BPS, basis points; positive is better for the account than the order's price."""
    orders: int


class Hour(NamedTuple):
    account: str
    market: str
    symbol: str
    quote_asset: str | None
    close_type: str
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
    """As in report_coverage: proven, archived, quarantined, partly, not or never asked."""
    reasons: str | None
    orders: int
    starts_at: datetime
    """Its first instant, which in a time zone is not always a midnight."""
    state: DayState
    """What `force-orders complete` says of it."""


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
    cost_by_asset: Mapping[str, str] | None = None
    """What it changed in the wallet, negative where that was lost; None if it is not known in full."""


class Cost(NamedTuple):
    """What orders of a month changed in the wallet, in one asset: negative is lost or paid."""

    account: str
    market: str
    symbol: str
    quote_asset: str | None
    """Of the orders: by it they are chosen."""
    close_type: str
    month: str
    asset: str
    """Of the amounts; `unknown` where the exchange names none."""
    realized_pnl: Decimal | None
    commission: Decimal | None
    clearance_fee: Decimal | None
    """None where nothing of the kind is known."""


class CostState(NamedTuple):
    """How many orders of a month have costs that are known, or why they are not."""

    account: str
    market: str
    symbol: str
    quote_asset: str | None
    close_type: str
    month: str
    incomplete_because: str | None
    """None: they are known in full."""
    orders: int


class ChoiceVerdict(NamedTuple):
    """The answer of `force-orders complete` for a choice of account and market; None: all of them."""

    account: str | None
    market: str | None
    verdict: Verdict


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
    """Cascades of two or more orders: the CASCADES_SHOWN largest of each account and market, oldest first."""
    coverage: Sequence[DayCoverage]
    largest: Sequence[Largest]
    verdicts: Sequence[ChoiceVerdict]
    """Of all accounts and markets, and of each of them."""
    costs: Sequence[Cost] = ()
    cost_states: Sequence[CostState] = ()
    """Both empty: no fill and no income was ever read."""
    reconciled: Sequence[Reconciled] = ()
    """Not on the page."""

    @property
    def orders(self) -> int:
        return sum(row.orders for row in self.daily)

    @property
    def verdict(self) -> Verdict:
        """Whether the span's days are complete, of all its accounts and markets."""
        return next(one.verdict for one in self.verdicts if one.account is None and one.market is None)

    @property
    def markets(self) -> Sequence[str]:
        """Those with an order, a covered day or a cost, in the order in which markets are shown."""
        rows: Iterable[Daily | DayCoverage | Cost] = (*self.daily, *self.coverage, *self.costs)
        return sort_markets({row.market for row in rows})

    def as_json(self) -> dict[str, Any]:
        """For the page: names as indexes, decimals as text with all digits, times as ISO 8601.

        An order id is text as well: it may have more digits than a JavaScript number. Rows of one account, market,
        symbol and so on stand together.
        """
        quoted = {row.quote_asset for row in self.daily} | {row.quote_asset for row in self.costs}
        assets = sorted(asset for asset in quoted if asset is not None)
        account, market, symbol = _indexes(self.accounts), _indexes(self.markets), _indexes(self.symbols)
        asset, kind = _indexes(assets), _indexes(tuple(CloseType))

        def cells(row: Daily | Improvement | Hour | Cost | CostState) -> list[Any]:
            chosen = [account[row.account], market[row.market], symbol[row.symbol]]
            return [*chosen, asset[row.quote_asset], kind[row.close_type], *_plain(row[5:])]

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
            "verdicts": [
                [account[one.account], market[one.market], *one.verdict]
                for one in self.verdicts
                if one.market in market
            ],
            "daily": _alike(map(cells, self.daily)),
            "improvements": {"bin_bps": BIN_BPS, "rows": _alike(map(cells, self.improvements))},
            "hours": _alike(map(cells, self.hours)),
            "cascades": [[account[row.account], market[row.market], *_plain(row[2:])] for row in self.cascades],
            "coverage": [
                [account[row.account], market[row.market], f"{row.day}", row.state.value, row.reasons, row.orders]
                for row in self.coverage
            ],
            "day_starts": {row.day.isoformat(): _instant(to_millis(row.starts_at)) for row in self.coverage},
            "costs": _alike(map(cells, self.costs)),
            "cost_states": _alike(map(cells, self.cost_states)),
            "largest": [
                [account[row.account], market[row.market], row.symbol, str(row.order_id), *_plain(row[4:])]
                for row in sorted(self.largest, key=lambda row: (row.account, row.market, row.symbol, row.close_type))
            ],
        }


def _alike(rows: Iterable[list[Any]]) -> list[list[Any]]:
    """Sorted by account, market, symbol, quote asset and close type, so that they pack well."""
    return sorted(rows, key=lambda row: [-1 if cell is None else cell for cell in row[:5]])


def _indexes(names: Sequence[str]) -> dict[str | None, int | None]:
    return {None: None} | {name: index for index, name in enumerate(names)}


def _plain(values: Sequence[Any]) -> list[Any]:
    return [write(value) if (write := _WRITERS.get(type(value))) else value for value in values]


def _instant(instant: int) -> str:
    return to_datetime(instant).replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"


_WRITERS: dict[type, Callable[[Any], str]] = {
    datetime: lambda moment: _instant(to_millis(moment)),
    date: date.isoformat,
    Decimal: "{:f}".format,
}
