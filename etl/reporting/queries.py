"""Reads the report from its views. Postgres aggregates, so that a million orders need little memory here.

A span may begin and end at any millisecond. So sums come from report_force_orders, not from report_daily with its whole
days.
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
from etl.errors import ConfigError
from etl.store.engine import store_errors

SYMBOLS_NAMED = 60
"""The symbols with the most orders have a name; the others share one."""
BIN_BPS = 5
CASCADES_SHOWN = 500
LARGEST_OVERALL = 50
LARGEST_PER_SYMBOL = 5
"""For each account and symbol."""


class Daily(NamedTuple):
    account: str
    symbol: str
    quote_asset: str | None
    close_type: str
    day: date
    orders: int
    notional: Decimal | None
    """In the quote asset; None if it is unknown for every order."""


class Slippage(NamedTuple):
    account: str
    symbol: str
    lower_edge: int
    """Of a bin of width BIN_BPS, basis points; positive is worse for the account."""
    orders: int


class Hour(NamedTuple):
    account: str
    symbol: str
    weekday: int
    """0 is Monday; UTC, like the hour."""
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


class DayCoverage(NamedTuple):
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
    """Everything that a report shows. Times are epoch milliseconds, days are UTC."""

    generated_at: int
    span: Window
    retention_days: int | None
    """How long the exchange keeps orders; None: no limit."""
    accounts: Sequence[str]
    symbols: Sequence[str]
    """At most SYMBOLS_NAMED, sorted; if there are more, a last name stands for all others."""
    daily: Sequence[Daily]
    slippage: Sequence[Slippage]
    hours: Sequence[Hour]
    cascades: Sequence[Cascade]
    """Cascades of two or more orders: the CASCADES_SHOWN largest, oldest first."""
    coverage: Sequence[DayCoverage]
    largest: Sequence[Largest]

    @property
    def orders(self) -> int:
        return sum(row.orders for row in self.daily)

    def as_json(self) -> dict[str, Any]:
        """For the page: names as indexes, decimals as text with all digits, times as ISO 8601.

        An order id is text as well: it may have more digits than a JavaScript number.
        """
        assets = sorted({row.quote_asset for row in self.daily if row.quote_asset is not None})
        account, symbol, kind = _indexes(self.accounts), _indexes(self.symbols), _indexes(tuple(CloseType))
        asset = _indexes(assets) | {None: None}
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
    """Every account with a recorded request or an order, sorted."""
    with store_errors():
        found = connection.scalars(text(_ACCOUNTS)).all()
        connection.rollback()
    return sorted(found)


def select_accounts(connection: Connection, names: Sequence[str]) -> list[str]:
    """The accounts named, or all that are stored; raises ConfigError for a name that is not stored."""
    stored = stored_accounts(connection)
    for name in names:
        if name not in stored:
            known = f"it holds {', '.join(stored)}" if stored else "nothing is stored yet"
            raise ConfigError(f"there is no account {name!r} in the database; {known}")
    return sorted(set(names)) or stored


def first_day(connection: Connection, accounts: Sequence[str]) -> int | None:
    """The start, in epoch milliseconds, of the first day that is covered, was requested or has an order; else None."""
    with store_errors():
        first = connection.scalar(text(_FIRST_DAY), {"accounts": list(accounts)})
        connection.rollback()
    return None if first is None else to_millis(first)


def read_report(connection: Connection, span: Window, accounts: Sequence[str], rules: Rules) -> ReportData:
    """The report of these accounts and this span, all as of one instant. Raises StoreError."""
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
            coverage=[DayCoverage._make(row) for row in rows(_COVERAGE)],
            largest=[
                Largest(*row[:-1]) for row in rows(_LARGEST, overall=LARGEST_OVERALL, per_symbol=LARGEST_PER_SYMBOL)
            ],
        )
        connection.rollback()
    return data


_ACCOUNTS = "SELECT account FROM report_coverage UNION SELECT account FROM report_force_orders"
# One subquery for each account: for the minimum of several accounts Postgres does not use the index.
_FIRST_DAY = """
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
# The same rows as report_cascades (a test compares them), but in one pass, which is faster for years of orders, and
# without a join, which the planner misjudges for rows that were just stored and have no statistics yet.
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
    (SELECT * FROM ranked ORDER BY notional DESC NULLS LAST, order_time, account, symbol, order_id LIMIT :overall)
    UNION
    SELECT * FROM ranked WHERE place <= :per_symbol
    ORDER BY notional DESC NULLS LAST, order_time, account, symbol, order_id
"""


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
