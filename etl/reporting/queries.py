"""Reads the report from its views. Postgres aggregates, so that a million orders need little memory here.

A span may begin and end at any millisecond. So sums come from report_force_orders, not from report_daily with its whole
days.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, text

from etl.core.markets import NAMES
from etl.core.planning import Rules
from etl.core.text import many
from etl.core.timeline import DAY, Window, to_datetime, to_millis
from etl.errors import ConfigError
from etl.reporting.report_data import (
    BIN_BPS,
    CASCADES_SHOWN,
    SYMBOLS_NAMED,
    Cascade,
    Daily,
    DayCoverage,
    Hour,
    Improvement,
    Largest,
    Reconciled,
    ReportData,
)
from etl.store.engine import store_errors

NAMES_LISTED = 20
LARGEST_SHOWN = 50
"""Of each account, market, symbol and quote asset: so the fifty largest of any choice of them are among these."""


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
            more = f" and {len(stored) - NAMES_LISTED:,} more" if len(stored) > NAMES_LISTED else ""
            known = f"it holds {', '.join(stored[:NAMES_LISTED])}{more}" if stored else "nothing is stored yet"
            raise ConfigError(f"there is no account {name!r} in the database; {known}")
    return sorted(set(names)) or stored


def first_day(connection: Connection, accounts: Sequence[str], markets: Sequence[str] = ()) -> int | None:
    """The start, in epoch milliseconds, of the first day that is covered, was requested or has an order; else None."""
    with store_errors():
        first = connection.scalar(text(_FIRST_DAY), {"accounts": list(accounts), "markets": list(markets or NAMES)})
        connection.rollback()
    return None if first is None else to_millis(first)


def read_report(
    connection: Connection, span: Window, accounts: Sequence[str], rules: Rules, markets: Sequence[str] = ()
) -> ReportData:
    """The report of these accounts, markets (without any, all) and this span, all as of one instant.

    Raises StoreError.
    """
    scope = {
        "accounts": list(accounts),
        "markets": list(markets or NAMES),
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
            improvements=[
                Improvement(row.account, row.market, row.symbol, int(row.lower_edge), row.orders)
                for row in rows(_IMPROVEMENTS, **names, bin=BIN_BPS)
            ],
            hours=[Hour._make(row) for row in rows(_HOURS, **names)],
            cascades=[Cascade._make(row) for row in rows(_CASCADES, shown=CASCADES_SHOWN)],
            coverage=[DayCoverage._make(row) for row in rows(_COVERAGE)],
            reconciled=[Reconciled._make(row) for row in rows(_RECONCILED)],
            largest=[Largest(*row[:-1]) for row in rows(_LARGEST, **names, shown=LARGEST_SHOWN)],
        )
        connection.rollback()
    return data


_RECONCILED = """
    SELECT verdict, count(*) AS days,
           string_agg(reason, ', ' ORDER BY day, account, market) FILTER (WHERE verdict = 'disputed') AS orders
      FROM reconciliation_days
     WHERE account = ANY(:accounts) AND (market = ANY(:markets)) IS TRUE AND day BETWEEN :first_day AND :last_day
     GROUP BY verdict ORDER BY verdict
"""
# IS TRUE keeps the planner off the primary key, with which it would read the account's whole history.
_ACCOUNTS = "SELECT account FROM effective_coverage UNION SELECT account FROM order_counts WHERE orders > 0"
# One subquery for each account: for the minimum of several accounts Postgres does not use the index.
_FIRST_DAY = """
    SELECT timezone('UTC', least(
               (SELECT min(day) FROM report_coverage
                 WHERE account = ANY(:accounts) AND (market = ANY(:markets)) IS TRUE),
               (SELECT timezone('UTC', min((SELECT min(order_time) FROM report_force_orders
                                             WHERE account = chosen AND (market = ANY(:markets)) IS TRUE)))
                  FROM unnest(CAST(:accounts AS text[])) AS chosen)::date
           )::timestamp)
"""
_SYMBOLS = """
    SELECT symbol FROM report_force_orders
     WHERE account = ANY(:accounts) AND (market = ANY(:markets)) IS TRUE
       AND order_time >= :since AND order_time < :until
     GROUP BY symbol ORDER BY count(*) DESC, symbol COLLATE "C"
"""
_DAILY = """
    SELECT account, market, CASE WHEN symbol = ANY(:named) THEN symbol ELSE :others END AS symbol, quote_asset,
           close_type, timezone('UTC', order_time)::date AS day, count(*) AS orders, sum(notional) AS notional
      FROM report_force_orders
     WHERE account = ANY(:accounts) AND (market = ANY(:markets)) IS TRUE
       AND order_time >= :since AND order_time < :until
     GROUP BY 1, 2, 3, 4, 5, 6 ORDER BY 6, 1, 2, 3, 5, 4
