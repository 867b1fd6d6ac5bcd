"""`python -m benchmarks [NAME …]`: what the program costs, each figure beside its floor in the same run."""

import platform
import sys
from datetime import UTC, datetime

from benchmarks import budget, bulk, growth, latency, nightly, weight
from benchmarks.places import server
from benchmarks.table import show

SECTIONS = {
    "nightly": nightly.figures,
    "bulk": bulk.figures,
    "latency": latency.figures,
    "budget": budget.figures,
    "growth": growth.figures,
}


def main(wanted: list[str]) -> None:
    print(f"{datetime.now(UTC):%Y-%m-%d}, {platform.machine()}, Python {platform.python_version()}\n")
    if not wanted or "weight" in wanted:
        weight.main()
    with server() as url:
        for name, figures in SECTIONS.items():
            if not wanted or name in wanted:
                print()
                show(name, figures(url))


if __name__ == "__main__":
    main(sys.argv[1:])
