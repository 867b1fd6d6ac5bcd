"""Reads the report from its views. Postgres aggregates, so that a million orders need little memory here.

A span may begin and end at any millisecond, and days may be those of any time zone. So sums come from
report_force_orders, not from report_daily with its whole days of UTC.
"""

from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import Connection, text

from etl.core.completeness import Period
from etl.core.markets import NAMES
from etl.core.planning import Rules
from etl.core.text import many
from etl.core.timeline import DAY, Window, to_datetime, to_millis
from etl.errors import ConfigError
from etl.reporting.choice_verdicts import judge_choices
from etl.reporting.completeness import calendar_days
from etl.reporting.cost_queries import costs_were_read, read_costs, with_costs
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
from etl.reporting.time_zones import check_zone
from etl.store.engine import store_errors

NAMES_LISTED = 20
LARGEST_SHOWN = 50
"""Of each account, market, symbol, quote asset and close type: so the fifty largest of any choice are among these."""


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


def first_day(
    connection: Connection, accounts: Sequence[str], markets: Sequence[str] = (), zone: str = "UTC"
) -> int | None:
    """The start, in epoch milliseconds, of the first day that is covered, was requested or has an order; else None.

    It is a day of the time zone. Raises ConfigError if there is no such zone, StoreError.
    """
    scope = {"accounts": list(accounts), "markets": list(markets or NAMES), "zone": zone}
    check_zone(connection, zone)
    with store_errors():
        first = connection.scalar(text(_FIRST_DAY), scope)
        connection.rollback()
    return None if first is None else to_millis(first)


def read_report(
    connection: Connection,
    span: Window,
    accounts: Sequence[str],
    rules: Rules,
    markets: Sequence[str] = (),
    zone: str = "UTC",
    besides: Collection[str] = (),
    *,
    with_charts: bool = True,
) -> ReportData:
    """The report of these accounts, markets (without any, all) and this span, all as of one instant.

    `besides` are accounts of which nothing is stored: without them the span is not complete either. Without charts only
    what the terminal shows is read: sums of months, and the largest orders of all. Days, months, weekdays and hours are
    those of the time zone. Raises ConfigError where there is no such zone, and StoreError.
    """
    check_zone(connection, zone)
    scope = {
        "accounts": list(accounts),
        "markets": list(markets or NAMES),
        "since": to_datetime(span.start),
        "until": to_datetime(span.end),
        "zone": zone,
    }

    def rows(query: str, **values: object) -> Sequence[Any]:
        return connection.execute(text(query), scope | values).all()

    with store_errors():
        connection.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY"))
        by_orders = [row.symbol for row in rows(_SYMBOLS)]
        named, others = sorted(by_orders[:SYMBOLS_NAMED]), by_orders[SYMBOLS_NAMED:]
        names = {"named": named, "others": (shared := f"others ({many(len(others), 'symbol')})")}
        judged = sorted({*accounts, *besides})
        period = Period(*rows(_PERIOD)[0])
        days = calendar_days(connection, period.first, period.last, zone, judged, markets) if judged else []
        states = {(day.account, day.market, day.day): day.state for day in days}
        largest = [
            Largest(*row[: len(Largest._fields) - 1])
            for row in rows(_LARGEST if with_charts else _LARGEST_OF_ALL, **names, shown=LARGEST_SHOWN)
        ]
        costs, cost_states = read_costs(rows, **names) if (has_costs := costs_were_read(rows)) else ([], [])
        has_others = others or any(row.symbol == shared for row in costs)
        data = ReportData(
            generated_at=rules.now,
            span=span,
            time_zone=zone,
            retention_days=None if rules.keeps is None else rules.keeps // DAY,
            accounts=sorted(accounts),
            symbols=[*named, shared] if has_others else named,
            daily=[Daily._make(row) for row in rows(_DAILY, **names, each="day" if with_charts else "month")],
            improvements=[
                Improvement._make((*row[:5], int(row.lower_edge), row.orders))
                for row in (rows(_IMPROVEMENTS, **names, bin=BIN_BPS) if with_charts else ())
            ],
            hours=[Hour._make(row) for row in (rows(_HOURS, **names) if with_charts else ())],
            cascades=[Cascade._make(row) for row in rows(_CASCADES, shown=CASCADES_SHOWN)],
            coverage=[DayCoverage._make((*row, states[row[:3]])) for row in rows(_COVERAGE)],
            reconciled=[Reconciled._make(row) for row in rows(_RECONCILED)],
            largest=with_costs(rows, largest) if has_costs and largest else largest,
            verdicts=judge_choices(days, period, zone, sorted(accounts), besides, markets),
            costs=costs,
            cost_states=cost_states,
        )
        connection.rollback()
    return data


