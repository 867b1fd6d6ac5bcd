"""How time, memory and weight grow with windows and with orders: linear, flat and linear."""

import re
from collections.abc import Iterator

from benchmarks.places import database, ours, simulator
from benchmarks.table import Figure

WINDOWS = (1, 10, 100, 1_000)
ORDERS = (1_000, 10_000, 100_000, 1_000_000)
DAYS = 364


def figures(server: str) -> Iterator[Figure]:
    with simulator(profile="empty", days=1) as url:
        for windows in WINDOWS:
            yield growth(server, url, f"{windows:,} empty windows", days=7 * windows)
    for orders in ORDERS:
        with simulator(profile="bursty", orders=orders, days=DAYS) as url:
            aim = "≤ 150 MB" if orders == ORDERS[-1] else ""
            yield growth(server, url, f"{orders:,} orders in {DAYS // 7} windows", days=DAYS, aim=aim)


def growth(server: str, url: str, what: str, days: int, aim: str = "") -> Figure:
    with database(server) as place:
        cost = ours(url, place, "backfill", "--since", f"{days}d")
    weight = re.search(r"weight (\d+)", cost.said)
    return Figure(what, f"{cost.wall:.1f} s, {cost.peak_mb:.0f} MB, weight {weight[1] if weight else '?'}", aim=aim)
