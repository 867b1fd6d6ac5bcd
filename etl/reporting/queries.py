"""What the report shows, read from the report's views: summed up by Postgres, so that a million orders stay small here.

Sums are of the orders of the span alone, to the millisecond; therefore they are taken of report_force_orders even where
report_daily has them for whole days.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any, NamedTuple

from sqlalchemy import Connection, text

from etl.core.orders import CloseType
from etl.core.planning import Rules
from etl.core.text import many
from etl.core.timeline import DAY, Window, to_datetime, to_millis
from etl.store.engine import store_errors

SYMBOLS_NAMED = 60
"""The symbols of the most orders; all others share one name."""
BIN_BPS = 5
CASCADES_SHOWN = 500
LARGEST_OF_ALL = 50
LARGEST_OF_EACH = 5
"""Of each symbol of an account."""


class Daily(NamedTuple):
    account: str
    symbol: str
    quote_asset: str | None
    close_type: str
    day: date
    orders: int
    notional: Decimal | None
    """In the quote asset; None where no order's is known."""


class Slippage(NamedTuple):
    account: str
    symbol: str
    lower_edge: int
    """Of a bin of BIN_BPS, in hundredths of a percent; positive is worse for the account."""
    orders: int


class Hour(NamedTuple):
    account: str
    symbol: str
    weekday: int
    """0 is Monday; UTC, as the hour is."""
    hour: int
    orders: int


class Cascade(NamedTuple):
    account: str
    started_at: datetime
    seconds: float
    orders: int
    symbols: int
    notional: Decimal | None
    quote_assets: str | None
    peak_orders_per_second: int


class Covered(NamedTuple):
    account: str
    day: date
    coverage: str
    """proven, partly or not."""
    reasons: str | None
    orders: int


class Largest(NamedTuple):
    account: str
    symbol: str
    order_id: int
    order_time: datetime
    close_type: str
    position_closed: str | None
    quantity_filled: Decimal | None
    average_price: Decimal | None
    notional: Decimal | None
    quote_asset: str | None
    slippage_bps: Decimal | None


@dataclass(frozen=True)
class ReportData:
    """Everything that a report shows. Times are epoch milliseconds, days of UTC."""

    generated_at: int
    span: Window
    retention_days: int | None
    """What the exchange keeps; None: no limit."""
    accounts: Sequence[str]
    symbols: Sequence[str]
    """Sorted; at most SYMBOLS_NAMED, and where there are more a last name that the others share."""
    daily: Sequence[Daily]
    slippage: Sequence[Slippage]
    hours: Sequence[Hour]
    cascades: Sequence[Cascade]
    """Of two or more orders; the largest, oldest first."""
    coverage: Sequence[Covered]
    largest: Sequence[Largest]

    @property
    def orders(self) -> int:
        return sum(row.orders for row in self.daily)

    def as_json(self) -> dict[str, Any]:
        """For the page: names as index numbers, decimals as text with exactly their digits, times as ISO 8601.

        An order's id is text as well: it may have more digits than a number of JavaScript holds.
        """
        assets = sorted({row.quote_asset for row in self.daily if row.quote_asset is not None})
        account, symbol, kind = _places(self.accounts), _places(self.symbols), _places(tuple(CloseType))
        asset = _places(assets) | {None: None}
        return {
            "generated_at": _instant(self.generated_at),
            "since": _instant(self.span.start),
            "until": _instant(self.span.end),
            "retention_days": self.retention_days,
            "accounts": list(self.accounts),
            "symbols": list(self.symbols),
            "quote_assets": assets,
            "close_types": [close_type.value for close_type in CloseType],
            "daily": [
                [account[one], symbol[of], asset[quoted], kind[why], *_plain(rest)]
                for one, of, quoted, why, *rest in self.daily
            ],
            "slippage": {
                "bin_bps": BIN_BPS,
                "rows": [[account[row.account], symbol[row.symbol], *row[2:]] for row in self.slippage],
            },
            "hours": [[account[row.account], symbol[row.symbol], *row[2:]] for row in self.hours],
            "cascades": [[account[row.account], *_plain(row[1:])] for row in self.cascades],
            "coverage": [[account[row.account], *_plain(row[1:])] for row in self.coverage],
            "largest": [
                [account[row.account], row.symbol, str(row.order_id), *_plain(row[3:])] for row in self.largest
            ],
        }


