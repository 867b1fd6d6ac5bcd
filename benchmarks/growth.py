"""How time, memory and weight grow with windows and with orders: linear, flat and linear."""

import re
from collections.abc import Iterator

from benchmarks.places import database, ours, simulator
from benchmarks.table import Figure

WINDOWS = (1, 10, 100, 1_000)
WINDOW_DAYS = 2
"""A thousand windows of a week would begin before the exchange existed."""
ORDERS = (1_000, 10_000, 100_000, 1_000_000)
DAYS = 364


def figures(server: str) -> Iterator[Figure]:
    with simulator(profile="empty", days=1) as url:
        for windows in WINDOWS:
            yield growth(server, url, "empty, windows of two days", days=WINDOW_DAYS * windows, window_days=WINDOW_DAYS)
    for orders in ORDERS:
        with simulator(profile="bursty", orders=orders, days=DAYS) as url:
            aim = "≤ 150 MB" if orders == ORDERS[-1] else ""
            yield growth(server, url, f"{orders:,} orders", days=DAYS, aim=aim)


def growth(server: str, url: str, what: str, days: int, aim: str = "", **settings: object) -> Figure:
    with database(server) as place:
        cost = ours(url, place, "backfill", "--since", f"{days}d", **settings)
    ((windows, weight),) = re.findall(r"(\d+) windows?, .*weight (\d+)", cost.said)
    took = f"{cost.wall:.1f} s, {cost.peak_mb:.0f} MB, weight {int(weight):,}"
    return Figure(f"{what}, windows: {int(windows):,}", took, aim=aim)
