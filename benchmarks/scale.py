"""`python -m benchmarks.scale`: a year of 5,000 accounts, and what commands, scrapes and jobs cost on it.

Takes about six minutes and 4 GB of disk. A job is one night of an account of its own, in the full database and in an
empty one; the exchange's part is the simulator's answers, measured by themselves.
"""

import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event

import psycopg
import requests
from rich.console import Console
from sqlalchemy import text

from benchmarks.__main__ import machine
from benchmarks.places import ROOT, Cost, database, launched, orders_alone, server, simulator
from benchmarks.scale_data import Size, fill
from benchmarks.table import Figure, table
from etl.core.markets import USDM
from etl.fleet.jobs import ClaimedJob, Job
from etl.fleet.worker_context import WorkerContext
from etl.monitoring.address import parse_address
from etl.monitoring.scrape import Scrape
from etl.monitoring.server import serving
from etl.runs import composition
from etl.runs.old_runs import fold_old_runs
from etl.settings.model import AccountKeys, Settings
from etl.settings.secret import SecretStr
from etl.simulator.accounts import Account, demo_accounts
from etl.store.engine import connection_to, engine_for

ROUNDS = 9
"""Of each figure the best of so many is shown, as others may use the machine too."""

JOBS = 20
ANSWERS = 2
"""Requests of such a night: the new time, and what is read again."""

ONE = "account0105"


@dataclass(frozen=True)
class Command:
    """A command and the most that it may cost; it may end with 0 or 3."""

    words: tuple[str, ...]
    seconds: float
    megabytes: int = 150


COMMANDS = (
    Command(("status",), 2),
    Command(("status", "--account", ONE), 0.5),
    Command(("status", "--check"), 1),
    Command(("metrics",), 1),
    Command(("report", "--account", ONE), 3),
)


def figures(server_url: str, size: Size) -> Iterator[Figure]:
    with ExitStack() as stack:
        full, empty = (stack.enter_context(database(server_url)) for _ in range(2))
        directory = Path(stack.enter_context(TemporaryDirectory()))
        yield _filled(full, size)
        settings = _settings_file(directory, size)
        for command in COMMANDS:
            yield _cost(command, full, settings)
        yield from _scrapes(full, size)
        yield from _queries(full)
        yield from _jobs(full, empty, directory)


def _filled(full: str, size: Size) -> Figure:
    began = time.monotonic()
    with psycopg.connect(full, autocommit=True) as connection:
        fill(connection, size)
    made = time.monotonic() - began
    began = time.monotonic()
    with connection_to(engine_for(full)) as opened:
        fold_old_runs(opened, 400, Event(), 600)
        opened.execute(text("ANALYZE run_days"))
        opened.commit()
    took = f"{made:.0f} s, folding the runs of {size.days} days {time.monotonic() - began:.1f} s"
    return Figure(
        f"{size.accounts:,} accounts × {size.symbols} symbols × {size.days} days, {size.orders:,} orders", took
    )


def _settings_file(directory: Path, size: Size) -> Path:
    """All accounts are in the settings, as they are at an operator's."""
    file = directory / "force-orders.toml"
    file.write_text(
        "\n".join(
            f'[accounts.account{n:04}]\napi_key_variable = "K"\napi_secret_variable = "S"' for n in range(size.accounts)
        )
    )
    return file


def _cost(command: Command, full: str, settings: Path) -> Figure:
    environment = {"FORCE_ORDERS_DATABASE_URL": full, "FORCE_ORDERS_CONFIG": str(settings)}
    costs = [_run(command.words, environment) for _ in range(ROUNDS)]
    wall, peak = min(cost.wall for cost in costs), max(cost.peak_mb for cost in costs)
    aim = f"≤ {command.seconds:g} s, ≤ {command.megabytes} MB"
    return Figure(f"force-orders {' '.join(command.words)}", f"{wall:.2f} s, {peak:.0f} MB", aim=aim)


def _run(words: tuple[str, ...], environment: Mapping[str, str]) -> Cost:
    cost = launched([[sys.executable, "-m", "etl", *words]], {**os.environ, "PYTHONPATH": str(ROOT), **environment})
    if cost.failure and not cost.failure.startswith("ended with [3]"):
        raise RuntimeError(f"{' '.join(words)} {cost.failure}")
    return cost


