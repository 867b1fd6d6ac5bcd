"""The campaign: `python -m tests.chaos`. Seeded runs on two servers at once, one table at the end.

CHAOS_RUNS says how many (300), CHAOS_SEED the number of the first (1). Exit 1 where the database was not what it should
be; `make chaos CHAOS_SEED=<number> CHAOS_RUNS=1` does that run again.
"""

import os
import sys
import time
from collections import Counter
from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from tests.chaos.campaign import Outcome
from tests.chaos.drawing import ANSWERS, BLOWS
from tests.chaos.workers import carried_out


def main() -> int:
    first, runs = int(os.environ.get("CHAOS_SEED", "1")), int(os.environ.get("CHAOS_RUNS", "300"))
    began = time.monotonic()
    outcomes = []
    for outcome in carried_out(range(first, first + runs)):
        outcomes.append(outcome)
        for complaint in outcome.wrong:
            print(f"seed {outcome.seed}: {complaint}", flush=True)
        if len(outcomes) % 25 == 0:
            print(f"{len(outcomes)} of {runs} runs", file=sys.stderr, flush=True)
    Console(width=100).print(table(outcomes))
    commands = sum(outcome.commands for outcome in outcomes)
    print(f"seeds {first} to {first + runs - 1}, {commands} commands, {time.monotonic() - began:.0f} s")
    return int(len(outcomes) < runs or any(outcome.wrong for outcome in outcomes))


def table(outcomes: Sequence[Outcome]) -> Table:
    """How often each disturbance was met, and in how many of these runs the database was as it should be."""
    met, survived = Counter[str](), Counter[str]()
    for outcome in outcomes:
        met.update(outcome.met)
        survived.update(() if outcome.wrong else outcome.met)
    shown = Table(box=None, pad_edge=False)
    shown.add_column("disturbance")
    shown.add_column("met", justify="right")
    shown.add_column("survived", justify="right")
    for name in (*BLOWS, *ANSWERS):
        shown.add_row(name, str(met[name]), str(survived[name]))
    shown.add_section()
    shown.add_row("all", str(met.total()), str(survived.total()))
    shown.add_row("runs", str(len(outcomes)), str(sum(not outcome.wrong for outcome in outcomes)))
    return shown


if __name__ == "__main__":
    sys.exit(main())
