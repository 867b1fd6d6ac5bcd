"""A year's backfill of 100,000 orders: the whole program beside the floor, and the upsert beside a bare COPY."""

import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection, text

from benchmarks.places import ORDERS_ALONE, PLENTY, Cost, database, measured, ours, rows, simulator
from benchmarks.rounds import ROUNDS, ratio, seconds, spread
from benchmarks.table import Figure
from etl.core.markets import USDM, market_named
from etl.core.orders import FIELDS, Order, latest_versions
from etl.core.timeline import DAY, MINUTE
from etl.exchange.pages import read_page
from etl.simulator.accounts import DEMO_KEY, DEMO_SECRET
from etl.simulator.history import Profile, generate
from etl.simulator.orders import json_array
from etl.store import orders
from etl.store.engine import connection_to, engine_for

ORDERS, DAYS = 100_000, 364
PAGE = 100
MARKETS_READ = {USDM: ORDERS, "coinm": 20_000, "pm-usdm": 20_000, "pm-coinm": 20_000}
"""The markets of futures, each with about so many orders."""

_BOTH: dict[str, object] = {"markets": "usdm,coinm"}
_PORTFOLIO = _BOTH | {"portfolio_margin_from": "always", "papi_weight_limit": PLENTY}
HOSTS: dict[str, dict[str, object]] = {USDM: {}, "coinm": _BOTH, "pm-usdm": _PORTFOLIO, "pm-coinm": _PORTFOLIO}
"""The switches with which the simulator serves a market."""

CPU: dict[str, Callable[[Cost], float]] = {
    "the program": lambda cost: cost.cpu,
    "the database server": lambda cost: cost.server_cpu,
    "both": lambda cost: cost.cpu + cost.server_cpu,
}


def figures(server: str) -> Iterator[Figure]:
    for market, size in MARKETS_READ.items():
        yield from backfill(server, market, size)
    yield from write_path(server)


def backfill(server: str, market: str = USDM, size: int = ORDERS) -> Iterator[Figure]:
    """Three rounds, each the floor and then ours, with rows as the exchange sends them today."""
    below, above = list[Cost](), list[Cost]()
    with simulator(profile="bursty", orders=size, days=DAYS, **HOSTS[market]) as url:
        for _ in range(ROUNDS):
            until = time.time_ns() // 1_000_000 - 10 * MINUTE
            with database(server) as place:
                span = [str(until - DAYS * DAY), str(until)]
                words = [url, place, *span, DEMO_KEY, DEMO_SECRET, market_named(market).path]
                below.append(measured([sys.executable, "-m", "benchmarks.floor", *words], None, place))
                arguments = ("backfill", "--since", span[0], "--until", span[1])
                above.append(ours(url, place, *arguments, markets=market, **ORDERS_ALONE))
                # A run may ask for more than its span, where that costs no more.
                within = f"order_time >= to_timestamp({span[0]} / 1e3) AND order_time < to_timestamp({span[1]} / 1e3)"
                stored = rows(place, f"SELECT count(*) FROM force_orders WHERE {within}")
                if stored != rows(place, "SELECT count(*) FROM floor_orders"):
                    raise RuntimeError("the two tables differ")
                requests, weight = (rows(place, f"SELECT {name} FROM runs") for name in ("requests", "weight"))
    yield from compared(f"{market}: backfill of {stored:,} orders, {DAYS // 7} windows", stored, above, below)
    per_order, least = f"{requests / stored:.4f} requests, weight {weight / stored:.2f}", 50 / 99
    yield Figure("… an order, proven", per_order, f"weight {least:.2f}", weight / stored / least, "ratio ≤ 1.6")
    own, bare = (f"{max(cost.peak_mb for cost in costs):.0f} MB" for costs in (above, below))
    yield Figure("… peak memory", own, bare, None, "≤ 90 MB")


def compared(what: str, orders: int, above: Sequence[Cost], below: Sequence[Cost]) -> Iterator[Figure]:
    """Wall time, and CPU time an order, which other programs on the machine change little."""
    walls, floors = [cost.wall for cost in above], [cost.wall for cost in below]
    yield Figure(f"{what}, wall", seconds(walls), seconds(floors), ratio(walls, floors), "ratio ≤ 1.25")
    for which, of in CPU.items():
        own, least = ([of(cost) * 1e6 / orders for cost in costs] for costs in (above, below))
        said, bare = (spread(one, lambda value: f"{value:.0f}") + " µs" for one in (own, least))
        yield Figure(f"… CPU an order, {which}", said, bare, ratio(own, least))


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
    rates, bare = ([len(history) / took for took in all_] for all_ in (upserts, copies))
    shown = [spread(one, lambda value: f"{value:,.0f}") for one in (rates, bare)]
    yield Figure("upsert of a page, rows a second", shown[0], f"COPY {shown[1]}", ratio(rates, bare), "ratio ≥ 0.8")


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