def _scrapes(full: str, size: Size) -> Iterator[Figure]:
    """The first scrape of a process, and one that is answered from what was read before."""
    names = [f"account{n:04}" for n in range(size.accounts)]
    settings = Settings(database_url=SecretStr(full))
    first: list[float] = []
    later: list[float] = []
    for _ in range(ROUNDS):
        with serving(parse_address("0"), Scrape(settings, dict, dict.fromkeys(names, ()))) as port:
            for times in (first, later):
                times.append(_timed(partial(_scrape, port)) / 1000)
    yield Figure("a scrape, the first", f"{min(first):.2f} s", aim="≤ 1 s")
    yield Figure("… within the next 15 s", f"{min(later):.2f} s", aim="≤ 1 s")


def _scrape(port: int) -> None:
    answer = requests.get(f"http://127.0.0.1:{port}/metrics", timeout=30)
    if "force_orders_watermark_age_seconds" not in answer.text:
        raise RuntimeError("a scrape without figures")


QUERIES = {
    "watermarks of an account": f"SELECT * FROM watermarks WHERE account = '{ONE}'",
    "coverage_gaps of an account": f"SELECT * FROM coverage_gaps WHERE account = '{ONE}'",
    "coverage_gaps of all": "SELECT * FROM coverage_gaps",
    "jobs of an account": f"SELECT * FROM jobs WHERE account = '{ONE}'",
    "jobs, the newest 20": "SELECT * FROM jobs ORDER BY id DESC LIMIT 20",
    "report_coverage of an account": f"SELECT * FROM report_coverage WHERE account = '{ONE}'",
}


def _queries(full: str) -> Iterator[Figure]:
    with psycopg.connect(full, autocommit=True) as connection:
        for what, query in QUERIES.items():
            times = [_timed(partial(_fetch, connection, query)) for _ in range(ROUNDS)]
            yield Figure(f"the view {what}", f"{min(times):.1f} ms")


def _fetch(connection: psycopg.Connection, query: str) -> None:
    connection.execute(query.encode()).fetchall()


def _jobs(full: str, empty: str, directory: Path) -> Iterator[Figure]:
    accounts = demo_accounts(JOBS)
    with simulator(profile="quiet", accounts=JOBS) as url:
        on_full, on_empty = (_job_ms(place, url, accounts, directory, is_whole=False) for place in (full, empty))
        whole = _job_ms(full, url, accounts, directory, is_whole=True)
        answers = ANSWERS * _answer_ms(url)
    yield Figure("a job of one account: a night", f"{on_full:.0f} ms", f"{on_empty:.0f} ms", on_full / on_empty)
    yield Figure("… without the exchange's answers", f"{on_full - answers:.0f} ms", aim="≤ 30 ms")
    yield Figure("… with income and the list of all orders", f"{whole:.0f} ms")


def _job_ms(place: str, url: str, accounts: tuple[Account, ...], directory: Path, *, is_whole: bool) -> float:
    """The best of the second nights. `is_whole`: whether it reads income and the list of all orders too."""
    keys = {one.name: _keys(directory, one) for one in accounts}
    settings = Settings(
        database_url=SecretStr(place), base_url=url, markets=(USDM,), weight_budget=10_000_000, accounts=keys
    )
    settings = settings if is_whole else orders_alone(settings)
    stop = Event()
    with composition.access(settings, engine_for(place), stop) as access:
        context = WorkerContext(settings, access, stop, "bench/1")
        times: list[float] = []
        for night in range(2):
            for number, one in enumerate(accounts):
                job = ClaimedJob(Job(one.name, "default", is_last=True), 10_000_000 + number, 0)
                times += [_timed(partial(context.run_job, job))] * night
        context.connections.close()
    return min(times)


def _answer_ms(url: str) -> float:
    """What the simulator takes for a request, on a connection that is open."""
    with requests.Session() as session:
        return min(_timed(lambda: session.get(f"{url}/fapi/v1/time", timeout=30)) for _ in range(JOBS))


def _timed(action: Callable[[], object]) -> float:
    """Milliseconds."""
    began = time.monotonic()
    action()
    return 1000 * (time.monotonic() - began)


def _keys(directory: Path, account: Account) -> AccountKeys:
    files = []
    for name, secret in (("key", account.key), ("secret", account.secret)):
        files.append(directory / f"{account.name}.{name}")
        files[-1].touch(mode=0o600)
        files[-1].write_text(secret)
    return AccountKeys(api_key_file=files[0], api_secret_file=files[1])


def main() -> None:
    print(machine())
    with server() as url:
        found = list(figures(url, Size()))
    Console(width=150, markup=False, highlight=False).print(table({"scale": found}))


if __name__ == "__main__":
    main()
