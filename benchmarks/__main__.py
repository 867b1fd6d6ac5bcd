"""`python -m benchmarks [NAME …] [--write PAGE]`: what the program costs, beside the least possible, in the same run.

With a page, such as docs/benchmarks.md, each table is also written between its markers there.
"""

import os
import platform
import sys
from compileall import compile_dir
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

from rich.console import Console

from benchmarks import budget, bulk, capacity, fleet, growth, latency, market_weight, nightly, weight
from benchmarks.places import ROOT, server
from benchmarks.table import markdown, table, write

SECTIONS = {
    "weight": weight.figures,
    "markets": market_weight.figures,
    "nightly": nightly.figures,
    "bulk": bulk.figures,
    "fleet": fleet.figures,
    "latency": latency.figures,
    "budget": budget.figures,
    "capacity": capacity.figures,
    "growth": growth.figures,
}


def machine() -> str:
    today = f"{datetime.now(UTC):%Y-%m-%d}"
    return f"{today}, {os.cpu_count()} cores {platform.machine()}, Python {platform.python_version()}"


def main(arguments: list[str]) -> None:
    pages = [Path(page) for flag, page in pairwise(arguments) if flag == "--write"]
    wanted = arguments[: arguments.index("--write")] if pages else arguments
    print(machine())
    compile_dir(ROOT / "etl", quiet=1)  # as where the program is installed
    found = {}
    with server() as url:
        for name, figures in SECTIONS.items():
            if not wanted or name in wanted:
                print(f"measuring {name} ...", file=sys.stderr)
                found[name] = list(figures(url))
    for page in pages:
        for name, section in found.items():
            write(page, name, f"Measured on {machine()}.\n\n{markdown(section)}")
    Console(width=180, markup=False, highlight=False).print(table(found))


if __name__ == "__main__":
    main(sys.argv[1:])
