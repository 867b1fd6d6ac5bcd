"""The rows of a large fleet, made by Postgres itself: by default a year of 5,000 accounts, in two to three minutes.

That is a million orders, 1.8 million runs and seals, and the jobs of 90 days. Every fiftieth account has a gap that can
still be closed, every hundredth is late, and every hundredth is read by the names of its symbols.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import psycopg


@dataclass(frozen=True)
class Size:
    """How many rows there are."""

    accounts: int = 5_000
    symbols: int = 11
    """Of each account, beside `*`."""
    days: int = 365
    orders: int = 1_000_000
    job_days: int = 90


INDEXES = """
    SELECT indexname, indexdef FROM pg_indexes
     WHERE tablename = ANY(%s) AND indexname NOT IN (SELECT conname FROM pg_constraint)
"""
LARGE = ["force_orders", "runs", "procrastinate_jobs", "procrastinate_events"]

COUNTS = """
    INSERT INTO order_counts (account, market, close_type, orders)
    SELECT account, market, close_type, count(*) FROM force_orders GROUP BY account, market, close_type
"""
NAME = "'account' || to_char({0}, 'FM0000')"
TODAY = "date_trunc('day', now(), 'UTC')"


def statements(of: Size) -> Iterator[str]:
    """The rows of each table; those of procrastinate's events come after its jobs."""
    yield f"""
        INSERT INTO coverage (account, market, symbol, asked_since, proven, failed)
        SELECT {NAME.format("a")}, 'usdm', CASE WHEN s = 0 THEN '*' ELSE 'SYM' || s || 'USDT' END,
               CASE WHEN is_asked THEN since END,
               CASE WHEN is_asked THEN tstzmultirange(tstzrange(since, until)) - hole ELSE '{{}}' END,
               CASE WHEN is_asked THEN hole ELSE '{{}}' END
          FROM generate_series(0, {of.accounts - 1}) AS a
         CROSS JOIN generate_series(0, {of.symbols}) AS s
         CROSS JOIN LATERAL (
               SELECT {TODAY} - interval '{of.days} days' AS since, (a % 100 = 7) <> (s = 0) AS is_asked,
                      {TODAY} + interval '2 hours'
                      - CASE WHEN a % 100 = 3 THEN a / 100 % 9 ELSE 0 END * interval '1 day' AS until,
                      CASE WHEN a % 50 = 5
                           THEN tstzmultirange(tstzrange({TODAY} - a / 100 * interval '1 day' - interval '30 days',
                                                         {TODAY} - a / 100 * interval '1 day' - interval '29 days'))
                           ELSE '{{}}' END AS hole
               ) AS of_scope
         WHERE s > 0 OR a % 100 <> 7
    """
    # The rows of one account lie as far apart as they do when all accounts are read each night.
    yield f"""
        INSERT INTO force_orders (account, market, symbol, order_id, client_order_id, close_type, status, side,
                                  position_side, type, price, avg_price, orig_qty, executed_qty, cum_quote, order_time,
                                  update_time, raw, first_seen_at, changed_at, first_run_id, last_run_id)
        SELECT {NAME.format("account")}, 'usdm', symbol, n, 'autoclose-' || n,
               CASE WHEN n % 9 = 0 THEN 'ADL' ELSE 'LIQUIDATION' END, 'FILLED', side, 'BOTH', 'LIMIT',
               100 + n % 90, 100.5 + n % 90, n % 50 + 1, n % 50 + 1, (n % 50 + 1) * (100.5 + n % 90), at, at,
               jsonb_build_object('orderId', n, 'symbol', symbol, 'status', 'FILLED',
                                  'clientOrderId', 'autoclose-' || n, 'price', (100 + n % 90)::text,
                                  'avgPrice', (100.5 + n % 90)::text,
                                  'origQty', (n % 50 + 1)::text, 'executedQty', (n % 50 + 1)::text,
                                  'cumQuote', ((n % 50 + 1) * (100.5 + n % 90))::text, 'timeInForce', 'IOC',
                                  'type', 'LIMIT', 'reduceOnly', false, 'closePosition', false, 'side', side,
                                  'positionSide', 'BOTH', 'stopPrice', '0', 'workingType', 'CONTRACT_PRICE',
                                  'origType', 'LIMIT', 'time', n, 'updateTime', n),
               at, at, run, run
          FROM generate_series(0, {of.orders - 1}) AS n
         CROSS JOIN LATERAL (
               SELECT n::bigint * 7919 % {of.accounts} AS account,
                      'SYM' || 1 + n / 3 % {of.symbols} || 'USDT' AS symbol,
                      CASE WHEN n % 3 = 0 THEN 'BUY' ELSE 'SELL' END AS side,
                      {TODAY} - interval '{of.days} days'
                      + n * interval '{of.days * 86_400 / of.orders:.4f} seconds' AS at,
                      1 + n * {of.accounts * of.days}::bigint / {of.orders} AS run
               ) AS of_order
    """
    yield f"""
        INSERT INTO runs (command, started_at, finished_at, status, requests, weight, rows_received, inserted,
                          unchanged, largest_page, error, job_id, worker)
        SELECT 'sync', at, at + interval '2 seconds', CASE WHEN n % 400 = 0 THEN 'failed' ELSE 'succeeded' END, 1, 50,
               3, 1, 2, 3, CASE WHEN n % 400 = 0 THEN 'the exchange cannot be reached' END,
               nullif(greatest(n - {of.accounts * (of.days - of.job_days)}, 0), 0), 'worker-1/4711'
          FROM generate_series(1, {of.accounts * of.days}) AS n
         CROSS JOIN LATERAL (
               SELECT {TODAY} + interval '135 minutes' - ({of.days} - 1 - (n - 1) / {of.accounts}) * interval '1 day'
                      - interval '1 day' + n % {of.accounts} * interval '0.6 seconds' AS at
               ) AS of_run
    """
    yield f"""
        INSERT INTO procrastinate_jobs (queue_name, task_name, lock, args, status, attempts)
        SELECT 'default', 'sync', account || '/usdm',
               jsonb_build_object('account', account, 'market', 'usdm', 'timestamp', night), 'succeeded', 1
          FROM generate_series(1, {of.accounts * of.job_days}) AS n
         CROSS JOIN LATERAL (
               SELECT {NAME.format(f"(n - 1) % {of.accounts}")} AS account,
                      extract(epoch FROM {TODAY} + interval '135 minutes'
                              - ({of.job_days} - (n - 1) / {of.accounts}) * interval '1 day')::bigint AS night
               ) AS of_job
    """
    yield """
        INSERT INTO procrastinate_events (job_id, type, at)
        SELECT id, type, to_timestamp((args ->> 'timestamp')::bigint)
          FROM procrastinate_jobs
         CROSS JOIN unnest('{deferred,started,succeeded}'::procrastinate_job_event_type[]) AS type
    """
    yield f"""
        INSERT INTO seals (account, market, day, version, orders, content, previous, replaces, digest, run_id)
        SELECT {NAME.format("a")}, 'usdm', ({TODAY} AT TIME ZONE 'UTC')::date - {of.days} + d, 1, 0, repeat('0', 64),
               md5(a || ' ' || d - 1) || repeat('0', 32), NULL, md5(a || ' ' || d) || repeat('0', 32), d
          FROM generate_series(0, {of.days - 8}) AS d CROSS JOIN generate_series(0, {of.accounts - 1}) AS a
    """
    yield f"""
        INSERT INTO verifications (run_id, account, market, symbol, verified_at, span, compared, unread,
                                   orders_compared, missing, different, extra, forgotten, repaired, differences,
                                   is_sample)
        SELECT m * {of.accounts} + a + 1, {NAME.format("a")}, 'usdm', '*', {TODAY} - (12 - m) * interval '30 days',
               tstzrange('2026-01-01', '2026-02-01'), tstzmultirange(tstzrange('2026-01-01', '2026-02-01')), '{{}}', 20,
               0, 0, 0, 0, 0, '[]', true
          FROM generate_series(0, 11) AS m CROSS JOIN generate_series(0, {of.accounts - 1}) AS a
    """
    yield f"""
        INSERT INTO identities (account, market, host, key_salt, key_fingerprint, is_checked)
        SELECT {NAME.format("a")}, 'usdm', 'fapi.binance.com', decode(md5('s' || a), 'hex'),
               decode(md5('k' || a), 'hex'), a % 500 <> 9
          FROM generate_series(0, {of.accounts - 1}) AS a
    """
    yield f"""
        INSERT INTO quarantined_orders (account, market, raw, reason, run_id)
        SELECT {NAME.format(f"a * {of.accounts // 5}")}, 'usdm', jsonb_build_object('time', 'soon', 'orderId', a),
               'time is no number', 1
          FROM generate_series(1, 3) AS a
    """


def fill(connection: psycopg.Connection, size: Size) -> None:
    """Fill an empty database, on a connection in autocommit mode. Large tables get indexes and triggers last."""
    indexes = connection.execute(INDEXES, [LARGE]).fetchall()
    connection.execute("SET synchronous_commit = off")
    for name, _ in indexes:
        connection.execute(f'DROP INDEX "{name}"'.encode())
    for table in LARGE:
        connection.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER".encode())
    for statement in statements(size):
        connection.execute(statement.encode())
    for table in LARGE:
        connection.execute(f"ALTER TABLE {table} ENABLE TRIGGER USER".encode())
    for _, definition in indexes:
        connection.execute(definition.encode())
    connection.execute(COUNTS)
    connection.execute("VACUUM ANALYZE")
