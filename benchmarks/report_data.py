"""A million orders of 10 accounts in 18 months, made by Postgres itself, for what is measured of reports."""

import psycopg

ORDERS = """
    INSERT INTO force_orders (account, market, symbol, order_id, client_order_id, close_type, status, side,
                              position_side, price, avg_price, orig_qty, executed_qty, cum_quote, order_time,
                              update_time, raw, first_seen_at, changed_at, first_run_id, last_run_id)
    SELECT 'account' || n / 2 % 10, 'usdm', 'S' || n * 7 % 61 || 'USDT', n, 'autoclose-' || n,
           CASE WHEN n % 9 = 0 THEN 'ADL' ELSE 'LIQUIDATION' END, 'FILLED',
           CASE WHEN n % 3 = 0 THEN 'BUY' ELSE 'SELL' END, 'BOTH',
           100 + n % 90, 100.5 + n % 90, n % 50 + 1, n % 50 + 1, (n % 50 + 1) * (100.5 + n % 90), at, at, '{}',
           at, at, 1, 1
      FROM (SELECT n, timestamptz '2025-01-01Z' + n / 800 * interval '10.5 hours'
                      + CASE WHEN n % 2 = 0 THEN n % 800 * interval '20 ms' ELSE n % 800 * interval '47.25 s' END AS at
              FROM generate_series(0, 999999) AS n
           ) AS orders
"""
"""18 months of 10 accounts; in every block of ten hours and a half each account has 40 orders in 16 s and 40 apart."""

REST = """
    INSERT INTO coverage (account, market, symbol, asked_since, proven)
    SELECT 'account' || a, 'usdm', coalesce('S' || s || 'USDT', '*'), '2025-01-01Z',
           (CASE WHEN s IS NULL THEN '{[2025-01-01Z,2026-03-10Z),[2026-03-11Z,2026-07-01Z)}' ELSE '{}' END)
               ::tstzmultirange
      FROM generate_series(0, 9) AS a
     CROSS JOIN (SELECT generate_series(0, 60) AS s UNION ALL SELECT NULL) AS symbols;
    INSERT INTO runs (command, started_at, finished_at, status)
    SELECT 'sync', day, day + interval '1 minute', 'succeeded'
      FROM generate_series(timestamptz '2025-01-01Z', '2026-07-01Z', '1 day') AS day;
    INSERT INTO instruments (market, symbol, base_asset, quote_asset, margin_asset, contract_type, status,
                             first_seen_at, changed_at, seen_at, is_listed)
    SELECT 'usdm', 'S' || s || 'USDT', 'S' || s, 'USDT', 'USDT', 'PERPETUAL', 'TRADING', '2025-01-01Z', '2025-01-01Z',
           '2026-07-01Z', true
      FROM generate_series(0, 60) AS s;
"""


def fill(connection: psycopg.Connection) -> None:
    """Fill an empty database, on a connection in autocommit mode: without a journal, and with its indexes made last."""
    indexes = connection.execute("""
        SELECT indexname, indexdef FROM pg_indexes
         WHERE tablename = 'force_orders' AND indexname <> 'force_orders_pkey'
    """).fetchall()
    connection.execute("ALTER TABLE force_orders SET UNLOGGED")
    connection.execute("ALTER TABLE force_orders DROP CONSTRAINT force_orders_pkey")
    for index, _ in indexes:
        connection.execute(f"DROP INDEX {index}")
    connection.execute(ORDERS)
    for _, definition in indexes:
        connection.execute(definition)
    connection.execute("ALTER TABLE force_orders ADD PRIMARY KEY (account, market, symbol, order_id)")
    connection.execute(REST)
    connection.execute("VACUUM ANALYZE")
