"""Reports: the orders, the proof and the runs in a reader's terms.

Names and meanings are a promise to whoever writes SQL on them; what each column means is said in the comments below,
which are in the database as well. Days are days of UTC. Each view reaches its rows by account and, but for
report_symbols, which is of all time, by time: the index on these answers for a month what a month's orders cost.
"""

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

QUOTE_ASSET = "substring(symbol from '(USDT|USDC|BUSD|FDUSD|TUSD|USD1|BTC|ETH|BNB|EUR|TRY)(_[0-9]+)?$')"
ORDERS = """
    CREATE VIEW report_force_orders AS
    SELECT account, market, symbol, order_id, close_type, side,
           CASE WHEN position_side IN ('LONG', 'SHORT') THEN position_side
                WHEN side = 'SELL' THEN 'LONG'
                WHEN side = 'BUY' THEN 'SHORT'
           END AS position_closed,
           order_time, update_time, status,
           orig_qty AS quantity_ordered,
           executed_qty AS quantity_filled,
           round(executed_qty / nullif(orig_qty, 0), 6) AS fill_ratio,
           nullif(price, 0) AS price,
           nullif(avg_price, 0) AS average_price,
           round(CASE side WHEN 'SELL' THEN price - nullif(avg_price, 0)
                           WHEN 'BUY' THEN nullif(avg_price, 0) - price
                 END * 10000 / nullif(price, 0), 2) AS slippage_bps,
           coalesce(cum_quote, executed_qty * avg_price) AS notional,
           :quote_asset AS quote_asset
      FROM force_orders
""".replace(":quote_asset", QUOTE_ASSET)
# LIMIT (SELECT NULL::bigint) is no limit, which the planner cannot see: it expects few rows then. Else it expects
# thousands of days and compiles the query (JIT), which takes ten times as long as to run it.
DAILY = """
    CREATE VIEW report_daily AS
    SELECT days.account, of_day.market, days.day, of_day.symbol, of_day.close_type, of_day.quote_asset, of_day.orders,
           of_day.quantity_filled, of_day.notional, of_day.slippage_bps, of_day.largest_notional,
           of_day.quantity_unfilled
      FROM (SELECT account, day::date AS day
              FROM (SELECT DISTINCT account FROM coverage) AS accounts
             CROSS JOIN LATERAL (SELECT day FROM generate_series(
                       timezone('UTC', (SELECT min(order_time) FROM force_orders o WHERE o.account = accounts.account))
                           ::date::timestamp,
                       timezone('UTC', (SELECT max(order_time) FROM force_orders o WHERE o.account = accounts.account)),
                       interval '1 day') AS day LIMIT (SELECT NULL::bigint)) AS series
           ) AS days
     CROSS JOIN LATERAL (
           SELECT market, symbol, close_type, quote_asset,
                  count(*) AS orders,
                  sum(quantity_filled) AS quantity_filled,
                  sum(notional) AS notional,
                  round(sum(slippage_bps * notional)
                        / nullif(sum(notional) FILTER (WHERE slippage_bps IS NOT NULL), 0), 2) AS slippage_bps,
                  max(notional) AS largest_notional,
                  sum(greatest(quantity_ordered - quantity_filled, 0))
                      FILTER (WHERE quantity_ordered - quantity_filled IS NOT NULL) AS quantity_unfilled
             FROM report_force_orders o
            WHERE o.account = days.account
              AND o.order_time >= timezone('UTC', days.day::timestamp)
              AND o.order_time < timezone('UTC', days.day::timestamp + interval '1 day')
            GROUP BY market, symbol, close_type, quote_asset
           ) AS of_day
"""
# The quote asset is read once a symbol, not once an order; 720 hours, because 30 days of a session with a time zone of
# its own are an hour more or less where its clocks change.
SYMBOLS = """
    CREATE VIEW report_symbols AS
    SELECT account, market, symbol, :quote_asset AS quote_asset, orders, notional,
           round(adl::numeric / orders, 4) AS adl_share,
           first_order_at, last_order_at, orders_30d, coalesce(notional_30d, 0) AS notional_30d,
           round(adl_30d::numeric / nullif(orders_30d, 0), 4) AS adl_share_30d
      FROM (SELECT account, market, symbol,
                   count(*) AS orders,
                   sum(notional) AS notional,
                   count(*) FILTER (WHERE close_type = 'ADL') AS adl,
                   min(order_time) AS first_order_at,
                   max(order_time) AS last_order_at,
                   count(*) FILTER (WHERE is_recent) AS orders_30d,
                   sum(notional) FILTER (WHERE is_recent) AS notional_30d,
                   count(*) FILTER (WHERE is_recent AND close_type = 'ADL') AS adl_30d
              FROM (SELECT *, order_time >= now() - interval '720 hours' AS is_recent
                      FROM report_force_orders) AS orders
             GROUP BY account, market, symbol
           ) AS of_symbol
""".replace(":quote_asset", QUOTE_ASSET)
PAUSE = """
    CREATE FUNCTION report_cascade_pause() RETURNS interval LANGUAGE sql STABLE AS $$
        SELECT make_interval(secs => extract(epoch FROM
            coalesce(nullif(current_setting('force_orders.cascade_pause', true), ''), '60 seconds')::interval
        )::float8)
    $$
"""
# A cascade begins where nothing came within a pause before, and ends where nothing comes within a pause after. Each of
# the neighbours is one look into the index, so that a month costs what its own orders cost; a window function would
# sort the account's whole history. IS TRUE keeps the planner off the primary key, which it takes for selective while it
# has no statistics: each look would read the whole account. An upper bound keeps it from sorting all that comes later.
CASCADES = """
    CREATE VIEW report_cascades AS
    SELECT ends.account, ends.market, ends.started_at, ends.ended_at, ends.ended_at - ends.started_at AS duration,
           of_cascade.orders, of_cascade.symbols, of_cascade.notional, of_cascade.quote_assets,
           of_cascade.peak_orders_per_second
      FROM (SELECT DISTINCT account, market, order_time AS started_at,
                   CASE WHEN (SELECT min(order_time) FROM force_orders after
                               WHERE after.account = o.account AND (after.market = o.market) IS TRUE
                                 AND after.order_time > o.order_time
                                 AND after.order_time <= o.order_time + report_cascade_pause()) IS NULL
                        THEN order_time
                        ELSE (SELECT later.order_time FROM force_orders later
                               WHERE later.account = o.account AND (later.market = o.market) IS TRUE
                                 AND later.order_time > o.order_time AND later.order_time <= 'infinity'
                                 AND coalesce((SELECT false FROM force_orders after
                                                WHERE after.account = later.account
                                                  AND (after.market = later.market) IS TRUE
                                                  AND after.order_time > later.order_time
                                                  AND after.order_time <= later.order_time + report_cascade_pause()
                                                ORDER BY after.order_time LIMIT 1), true)
                               ORDER BY later.order_time LIMIT 1)
                   END AS ended_at
              FROM force_orders o
             WHERE (SELECT max(order_time) FROM force_orders before
                     WHERE before.account = o.account AND (before.market = o.market) IS TRUE
                       AND before.order_time < o.order_time
                       AND before.order_time >= o.order_time - report_cascade_pause()) IS NULL
           ) AS ends
     CROSS JOIN LATERAL (
           SELECT count(*) AS orders, count(DISTINCT symbol) AS symbols, sum(notional) AS notional,
                  string_agg(DISTINCT quote_asset, ', ') AS quote_assets, max(in_second) AS peak_orders_per_second
             FROM (SELECT symbol, notional, quote_asset,
                          count(*) OVER (PARTITION BY date_trunc('second', order_time)) AS in_second
                     FROM (SELECT * FROM report_force_orders o
                            WHERE o.account = ends.account AND (o.market = ends.market) IS TRUE
                              AND o.order_time BETWEEN ends.started_at AND ends.ended_at
                            ORDER BY order_time LIMIT (SELECT NULL::bigint)
                          ) AS own
                  ) AS own
           ) AS of_cascade
"""
COVERAGE = """
    CREATE VIEW report_coverage AS
    SELECT account, market, day,
           CASE WHEN proven @> whole THEN 'proven' WHEN shown && whole THEN 'partly' ELSE 'not' END AS coverage,
           CASE WHEN NOT proven @> whole THEN (
                SELECT string_agg(DISTINCT reason, ', ') FROM coverage_gaps g
                 WHERE g.account = days.account AND g.market = days.market AND g.symbol = '*'
                   AND tstzrange(gap_start, gap_end) && whole)
           END AS reasons,
           (SELECT count(*) FROM force_orders o
             WHERE o.account = days.account AND (o.market = days.market) IS TRUE
               AND o.order_time >= lower(whole) AND o.order_time < upper(whole)) AS orders
      FROM (SELECT account, market, day::date AS day, proven, shown,
                   tstzrange(timezone('UTC', day), timezone('UTC', day + interval '1 day')) AS whole
              FROM (SELECT account, market, min(least(asked_since, lower(coverage.proven))) AS since,
                           coalesce((array_agg(coverage.proven) FILTER (WHERE symbol = '*'))[1], '{}') AS proven,
                           coalesce(range_agg(piece), '{}') AS shown
                      FROM coverage LEFT JOIN LATERAL unnest(coverage.proven) AS piece ON true
                     GROUP BY account, market
                   ) AS accounts
             CROSS JOIN LATERAL (SELECT day FROM generate_series(
                       timezone('UTC', since)::date::timestamp, timezone('UTC', now()), interval '1 day') AS day
                     LIMIT (SELECT NULL::bigint)) AS series
           ) AS days
"""
RUNS = """
    CREATE VIEW report_runs AS
    SELECT id AS run_id, command, status, started_at, finished_at, finished_at - started_at AS duration,
           requests, weight, rows_received,
           inserted AS orders_new, updated AS orders_changed, unchanged AS orders_unchanged,
           quarantined AS rows_quarantined, error
      FROM runs
"""

