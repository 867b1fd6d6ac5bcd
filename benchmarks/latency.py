"""A distant exchange: 90 days with 150 ms a request, by windows in flight."""

from collections.abc import Iterator

from benchmarks.places import database, ours, simulator
from benchmarks.table import Figure


def figures(server: str) -> Iterator[Figure]:
    with simulator(profile="quiet", latency_ms=150) as url:
        for concurrency, aim in ((1, ""), (4, ""), (8, "≤ 2 s")):
            with database(server) as place:
                cost = ours(url, place, "backfill", retention_days=90, concurrency=concurrency)
            yield Figure(f"90 days at 150 ms a request, {concurrency} windows in flight", f"{cost.wall:.1f} s", aim=aim)