def stored_accounts(connection: Connection) -> list[str]:
    """Every account that was ever asked for or has an order, sorted."""
    with store_errors():
        found = connection.scalars(text(_ACCOUNTS)).all()
        connection.rollback()
    return sorted(found)


def beginning(connection: Connection, accounts: Sequence[str]) -> int | None:
    """The begin of the first day that is covered, was asked for or has an order; None where there is no such day."""
    with store_errors():
        first = connection.scalar(text(_BEGINNING), {"accounts": list(accounts)})
        connection.rollback()
    return None if first is None else to_millis(first)


def read_report(connection: Connection, span: Window, accounts: Sequence[str], rules: Rules) -> ReportData:
    """Everything of these accounts in `span`, as it stood at one instant. Raises StoreError."""
    scope = {
        "accounts": list(accounts),
        "since": to_datetime(span.start),
        "until": to_datetime(span.end),
        "first_day": to_datetime(span.start).date(),
        "last_day": to_datetime(span.end - 1).date(),
    }

    def rows(query: str, **values: object) -> Sequence[Any]:
        return connection.execute(text(query), scope | values).all()

    with store_errors():
        connection.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY"))
        by_orders = [row.symbol for row in rows(_SYMBOLS)]
        named, others = sorted(by_orders[:SYMBOLS_NAMED]), by_orders[SYMBOLS_NAMED:]
        names = {"named": named, "others": (shared := f"others ({many(len(others), 'symbol')})")}
        data = ReportData(
            generated_at=rules.now,
            span=span,
            retention_days=None if rules.keeps is None else rules.keeps // DAY,
            accounts=sorted(accounts),
            symbols=[*named, shared] if others else named,
            daily=[Daily._make(row) for row in rows(_DAILY, **names)],
            slippage=[
                Slippage(row.account, row.symbol, int(row.lower_edge), row.orders)
                for row in rows(_SLIPPAGE, **names, bin=BIN_BPS)
            ],
            hours=[Hour._make(row) for row in rows(_HOURS, **names)],
            cascades=[Cascade._make(row) for row in rows(_CASCADES, shown=CASCADES_SHOWN)],
            coverage=[Covered._make(row) for row in rows(_COVERAGE)],
            largest=[Largest(*row[:-1]) for row in rows(_LARGEST, of_all=LARGEST_OF_ALL, of_each=LARGEST_OF_EACH)],
        )
        connection.rollback()
    return data