SCOPE = {"account": "Name of the account in the settings.", "market": "usdm: USDⓈ-M futures."}
COMMENTS = {
    "report_force_orders": (
        "One row an order that the exchange forced on an account. Filter by account and order_time.",
        SCOPE
        | {
            "symbol": "Contract, as the exchange names it.",
            "order_id": "The exchange's id of the order, counted per symbol.",
            "close_type": "Why the position was closed: LIQUIDATION, ADL (auto-deleveraging), SETTLEMENT or UNKNOWN.",
            "side": "SELL or BUY, as sent to the book.",
            "position_closed": "The position that the order closed: a SELL closes a LONG, a BUY a SHORT.",
            "order_time": "When the exchange created the order, to the millisecond.",
            "update_time": "When the exchange last changed the order, to the millisecond.",
            "status": "FILLED, PARTIALLY_FILLED, EXPIRED and others, as the exchange says it.",
            "quantity_ordered": "Quantity to be closed, in the base asset.",
            "quantity_filled": "Quantity that was closed, in the base asset.",
            "fill_ratio": "quantity_filled / quantity_ordered, six decimals; null where nothing was ordered.",
            "price": "The order's limit, in the quote asset; null for an order without one.",
            "average_price": "Average price of the fills, in the quote asset; null where nothing was filled.",
            "slippage_bps": "How much worse than price the fills were, in hundredths of a percent, two decimals. "
            "Positive: sold lower or bought higher. Negative: better. Null without price or fill.",
            "notional": "What the fills were worth, in the quote asset.",
            "quote_asset": "The asset of prices and notional, read off the symbol's end; null where it is unheard of.",
        },
    ),
    "report_daily": (
        "A day of UTC, by account, symbol and close type. A day without a row had no orders or was not read: "
        "report_coverage tells which.",
        SCOPE
        | {
            "day": "Day of UTC in which the exchange created the orders.",
            "symbol": "Contract, as the exchange names it.",
            "close_type": "LIQUIDATION, ADL, SETTLEMENT or UNKNOWN.",
            "quote_asset": "The asset of notional; null for a symbol of an ending unheard of.",
            "orders": "Number of orders.",
            "quantity_filled": "Quantity that was closed, in the base asset.",
            "notional": "What the fills were worth, in the quote asset.",
            "slippage_bps": "Mean of the orders' slippage_bps, weighted by notional, two decimals; positive is worse.",
            "largest_notional": "Notional of the largest order.",
            "quantity_unfilled": "Quantity that was ordered and not closed, in the base asset.",
        },
    ),
    "report_symbols": (
        "Each contract of an account: of all time, and of the last 30 days.",
        SCOPE
        | {
            "symbol": "Contract, as the exchange names it.",
            "quote_asset": "The asset of notional; null for a symbol of an ending unheard of.",
            "orders": "Number of orders.",
            "notional": "What the fills were worth, in the quote asset.",
            "adl_share": "Share of the orders that were auto-deleveraging, 0 to 1, four decimals.",
            "first_order_at": "Time of the first order.",
            "last_order_at": "Time of the last order.",
            "orders_30d": "Number of orders in the last 30 days.",
            "notional_30d": "What the fills of the last 30 days were worth, in the quote asset.",
            "adl_share_30d": "Share of auto-deleveraging in the last 30 days; null where there was no order.",
        },
    ),
    "report_cascades": (
        "Bursts: orders of an account no more than a pause apart, 60 seconds unless the session says otherwise: "
        "SET force_orders.cascade_pause = '5 minutes'. A single order is a cascade of one.",
        SCOPE
        | {
            "started_at": "Time of the first order.",
            "ended_at": "Time of the last order.",
            "duration": "From the first order to the last.",
            "orders": "Number of orders.",
            "symbols": "Number of different contracts.",
            "notional": "What the fills were worth; a sum over several assets where quote_assets names more than one.",
            "quote_assets": "The assets of notional.",
            "peak_orders_per_second": "The most orders within one second of the clock.",
        },
    ),
    "report_coverage": (
        "Each day of UTC since an account was first asked for: whether its orders are known to be complete. "
        "Zero orders on a proven day is a zero; on any other it is a hole.",
        SCOPE
        | {
            "day": "Day of UTC.",
            "coverage": "proven: every instant of it, of every symbol; partly: some instants or symbols; not: none.",
            "reasons": "Why not all of it is proven, as in coverage_gaps; null where it is, where it lies after the "
            "newest proof, or where only symbols by name were asked for.",
            "orders": "Number of orders that are stored, whatever the coverage.",
        },
    ),
    "report_runs": (
        "Each run of a command: when, how it ended, what it cost and what it found.",
        {
            "run_id": "Number of the run.",
            "command": "backfill, sync, verify and so on.",
            "status": "running, succeeded, incomplete, failed, banned or stopped.",
            "started_at": "When it began.",
            "finished_at": "When it ended; null while it runs, or where it died.",
            "duration": "From its begin to its end.",
            "requests": "Requests sent to the exchange.",
            "weight": "Their weight, of which the exchange allows 2,400 a minute.",
            "rows_received": "Rows that the exchange answered with, some of them more than once.",
            "orders_new": "Orders that were not there before.",
            "orders_changed": "Orders that a later version replaced.",
            "orders_unchanged": "Orders that were there already as received.",
            "rows_quarantined": "Rows that could not be read and are kept aside.",
            "error": "Why it failed, in one line.",
        },
    ),
}


def upgrade() -> None:
    for statement in (ORDERS, DAILY, SYMBOLS, PAUSE, CASCADES, COVERAGE, RUNS):
        op.execute(statement)
    for view, (meaning, columns) in COMMENTS.items():
        comment("VIEW", view, meaning)
        for column, said in columns.items():
            comment("COLUMN", f"{view}.{column}", said)


def comment(kind: str, name: str, said: str) -> None:
    quoted = said.replace("'", "''")
    op.execute(f"COMMENT ON {kind} {name} IS '{quoted}'")


def downgrade() -> None:
    op.execute("DROP VIEW report_runs, report_coverage, report_cascades, report_symbols, report_daily")
    op.execute("DROP VIEW report_force_orders")
    op.execute("DROP FUNCTION report_cascade_pause")
