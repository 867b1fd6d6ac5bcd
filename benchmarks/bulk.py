"""A year's backfill of 100,000 orders: the whole program beside the floor, and the upsert beside a bare COPY."""

import json
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection, text

from benchmarks.places import database, measured, ours, rows, simulator
from benchmarks.table import Figure
from etl.core.markets import USDM
from etl.core.orders import FIELDS, Order, latest_versions
from etl.core.timeline import DAY, MINUTE
from etl.exchange.pages import read_page
from etl.simulator.accounts import DEMO_KEY, DEMO_SECRET
from etl.simulator.history import Profile, generate
from etl.simulator.orders import json_array
from etl.store import orders
from etl.store.engine import connection_to, engine_for

ORDERS, DAYS = 100_000, 364
ROUNDS = 5
PAGE = 100


def figures(server: str) -> Iterator[Figure]:
    yield from backfill(server)
    yield from write_path(server)


def backfill(server: str) -> Iterator[Figure]:
    """The best of five pairs of runs, the floor first."""
    walls, floors, peaks, peaks_below = [], [], [], []
    with simulator(profile="bursty", orders=ORDERS, days=DAYS) as url:
        for _ in range(ROUNDS):
            until = time.time_ns() // 1_000_000 - 10 * MINUTE
            with database(server) as place:
                span = [str(until - DAYS * DAY), str(until)]
                below = measured([sys.executable, "-m", "benchmarks.floor", url, place, *span, DEMO_KEY, DEMO_SECRET])
                above = ours(url, place, "backfill", "--since", span[0], "--until", span[1])
                stored = rows(place, "SELECT count(*) FROM force_orders")
                if stored != rows(place, "SELECT count(*) FROM floor_orders"):
                    raise RuntimeError("the two tables differ")
            walls.append(above.wall)
            floors.append(below.wall)
            peaks.append(above.peak_mb)
            peaks_below.append(below.peak_mb)
    ratio = min(walls) / min(floors)
    what = f"backfill of {stored:,} orders, {DAYS // 7} windows, wall"
    yield Figure(what, f"{min(walls):.1f} s", f"{min(floors):.1f} s", ratio, "ratio ≤ 1.5")
    yield Figure("… peak memory", f"{max(peaks):.0f} MB", f"{max(peaks_below):.0f} MB", None, "≤ 90 MB")


def write_path(server: str) -> Iterator[Figure]:
    """The upsert alone, page by page, beside a COPY of the same rows into the same table with the same indexes."""
    began, until = 1_790_000_000_000, 1_790_000_000_000 + 100 * DAY
    history = generate("1", began, until, Profile("bursty", 300.0))
    batches = (json_array(history[at : at + PAGE]) for at in range(0, len(history), PAGE))
    pages = [latest_versions(read_page(batch, until).orders) for batch in batches]
    prepared = [[columns_of(order) for order in page] for page in pages]
    upserts, copies = [], []
    with database(server) as place, connection_to(engine_for(place)) as connection:
        for _ in range(ROUNDS):
            copies.append(timed_copy(connection, prepared))
            upserts.append(timed_upsert(connection, pages))
    rate, bare = len(history) / min(upserts), len(history) / min(copies)
    yield Figure("upsert of a page, rows a second", f"{rate:,.0f}", f"COPY {bare:,.0f}", rate / bare, "ratio ≥ 0.8")


def timed_upsert(connection: Connection, pages: list[list[Order]]) -> float:
    empty(connection)
    began = time.perf_counter()
    for page in pages:
        orders.upsert(connection, "main", USDM, 1, page)
        connection.commit()
    return time.perf_counter() - began


def timed_copy(connection: Connection, pages: list[list[list[object]]]) -> float:
    empty(connection)
    own = ["account", "market", *(field.column for field in FIELDS), "close_type", "order_time", "update_time", "raw"]
    own += ["first_seen_at", "changed_at", "first_run_id", "last_run_id"]
    driver = connection.connection.driver_connection
    assert driver is not None
    began = time.perf_counter()
    for page in pages:
        with driver.cursor().copy(f"COPY force_orders ({', '.join(own)}) FROM STDIN") as copy:
            for row in page:
                copy.write_row(row)
        driver.commit()
    return time.perf_counter() - began


def empty(connection: Connection) -> None:
    connection.execute(text("TRUNCATE force_orders, force_order_revisions"))
    connection.commit()


def columns_of(order: Order) -> list[object]:
    row = json.loads(order.raw)
    now, epoch = datetime.now(UTC), datetime.fromtimestamp(0, UTC)
    times = [epoch + timedelta(milliseconds=instant) for instant in (order.order_time, order.update_time)]
    fields = [row.get(field.wire) for field in FIELDS]
    return ["main", USDM, *fields, order.close_type.value, *times, order.raw, now, now, 1, 1]