_ACCOUNTS = "SELECT account FROM report_coverage UNION SELECT account FROM report_force_orders"
# The first order of each account by itself: for the first of several the index is of no use.
_BEGINNING = """
    SELECT timezone('UTC', least(
               (SELECT min(day) FROM report_coverage WHERE account = ANY(:accounts)),
               (SELECT timezone('UTC', min((SELECT min(order_time) FROM report_force_orders WHERE account = chosen)))
                  FROM unnest(CAST(:accounts AS text[])) AS chosen)::date
           )::timestamp)
"""
_SYMBOLS = """
    SELECT symbol FROM report_force_orders
     WHERE account = ANY(:accounts) AND order_time >= :since AND order_time < :until
     GROUP BY symbol ORDER BY count(*) DESC, symbol COLLATE "C"
"""
_DAILY = """
    SELECT account, CASE WHEN symbol = ANY(:named) THEN symbol ELSE :others END AS symbol, quote_asset, close_type,
           timezone('UTC', order_time)::date AS day, count(*) AS orders, sum(notional) AS notional
      FROM report_force_orders
     WHERE account = ANY(:accounts) AND order_time >= :since AND order_time < :until
     GROUP BY 1, 2, 3, 4, 5 ORDER BY 5, 1, 2, 4, 3
"""
_SLIPPAGE = """
    SELECT account, CASE WHEN symbol = ANY(:named) THEN symbol ELSE :others END AS symbol,
           floor(slippage_bps / :bin) * :bin AS lower_edge, count(*) AS orders
      FROM report_force_orders
     WHERE account = ANY(:accounts) AND order_time >= :since AND order_time < :until AND slippage_bps IS NOT NULL
     GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
"""
_HOURS = """
    SELECT account, CASE WHEN symbol = ANY(:named) THEN symbol ELSE :others END AS symbol,
           extract(isodow FROM timezone('UTC', order_time))::int - 1 AS weekday,
           extract(hour FROM timezone('UTC', order_time))::int AS hour, count(*) AS orders
      FROM report_force_orders
     WHERE account = ANY(:accounts) AND order_time >= :since AND order_time < :until
     GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4
"""
# As report_cascades has them (a test holds the two equal), but in one pass, the quicker way where it is years, and
# without a join, which the planner misjudges for a history read just now: Postgres has no statistics of it yet.
_CASCADES = """
    WITH neighbours AS (
        SELECT account, market, symbol, order_time, notional, quote_asset,
               lag(order_time) OVER (PARTITION BY account, market ORDER BY order_time) AS before
          FROM report_force_orders
         WHERE account = ANY(:accounts) AND order_time >= :since - report_cascade_pause()
    ), numbered AS (
        SELECT *, count(*) FILTER (WHERE before IS NULL OR before < order_time - report_cascade_pause())
                  OVER (PARTITION BY account, market ORDER BY order_time) AS cascade
          FROM neighbours
    ), sized AS (
        SELECT *, count(*) OVER of_cascade AS orders, min(order_time) OVER of_cascade AS started_at,
               count(*) OVER (PARTITION BY account, market, cascade, date_trunc('second', order_time)) AS of_second
          FROM numbered
        WINDOW of_cascade AS (PARTITION BY account, market, cascade)
    ), ranked AS (
        SELECT *, dense_rank() OVER (ORDER BY orders DESC, started_at DESC, account, market) AS place
          FROM sized WHERE orders > 1 AND started_at >= :since AND started_at < :until
    )
    SELECT account, started_at, extract(epoch FROM max(order_time) - started_at)::float8 AS seconds, orders,
           count(DISTINCT symbol), sum(notional), string_agg(DISTINCT quote_asset, ', '), max(of_second)
      FROM ranked WHERE place <= :shown
     GROUP BY account, market, started_at, orders ORDER BY started_at, account
"""
_COVERAGE = """
    SELECT account, day, coverage, reasons, orders FROM report_coverage
     WHERE account = ANY(:accounts) AND day BETWEEN :first_day AND :last_day ORDER BY account, day
"""
_LARGEST = """
    WITH ranked AS (
        SELECT account, symbol, order_id, order_time, close_type, position_closed, quantity_filled, average_price,
               notional, quote_asset, slippage_bps, row_number() OVER (
                   PARTITION BY account, symbol ORDER BY notional DESC NULLS LAST, order_time, order_id) AS place
          FROM report_force_orders
         WHERE account = ANY(:accounts) AND order_time >= :since AND order_time < :until
    )
    (SELECT * FROM ranked ORDER BY notional DESC NULLS LAST, order_time, account, symbol, order_id LIMIT :of_all)
    UNION
    SELECT * FROM ranked WHERE place <= :of_each
    ORDER BY notional DESC NULLS LAST, order_time, account, symbol, order_id
"""


def _places(names: Sequence[str]) -> dict[str | None, int | None]:
    return {name: place for place, name in enumerate(names)}


def _plain(values: Sequence[Any]) -> list[Any]:
    return [write(value) if (write := _WRITERS.get(type(value))) else value for value in values]


def _instant(instant: int) -> str:
    return to_datetime(instant).replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"


_WRITERS: dict[type, Callable[[Any], str]] = {
    datetime: lambda moment: _instant(to_millis(moment)),
    date: date.isoformat,
    Decimal: "{:f}".format,
}
