"""`python -m benchmarks.reports`: questions about a million orders, as multiples of one sum over the table.

The first question is asked before the days are summed, as each night does; all others after it. Every question is asked
in turn with the sum, ROUNDS times, and the medians are compared. It is the server's time for all rows and columns,
without sending them. Takes about six minutes.
"""

import os
import statistics
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event

import psycopg
from rich.console import Console

from benchmarks.__main__ import machine
from benchmarks.places import ROOT, database, launched, server
from benchmarks.report_data import fill
from benchmarks.table import Figure, table
from etl.runs.marked_days import sum_marked_days
from etl.store.engine import connection_to, engine_for
from tests.pages import section

ROUNDS = 3
SUM = "SELECT count(*), sum(cum_quote) FROM force_orders"


@dataclass(frozen=True)
class Question:
    """SQL, and how many times the sum it may take."""

    what: str
    sql: str
    ratio: float


def documented(heading: str) -> str:
    """The SQL of a question in docs/sql.md."""
    below = section("docs/sql.md", "Questions").partition(f"### {heading}\n")[2]
    return below.partition("```sql\n")[2].partition(";\n")[0]


OF_A_MONTH = "'2026-05-01Z', '2026-06-01Z'"
OF_30_DAYS = "c.day BETWEEN '2026-06-01' AND '2026-06-30'"
DAYS = Question("report_daily of everything", "SELECT * FROM report_daily", 8)
QUESTIONS = (
    Question(
        "how much of each cascade of a month was filled, of all accounts",
        documented("How much of each cascade was filled?").replace("'2026-09-01Z', '2026-10-01Z'", OF_A_MONTH),
        2,
    ),
    Question("all cascades", "SELECT * FROM report_cascades_between()", 20),
    Question("… from the view", "SELECT * FROM report_cascades", 20),
    DAYS,
    Question(
        "30 days of report_coverage with report_daily",
        documented("What came on each of the last 30 days, and is that all?").replace(
            "c.day > current_date - 30", OF_30_DAYS
        ),
        3,
    ),
    Question(
        "… in a plain join",
        "SELECT * FROM report_coverage c LEFT JOIN report_daily d USING (account, market, day) WHERE " + OF_30_DAYS,
        3,
    ),
    Question("the newest 100 of all accounts", documented("What are the newest orders of all accounts?"), 0.2),
    Question("… in a plain query", "SELECT * FROM report_force_orders ORDER BY order_time DESC LIMIT 100", 0.2),
    Question(
        "sums by quote asset",
        "SELECT quote_asset, count(*), sum(notional) FROM report_force_orders GROUP BY quote_asset",
        2,
    ),
)


def figures(server_url: str) -> Iterator[Figure]:
    with database(server_url) as place:
        with psycopg.connect(place, autocommit=True) as connection:
            fill(connection)
            yield _beside_the_sum(connection, replace(DAYS, what="… before its days are summed"))
            began = time.perf_counter()
            with connection_to(engine_for(place)) as ours:
                sum_marked_days(ours, Event(), longest_s=600)
            yield Figure("summing all days once", f"{time.perf_counter() - began:.1f} s")
            for question in QUESTIONS:
                yield _beside_the_sum(connection, question)
        yield _report(place)


def _beside_the_sum(connection: psycopg.Connection, question: Question) -> Figure:
    ours, sums = [], []
    for _ in range(ROUNDS):
        sums.append(_seconds(connection, SUM))
        ours.append(_seconds(connection, question.sql))
    asked, whole = statistics.median(ours), statistics.median(sums)
    return Figure(question.what, f"{asked:.2f} s", f"{whole:.2f} s", asked / whole, f"ratio ≤ {question.ratio:g}")


def _seconds(connection: psycopg.Connection, query: str) -> float:
    """What Postgres takes for all rows and columns, without sending them."""
    explained = connection.execute(f"EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) {query}".encode()).fetchone()
    assert explained is not None
    return float(explained[0][0]["Execution Time"]) / 1000


def _report(place: str) -> Figure:
    """The best of three, as a whole process."""
    with TemporaryDirectory() as directory:
        environment = {
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "FORCE_ORDERS_DATABASE_URL": place,
            "FORCE_ORDERS_DATA_DIR": directory,
        }
        words = [sys.executable, "-m", "etl", "report"]
        costs = [launched([words], environment, Path(directory)) for _ in range(3)]
    for cost in costs:
        if cost.failure:
            raise RuntimeError(f"report {cost.failure}")
    wall, peak = min(cost.wall for cost in costs), max(cost.peak_mb for cost in costs)
    return Figure("force-orders report", f"{wall:.1f} s, {peak:.0f} MB", aim="≤ 5 s")


def main() -> None:
    print(machine())
    with server() as url:
        found = list(figures(url))
    Console(width=150, markup=False, highlight=False).print(table({"reports": found}))


if __name__ == "__main__":
    main()
