"""`python -m benchmarks.peers`: dlt, ccxt and Singer beside `force-orders`, on one simulator and one Postgres.

Two jobs: a year's backfill, and a night when everything is up to date. What a backfill leaves in its table is held
against the exchange's own history.
"""

import time
from collections.abc import Sequence
from contextlib import ExitStack

from rich.console import Console
from rich.table import Table

from benchmarks import bulk, nightly
from benchmarks.__main__ import machine
from benchmarks.peers.filler import fill
from benchmarks.peers.tools import FLOOR, Job, Tool, ours, peers, place, run, spanning
from benchmarks.peers.verdict import history, verdict
from benchmarks.places import Cost, server, simulator
from etl.core.timeline import DAY, MINUTE

ROUNDS = 2
NIGHTS = 5


def backfills(server_url: str, orders: int = bulk.ORDERS, days: int = bulk.DAYS, rounds: int = ROUNDS) -> Table:
    """Every tool's best round, the tools in turn, each into a database of its own."""
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
    title = f"backfill of {len(known):,} orders, {days // 7} windows, best of {rounds}"
    table = columns(title, "wall s", "peak MB", "times ours", "table")
    for tool in tools:
        said = "; ".join([*failures(costs[tool]), verdicts[tool]])
        table.add_row(tool.name, wall(costs[tool]), peak(costs[tool]), ratio(costs[tool], costs[own]), said)
    return table


def nights(server_url: str, rounds: int = NIGHTS) -> Table:
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
    title = (
        f"a night, everything up to date, whole process, best of {rounds}; then on {nightly.MILLIONS} million rows more"
    )
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


def best(costs: Sequence[Cost]) -> float | None:
    """Seconds of the best run of those that ended well."""
    return min((cost.wall for cost in costs if not cost.failure), default=None)


def wall(costs: Sequence[Cost]) -> str:
    seconds = best(costs)
    return "–" if seconds is None else f"{seconds:.2f}"


def ratio(costs: Sequence[Cost], own: Sequence[Cost]) -> str:
    seconds, our_seconds = best(costs), best(own)
    return "–" if seconds is None or our_seconds is None else f"{seconds / our_seconds:.2f}"


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


def main() -> None:
    print(machine())
    print("Wall: of whole processes, the best. Peak: the worst; of a pipe's two programs together.")
    with server() as url:
        for section in (backfills, nights):
            print()
            Console(width=140, markup=False).print(section(url))


if __name__ == "__main__":
    main()
