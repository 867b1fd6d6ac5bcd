"""`python -m benchmarks.peers [--write PAGE]`: the official SDK, dlt, ccxt and Singer beside `force-orders`.

On one simulator and one Postgres. With a page, the tables are also written between their markers there.

Two jobs: a year's backfill, and a night when everything is up to date. What a backfill leaves in its table is held
against the exchange's own history.
"""

import sys
import time
from collections.abc import Sequence
from compileall import compile_dir
from contextlib import ExitStack
from itertools import pairwise
from pathlib import Path
from statistics import median

from rich.console import Console
from rich.table import Table

from benchmarks import bulk, nightly
from benchmarks.__main__ import machine
from benchmarks.peers.filler import fill
from benchmarks.peers.tools import FLOOR, Job, Tool, ours, peers, place, run, spanning
from benchmarks.peers.verdict import history, verdict
from benchmarks.places import ROOT, Cost, server, simulator
from benchmarks.rounds import spread
from benchmarks.table import write
from etl.core.timeline import DAY, MINUTE

ROUNDS = 3


def backfills(server_url: str, orders: int = bulk.ORDERS, days: int = bulk.DAYS, rounds: int = ROUNDS) -> Table:
    """The median of the rounds of every tool, the tools in turn, each into a database of its own."""
    own = ours("backfill")
    tools = [FLOOR, own, *peers()]
    costs: dict[Tool, list[Cost]] = {tool: [] for tool in tools}
    verdicts: dict[Tool, str] = {}
    with simulator(profile="bursty", orders=orders, days=days) as url:
        for _ in range(rounds):
            until = now() - 10 * MINUTE
            known = history(url, until - days * DAY, until)
            for tool in tools:
                with place(server_url, url) as job:
                    costs[tool].append(run(tool, spanning(job, until - days * DAY, until)))
                    verdicts[tool] = verdict(job.database_url, tool.table, known)
    title = f"backfill of {len(known):,} orders, {days // 7} windows, median of {rounds}"
    table = columns(title, "wall s", "CPU s", "peak MB", "times ours", "table")
    for tool in tools:
        said = "; ".join([*failures(costs[tool]), verdicts[tool]])
        own_cost = costs[tool]
        table.add_row(tool.name, wall(own_cost), cpu(own_cost), peak(own_cost), ratio(own_cost, costs[own]), said)
    return table


def nights(server_url: str, rounds: int = ROUNDS) -> Table:
    """The last 7 days once more, nothing new in them: on few rows, then on millions more."""
    tools = [ours("sync"), *peers()]
    with simulator(profile="quiet") as url, ExitStack() as stack:
        jobs = {tool: stack.enter_context(place(server_url, url)) for tool in tools}
        for tool, job in jobs.items():
            first = run(tool, spanning(job, now() - 90 * DAY, now()))
            if first.failure:
                raise RuntimeError(f"{tool.name} {first.failure}")
        few = last_weeks(jobs, rounds)
        for tool, job in jobs.items():
            fill(job.database_url, tool.table)
        many = last_weeks(jobs, rounds)
    title = f"a night, all up to date, whole process, median of {rounds}; then on {nightly.MILLIONS} million rows more"
    table = columns(title, "wall s", "peak MB", "times ours", "then s", "then MB", "times ours", "ended")
    for tool in tools:
        a, b = few[tool], many[tool]
        before, after = ((wall(one), peak(one), ratio(one, all_[tools[0]])) for one, all_ in ((a, few), (b, many)))
        table.add_row(tool.name, *before, *after, "; ".join(failures([*a, *b])) or "well")
    return table


def last_weeks(jobs: dict[Tool, Job], rounds: int) -> dict[Tool, list[Cost]]:
    """What the last 7 days cost each tool, the tools in turn."""
    costs: dict[Tool, list[Cost]] = {tool: [] for tool in jobs}
    for _ in range(rounds):
        for tool, job in jobs.items():
            costs[tool].append(run(tool, spanning(job, now() - 7 * DAY, now())))
    return costs


def now() -> int:
    return time.time_ns() // 1_000_000


def well(costs: Sequence[Cost]) -> list[Cost]:
    """The runs that ended well."""
    return [cost for cost in costs if not cost.failure]


def wall(costs: Sequence[Cost]) -> str:
    return spread([cost.wall for cost in well(costs)], "{:.2f}".format) if well(costs) else "–"


def cpu(costs: Sequence[Cost]) -> str:
    """Of the programs, without the database server."""
    return spread([cost.cpu for cost in well(costs)], "{:.2f}".format) if well(costs) else "–"


def ratio(costs: Sequence[Cost], own: Sequence[Cost]) -> str:
    theirs, ours = well(costs), well(own)
    return (
        f"{median(cost.wall for cost in theirs) / median(cost.wall for cost in ours):.2f}" if theirs and ours else "–"
    )


def peak(costs: Sequence[Cost]) -> str:
    """Of the worst run; where programs are joined by pipes, all of theirs together."""
    worst = max(costs, key=lambda cost: cost.peak_mb)
    parts = " + ".join(f"{one:.0f}" for one in worst.peaks_mb)
    return f"{worst.peak_mb:.0f} = {parts}" if len(worst.peaks_mb) > 1 else parts


def failures(costs: Sequence[Cost]) -> list[str]:
    return sorted({cost.failure for cost in costs if cost.failure})


def columns(title: str, *heads: str) -> Table:
    table = Table(box=None, pad_edge=False, title=title, title_justify="left")
    for head in ("tool", *heads):
        worded = head in ("tool", "table", "ended")
        table.add_column(head, justify="left" if worded else "right", no_wrap=not worded)
    return table


def as_markdown(table: Table) -> str:
    """The same as it stands in the documentation."""
    columns = [[str(column.header), "---", *map(str, column.cells)] for column in table.columns]
    return "\n".join(f"| {' | '.join(cells)} |".replace("\n", " ") for cells in zip(*columns, strict=True))


def main(arguments: list[str]) -> None:
    pages = [Path(page) for flag, page in pairwise(arguments) if flag == "--write"]
    print(machine())
    print("Wall: of whole processes, the median. Peak: the worst; of a pipe's two programs together.")
    compile_dir(ROOT / "etl", quiet=1)
    with server() as url:
        for name, section in (("peers", backfills), ("peers at night", nights)):
            print()
            found = section(url)
            Console(width=160, markup=False).print(found)
            for page in pages:
                write(page, name, f"Measured on {machine()}: {found.title}.\n\n{as_markdown(found)}")


if __name__ == "__main__":
    main(sys.argv[1:])
