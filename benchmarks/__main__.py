"""`python -m benchmarks [NAME …]`: what the program costs, beside the least possible, measured in the same run."""

import os
import platform
import sys
from datetime import UTC, datetime

from rich.console import Console

from benchmarks import budget, bulk, capacity, growth, latency, market_weight, nightly, weight
from benchmarks.places import server
from benchmarks.table import table

SECTIONS = {
    "weight": weight.figures,
    "markets": market_weight.figures,
    "nightly": nightly.figures,
    "bulk": bulk.figures,
    "latency": latency.figures,
    "budget": budget.figures,
    "capacity": capacity.figures,
    "growth": growth.figures,
}


def machine() -> str:
    today = f"{datetime.now(UTC):%Y-%m-%d}"
    return f"{today}, {os.cpu_count()} cores {platform.machine()}, Python {platform.python_version()}"


def main(wanted: list[str]) -> None:
    print(machine())
    found = {}
    with server() as url:
        for name, figures in SECTIONS.items():
            if not wanted or name in wanted:
                print(f"measuring {name} ...", file=sys.stderr)
                found[name] = list(figures(url))
    Console(width=150, markup=False, highlight=False).print(table(found))


if __name__ == "__main__":
    main(sys.argv[1:])
