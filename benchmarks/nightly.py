"""A nightly run with nothing new to store: the whole process, from its start to its end."""

import sys
from collections.abc import Iterator, Sequence

import psycopg

from benchmarks.places import ORDERS_ALONE, Cost, database, measured, ours, simulator
from benchmarks.rounds import ROUNDS, ratio, seconds
from benchmarks.table import Figure
from etl.simulator.accounts import DEMO_KEY, DEMO_SECRET

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


PARTS: dict[str, dict[str, int]] = {
    "the list of all orders": {"cost_weight": 0},
    "fills and income": {"reconcile_days": 0},
    "all of them": {},
}
"""What a night reads besides force orders, and the settings that leave the rest out."""


def figures(server: str) -> Iterator[Figure]:
    """Rounds of the bare script and our nights, each after the other."""
    with simulator(profile="quiet") as url, database(server) as place:
        ours(url, place, "sync", retention_days=90)
        below, alone, *others = rounds(url, place)
        with psycopg.connect(place, autocommit=True) as connection:
            connection.execute(FILLER)
            connection.execute(WINDOWS)
            connection.execute("VACUUM ANALYZE")
        _, full, *_ = rounds(url, place)
    yield from compared("nightly job, everything up to date, whole process", alone, below, "ratio ≤ 1.2")
    own, bare = (f"{max(cost.peak_mb for cost in costs):.0f} MB" for costs in (alone, below))
    yield Figure("… peak memory", own, bare, None, "≤ 60 MB")
    for part, costs in zip(PARTS, others, strict=True):
        yield from compared(f"… with {part}, beside a night without", costs, alone, "")
    what = f"… on {MILLIONS} million rows and 1,000 windows, beside itself on few"
    yield from compared(what, full, alone, "ratio ≤ 1.1")
    helps = [measured([sys.executable, "-m", "etl", "--help"]).wall for _ in range(ROUNDS)]
    yield Figure("force-orders --help", seconds(helps), aim="≤ 0.3 s")


def rounds(url: str, place: str) -> list[list[Cost]]:
    """What the bare script, a night of force orders alone, and a night with each of the other parts cost."""
    nights = [ORDERS_ALONE, *PARTS.values()]
    costs: list[list[Cost]] = [[] for _ in range(1 + len(nights))]
    for _ in range(ROUNDS):
        bare = [sys.executable, "-m", "benchmarks.bare", url, place, DEMO_KEY, DEMO_SECRET]
        costs[0].append(measured(bare, None, place))
        for number, settings in enumerate(nights, 1):
            costs[number].append(ours(url, place, "sync", retention_days=90, **settings))
    return costs


def compared(what: str, above: Sequence[Cost], below: Sequence[Cost], aim: str) -> Iterator[Figure]:
    walls, floors = [cost.wall for cost in above], [cost.wall for cost in below]
    yield Figure(f"{what}, wall", seconds(walls), seconds(floors), ratio(walls, floors), aim)
    own, bare = ([cost.cpu + cost.server_cpu for cost in costs] for costs in (above, below))
    yield Figure("… CPU, with the database server's", seconds(own), seconds(bare), ratio(own, bare))