"""
_IMPROVEMENTS = """
    SELECT account, market, CASE WHEN symbol = ANY(:named) THEN symbol ELSE :others END AS symbol,
           floor(improvement_bps / :bin) * :bin AS lower_edge, count(*) AS orders
      FROM report_force_orders
     WHERE account = ANY(:accounts) AND (market = ANY(:markets)) IS TRUE
       AND order_time >= :since AND order_time < :until AND improvement_bps IS NOT NULL
     GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4
"""
_HOURS = """
    SELECT account, market, CASE WHEN symbol = ANY(:named) THEN symbol ELSE :others END AS symbol,
           extract(isodow FROM timezone('UTC', order_time))::int - 1 AS weekday,
           extract(hour FROM timezone('UTC', order_time))::int AS hour, count(*) AS orders
      FROM report_force_orders
     WHERE account = ANY(:accounts) AND (market = ANY(:markets)) IS TRUE
       AND order_time >= :since AND order_time < :until
     GROUP BY 1, 2, 3, 4, 5 ORDER BY 1, 2, 3, 4, 5
"""
# The same rows as report_cascades (a test compares them), but in one pass, which is faster for years of orders, and
# without a join, which the planner misjudges for rows that were just stored and have no statistics yet.
_CASCADES = """
    WITH neighbours AS (
        SELECT account, market, symbol, order_time, notional, quote_asset,
               lag(order_time) OVER (PARTITION BY account, market ORDER BY order_time) AS before
          FROM report_force_orders
         WHERE account = ANY(:accounts) AND (market = ANY(:markets)) IS TRUE
           AND order_time >= :since - report_cascade_pause()
    ), numbered AS (
        SELECT *, count(*) FILTER (WHERE before IS NULL OR before < order_time - report_cascade_pause())
                  OVER (PARTITION BY account, market ORDER BY order_time) AS cascade
          FROM neighbours
    ), sized AS (
        SELECT *, count(*) OVER of_cascade AS orders, min(order_time) OVER of_cascade AS started_at,
               count(*) OVER (PARTITION BY account, market, cascade, date_trunc('second', order_time)) AS of_second,
               sum(notional) OVER (PARTITION BY account, market, cascade, quote_asset) AS of_asset
          FROM numbered
        WINDOW of_cascade AS (PARTITION BY account, market, cascade)
    ), ranked AS (
        SELECT *, dense_rank() OVER (ORDER BY orders DESC, started_at DESC, account, market) AS place
          FROM sized WHERE orders > 1 AND started_at >= :since AND started_at < :until
    )
    SELECT account, market, started_at, extract(epoch FROM max(order_time) - started_at)::float8 AS seconds, orders,
           count(DISTINCT symbol), jsonb_object_agg(coalesce(quote_asset, 'unknown'), of_asset::text), max(of_second)
      FROM ranked WHERE place <= :shown
     GROUP BY account, market, started_at, orders ORDER BY started_at, account, market
"""
# A day without a row in report_coverage was never asked for: the calendar has it all the same.
_COVERAGE = """
    WITH asked AS (
        SELECT account, market, day, coverage, reasons, orders FROM report_coverage
         WHERE account = ANY(:accounts) AND (market = ANY(:markets)) IS TRUE AND day BETWEEN :first_day AND :last_day
    )
    SELECT account, market, day, coalesce(coverage, CASE state WHEN 'never asked' THEN state ELSE 'not' END), reasons,
           coalesce(orders, (SELECT count(*) FROM report_force_orders o
                              WHERE o.account = days.account AND (o.market = days.market) IS TRUE
                                AND o.order_time >= timezone('UTC', day::timestamp)
                                AND o.order_time < timezone('UTC', day::timestamp + interval '1 day')))
      FROM report_completeness(:first_day, :last_day, 'UTC',
                               CASE cardinality(:accounts) WHEN 1 THEN (CAST(:accounts AS text[]))[1] END) AS days
      LEFT JOIN asked USING (account, market, day)
     WHERE account = ANY(:accounts) AND market = ANY(:markets) ORDER BY account, market, day
"""
_LARGEST = """
    WITH ranked AS (
        SELECT account, market, symbol, order_id, order_time, close_type, position_closed, quantity_filled,
               average_price, notional, quote_asset, improvement_bps, row_number() OVER (
                   PARTITION BY account, market, CASE WHEN symbol = ANY(:named) THEN symbol END, quote_asset
                   ORDER BY notional DESC NULLS LAST, order_time, order_id) AS place
          FROM report_force_orders
         WHERE account = ANY(:accounts) AND (market = ANY(:markets)) IS TRUE
           AND order_time >= :since AND order_time < :until
    )
    SELECT * FROM ranked WHERE place <= :shown
     ORDER BY notional DESC NULLS LAST, order_time, account, market, symbol, order_id
"""