_PERIOD = """
    SELECT timezone(:zone, CAST(:since AS timestamptz))::date,
           timezone(:zone, CAST(:until AS timestamptz) - interval '1 millisecond')::date
"""
_RECONCILED = """
    SELECT verdict, count(*) AS days,
           string_agg(reason, ', ' ORDER BY day, account, market) FILTER (WHERE verdict = 'disputed') AS orders
      FROM reconciliation_days
     WHERE account = ANY(:accounts) AND (market = ANY(:markets)) IS TRUE
       AND timezone('UTC', (day + 1)::timestamp) > :since AND timezone('UTC', day::timestamp) < :until
     GROUP BY verdict ORDER BY verdict
"""
# IS TRUE keeps the planner off the primary key, with which it would read the account's whole history.
_ACCOUNTS = "SELECT account FROM effective_coverage UNION SELECT account FROM order_counts WHERE orders > 0"
# One subquery for each account, and the first row instead of a minimum: else Postgres would read all orders.
_FIRST_DAY = """
    SELECT timezone(:zone, date_trunc('day', timezone(:zone, least(
               (SELECT min(asked_since) FROM report_scopes WHERE account = ANY(:accounts) AND market = ANY(:markets)),
               (SELECT min(gap_start) FROM unread_markets WHERE account = ANY(:accounts) AND market = ANY(:markets)),
               (SELECT min((SELECT order_time FROM report_force_orders
                             WHERE account = chosen AND (market = ANY(:markets)) IS TRUE ORDER BY order_time LIMIT 1))
                  FROM unnest(CAST(:accounts AS text[])) AS chosen)))))
"""
_SYMBOLS = """
    SELECT symbol FROM report_force_orders
     WHERE account = ANY(:accounts) AND (market = ANY(:markets)) IS TRUE
       AND order_time >= :since AND order_time < :until
     GROUP BY symbol ORDER BY count(*) DESC, symbol COLLATE "C"
"""
_DAILY = """
    SELECT account, market, CASE WHEN symbol = ANY(:named) THEN symbol ELSE :others END AS symbol, quote_asset,
           close_type, date_trunc(:each, timezone(:zone, order_time))::date AS day, count(*) AS orders,
           sum(notional) AS notional
      FROM report_force_orders
     WHERE account = ANY(:accounts) AND (market = ANY(:markets)) IS TRUE
       AND order_time >= :since AND order_time < :until
     GROUP BY 1, 2, 3, 4, 5, 6 ORDER BY 6, 1, 2, 3, 5, 4
"""
_IMPROVEMENTS = """
    SELECT account, market, CASE WHEN symbol = ANY(:named) THEN symbol ELSE :others END AS symbol,
           quote_asset, close_type, floor(improvement_bps / :bin) * :bin AS lower_edge, count(*) AS orders
      FROM report_force_orders
     WHERE account = ANY(:accounts) AND (market = ANY(:markets)) IS TRUE
       AND order_time >= :since AND order_time < :until AND improvement_bps IS NOT NULL
     GROUP BY 1, 2, 3, 4, 5, 6 ORDER BY 1, 2, 3, 4, 5, 6
"""
_HOURS = """
    SELECT account, market, CASE WHEN symbol = ANY(:named) THEN symbol ELSE :others END AS symbol,
           quote_asset, close_type, extract(isodow FROM timezone(:zone, order_time))::int - 1 AS weekday,
           extract(hour FROM timezone(:zone, order_time))::int AS hour, count(*) AS orders
      FROM report_force_orders
     WHERE account = ANY(:accounts) AND (market = ANY(:markets)) IS TRUE
       AND order_time >= :since AND order_time < :until
     GROUP BY 1, 2, 3, 4, 5, 6, 7 ORDER BY 1, 2, 3, 4, 5, 6, 7
"""
# The same rows as report_cascades (a test compares them), but in one pass through the index of each account, which is
# faster for years of orders. Only the orders of the largest ones are read.
_CASCADES = """
    WITH begun AS (
        SELECT account, market, own.*
          FROM (SELECT DISTINCT account, market FROM order_counts
                 WHERE orders > 0 AND account = ANY(:accounts) AND market = ANY(:markets)) AS scopes
         CROSS JOIN LATERAL (
               SELECT order_time AS started_at, coalesce(lead(before) OVER own, 'infinity') AS ended_at,
                      lead(place) OVER own - place AS orders
                 FROM (SELECT order_time, lag(order_time) OVER own AS before, row_number() OVER own AS place
                         FROM force_orders AS o
                        WHERE o.account = scopes.account AND (o.market = scopes.market) IS TRUE
                          AND o.order_time >= :since - report_cascade_pause()
                       WINDOW own AS (ORDER BY order_time)) AS placed
                WHERE before IS NULL OR before < order_time - report_cascade_pause()
               WINDOW own AS (ORDER BY order_time)
               ) AS own
    ), counted AS (
        -- The last one has all orders behind its first.
        SELECT account, market, started_at, ended_at, coalesce(orders, (
                   SELECT count(*) FROM force_orders AS o
                    WHERE o.account = begun.account AND (o.market = begun.market) IS TRUE
                      AND o.order_time >= begun.started_at)) AS orders
          FROM begun WHERE started_at >= :since AND started_at < :until
    ), ranked AS (
        SELECT *, row_number() OVER (PARTITION BY account, market ORDER BY orders DESC, started_at DESC) AS rank
          FROM counted WHERE orders > 1
    ), largest AS (
        SELECT * FROM ranked WHERE rank <= :shown
    )
    SELECT account, market, started_at, of_cascade.*
      FROM largest
     CROSS JOIN LATERAL (
           SELECT extract(epoch FROM max(order_time) - started_at)::float8, count(*), count(DISTINCT symbol),
                  jsonb_object_agg(coalesce(quote_asset, 'unknown'), of_asset::text), max(of_second)
             FROM (SELECT symbol, order_time, quote_asset,
                          count(*) OVER (PARTITION BY date_trunc('second', order_time)) AS of_second,
                          sum(notional) OVER (PARTITION BY quote_asset) AS of_asset
                     FROM report_force_orders AS o
                    WHERE o.account = largest.account AND (o.market = largest.market) IS TRUE
                      AND o.order_time BETWEEN largest.started_at AND largest.ended_at) AS own
           ) AS of_cascade
     ORDER BY started_at, account, market
"""
# The days of report_coverage (a test compares them), but of any time zone and with those that were never asked for.
_COVERAGE = """
    WITH scopes AS MATERIALIZED (
        SELECT scope.*, coalesce(own.archived, '{}') AS archived
          FROM report_scopes AS scope LEFT JOIN report_archives AS own USING (account, market)
         WHERE account = ANY(:accounts) AND market = ANY(:markets)
    ), gaps AS MATERIALIZED (
        SELECT account, market, reason, range_agg(tstzrange(gap_start, gap_end)) AS missing FROM coverage_gaps
         WHERE account = ANY(:accounts) AND market = ANY(:markets) AND symbol = '*' GROUP BY account, market, reason
    ), days AS (
        SELECT moment::date AS day, timezone(:zone, moment) AS begins,
               timezone(:zone, moment + interval '1 day') AS ends
          FROM generate_series(date_trunc('day', timezone(:zone, CAST(:since AS timestamptz))),
                               timezone(:zone, CAST(:until AS timestamptz) - interval '1 millisecond'),
                               interval '1 day') AS moment
    ), counted AS MATERIALIZED (
        SELECT account, market, timezone(:zone, order_time)::date AS day, count(*) AS orders
          FROM report_force_orders
         WHERE account = ANY(:accounts) AND (market = ANY(:markets)) IS TRUE
           AND order_time >= (SELECT min(begins) FROM days) AND order_time < (SELECT max(ends) FROM days)
         GROUP BY 1, 2, 3
    )
    SELECT account, market, day, CASE
           WHEN proven + archived @> whole AND quarantined && whole THEN 'quarantined'
           WHEN proven @> whole THEN 'proven'
           WHEN proven + archived @> whole THEN 'archived'
           WHEN proven && whole OR partly_proven && whole OR archived && whole THEN 'partly'
           WHEN why.reasons IS NULL AND (asked_since IS NULL OR asked_since >= upper(whole)) THEN 'never asked'
           ELSE 'not' END, why.reasons, coalesce(orders, 0), begins
      FROM scopes
     CROSS JOIN days
     CROSS JOIN LATERAL (SELECT tstzrange(greatest(begins, begins_at), least(ends, ends_at))
                          WHERE greatest(begins, begins_at) < least(ends, ends_at)) AS life (whole)
     CROSS JOIN LATERAL (
           SELECT string_agg(reason, ', ' ORDER BY reason)
             FROM (SELECT reason FROM gaps
                    WHERE gaps.account = scopes.account AND gaps.market = scopes.market AND missing && whole
                      AND NOT proven @> whole
                    UNION ALL SELECT 'quarantined' WHERE quarantined && whole) AS reasons
           ) AS why (reasons)
      LEFT JOIN counted USING (account, market, day)
     ORDER BY account, market, day
"""
_LARGEST = """
    WITH ranked AS (
        SELECT account, market, symbol, order_id, order_time, close_type, position_closed, quantity_filled,
               average_price, notional, quote_asset, improvement_bps, row_number() OVER (
                   PARTITION BY account, market, CASE WHEN symbol = ANY(:named) THEN symbol END, quote_asset, close_type
                   ORDER BY notional DESC NULLS LAST, order_time, symbol, order_id) AS place
          FROM report_force_orders
         WHERE account = ANY(:accounts) AND (market = ANY(:markets)) IS TRUE
           AND order_time >= :since AND order_time < :until
    )
    SELECT * FROM ranked WHERE place <= :shown
     ORDER BY notional DESC NULLS LAST, order_time, account, market, symbol, order_id
"""
_LARGEST_OF_ALL = """
    SELECT account, market, symbol, order_id, order_time, close_type, position_closed, quantity_filled, average_price,
           notional, quote_asset, improvement_bps
      FROM report_force_orders
     WHERE account = ANY(:accounts) AND (market = ANY(:markets)) IS TRUE
       AND order_time >= :since AND order_time < :until
     ORDER BY notional DESC NULLS LAST, order_time, account, market, symbol, order_id LIMIT :shown
"""
