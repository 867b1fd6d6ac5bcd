"""A nightly run with nothing new to store: the whole process, from its start to its end."""

import sys
from collections.abc import Iterator

import psycopg

from benchmarks.places import ORDERS_ALONE, Cost, database, measured, ours, simulator
from benchmarks.table import Figure
from etl.simulator.accounts import DEMO_KEY, DEMO_SECRET

ROUNDS = 7
MILLIONS = 2

FILLER = f"""
    INSERT INTO force_orders
        (account, market, symbol, order_id, close_type, order_time, update_time, raw, first_seen_at, changed_at,
         first_run_id, last_run_id)
    SELECT 'other', 'usdm', 'SYM' || n % 300, n, 'LIQUIDATION', moment, moment,
           jsonb_build_object('orderId', n, 'symbol', 'SYM' || n % 300, 'price', '10.5'), moment, moment, 1, 1
      FROM generate_series(1, {MILLIONS * 1_000_000}) AS n,
           LATERAL (SELECT timestamptz '2007-01-01' + n * interval '300 seconds' AS moment) AS of_order
"""
WINDOWS = """
    INSERT INTO coverage (account, market, symbol, asked_since, proven)
    SELECT 'other', 'usdm', '*', timestamptz '2007-01-01',
           range_agg(tstzrange(timestamptz '2007-01-01' + n * interval '7 days',
                               timestamptz '2007-01-01' + n * interval '7 days' + interval '6 days'))
      FROM generate_series(0, 999) AS n
"""


def figures(server: str) -> Iterator[Figure]:
    """The best of several pairs of runs, the bare script first."""
    with simulator(profile="quiet") as url, database(server) as place:
        ours(url, place, "sync", retention_days=90)
        whole = min((ours(url, place, "sync", retention_days=90) for _ in range(ROUNDS)), key=lambda cost: cost.wall)
        empty, below = best(url, place)
        with psycopg.connect(place, autocommit=True) as connection:
            connection.execute(FILLER)
            connection.execute(WINDOWS)
            connection.execute("VACUUM ANALYZE")
        full, _ = best(url, place)
    what = "nightly job, everything up to date, whole process"
    yield Figure(what, f"{empty.wall:.2f} s", f"{below.wall:.2f} s", empty.wall / below.wall, "ratio ≤ 1.3")
    yield Figure("… with income and the list of all orders", f"{whole.wall:.2f} s", f"{empty.wall:.2f} s")
    yield Figure("… peak memory", f"{empty.peak_mb:.0f} MB", f"{below.peak_mb:.0f} MB", None, "≤ 90 MB")
    yield Figure(
        f"… on {MILLIONS} million rows and 1,000 windows, beside itself on few",
        f"{full.wall:.2f} s",
        f"{empty.wall:.2f} s",
        full.wall / empty.wall,
        "ratio ≤ 1.1",
    )
    helps = min(measured([sys.executable, "-m", "etl", "--help"]).wall for _ in range(ROUNDS))
    yield Figure("force-orders --help", f"{helps:.2f} s", aim="≤ 0.3 s")


def best(url: str, place: str) -> tuple[Cost, Cost]:
    above, below = [], []
    for _ in range(ROUNDS):
        below.append(measured([sys.executable, "-m", "benchmarks.bare", url, place, DEMO_KEY, DEMO_SECRET]))
        above.append(ours(url, place, "sync", retention_days=90, **ORDERS_ALONE))
    return min(above, key=lambda cost: cost.wall), min(below, key=lambda cost: cost.wall)
