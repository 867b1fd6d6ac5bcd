"""What a benchmark runs on: the simulator as a separate process, a Postgres, and programs whose cost is measured.

FORCE_ORDERS_TEST_DATABASE_URL names a server to use, on which databases may be made; else it is an embedded one.
"""

import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from threading import Thread

import psycopg
from psycopg import sql

from benchmarks.server_cpu import server_cpu
from etl.embedded.server import EmbeddedPostgres
from etl.settings.model import Settings
from etl.simulator.accounts import DEMO_KEY, DEMO_SECRET
from etl.store import migrate
from etl.store.engine import connection_to, engine_for

ROOT = Path(__file__).resolve().parents[1]
LAUNCHER = ROOT / "benchmarks" / "launch.py"
TIMEOUT_S = 900
PLENTY = 10_000_000
"""Weight a minute; in effect no limit."""

ORDERS_ALONE: dict[str, int] = {"cost_weight": 0, "reconcile_days": 0, "audit_windows": 0}
"""Settings with which a night reads force orders and nothing else; its other parts are measured by themselves."""


def orders_alone(settings: Settings) -> Settings:
    """The same with those settings."""
    return replace(
        settings,
        cost_weight=ORDERS_ALONE["cost_weight"],
        reconcile_days=ORDERS_ALONE["reconcile_days"],
        audit_windows=ORDERS_ALONE["audit_windows"],
    )


COMPILED = {"PYTHONDONTWRITEBYTECODE": ""}
"""Byte code is kept, as where the program is installed."""

_numbers = count()


@dataclass(frozen=True)
class Cost:
    """What programs joined by pipes cost: seconds of wall and CPU time, and the peak memory of each in megabytes.

    `server_cpu`: seconds that the database server worked meanwhile. `said` is what they wrote to stderr, and the last
    of them to stdout; `failure` says why one failed, or is empty.
    """

    wall: float
    peaks_mb: tuple[float, ...]
    said: str
    failure: str = ""
    cpu: float = 0.0
    server_cpu: float = 0.0

    @property
    def peak_mb(self) -> float:
        return sum(self.peaks_mb)


def launched(commands: Sequence[Sequence[str]], environment: Mapping[str, str], directory: Path = ROOT) -> Cost:
    """Run programs joined by pipes to their end, for at most TIMEOUT_S seconds."""
    launcher = [sys.executable, "-I", "-S", str(LAUNCHER), str(TIMEOUT_S), json.dumps(commands)]
    with tempfile.TemporaryFile("w+") as said:
        done = subprocess.run(
            launcher, env=environment, cwd=directory, stdout=subprocess.PIPE, stderr=said, text=True, check=True
        )
        said.seek(0)
        text = said.read().strip()
    found = json.loads(done.stdout)
    lines = ["", *text.splitlines()]
    complaint = next((line for line in reversed(lines) if "error" in line.lower()), lines[-1])
    failure = f"ended with {found['codes']}: {complaint[:200]}" if any(found["codes"]) else ""
    if found["expired"]:
        failure = f"no end after {TIMEOUT_S} s"
    return Cost(found["wall"], tuple(found["peaks_mb"]), text, failure, found["cpu"])


def measured(
    words: Sequence[str], environment: Mapping[str, str] | None = None, database_url: str | None = None
) -> Cost:
    """Run a program to its end; it must end with 0. `database_url`: of the server whose CPU time counts, too."""
    before = server_cpu(database_url) if database_url else 0.0
    cost = launched([words], {**os.environ, **COMPILED, "PYTHONPATH": str(ROOT), **(environment or {})})
    if database_url:
        cost = replace(cost, server_cpu=server_cpu(database_url) - before)
    if cost.failure:
        raise RuntimeError(f"{' '.join(words[:4])} … {cost.failure}")
    return cost


@contextmanager
def simulator(**switches: object) -> Iterator[str]:
    """The address of a simulator without limits of weight or retention, unless `switches` set some."""
    options = {"retention-days": 0, "weight-limit": PLENTY, **{k.replace("_", "-"): v for k, v in switches.items()}}
    words = [str(word) for name, value in options.items() for word in (f"--{name}", value)]
    process = subprocess.Popen(
        [sys.executable, "-m", "etl.simulator", *words], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        first = process.stdout.readline()
        found = re.search(r"http://127\.0\.0\.1:\d+", first)
        if found is None:
            raise RuntimeError(f"the simulator does not start: {first}")
        # It also lists its accounts: many of them fill the pipe, and it would wait for somebody to read.
        Thread(target=process.stdout.read, daemon=True).start()
        yield found[0]
    finally:
        process.terminate()
        process.wait()


@contextmanager
def server() -> Iterator[str]:
    """The libpq URL of a server's database `postgres`."""
    named = os.environ.get("FORCE_ORDERS_TEST_DATABASE_URL")
    if named:
        yield named
        return
    with tempfile.TemporaryDirectory(prefix="fo-") as directory:
        Path(directory).chmod(0o711)  # under root the server runs as another user
        with EmbeddedPostgres(Path(directory)) as embedded:
            yield with_database(embedded.libpq_url, "postgres")


@contextmanager
def database(server_url: str) -> Iterator[str]:
    """A new database with our schema."""
    name = sql.Identifier(f"fo_bench_{os.getpid()}_{next(_numbers)}")
    with psycopg.connect(server_url, autocommit=True) as admin:
        admin.execute(sql.SQL("CREATE DATABASE {}").format(name))
        url = with_database(server_url, name.as_string().strip('"'))
        with connection_to(engine_for(url)) as connection:
            migrate.upgrade(connection)
        yield url
        admin.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(name))


def with_database(url: str, name: str) -> str:
    head, _, query = url.partition("?")
    return f"{head.rpartition('/')[0]}/{name}" + (f"?{query}" if query else "")


def ours(url: str, database_url: str, *arguments: str, **settings: object) -> Cost:
    """Our command as a separate process."""
    own = {f"FORCE_ORDERS_{name.upper()}": str(value) for name, value in settings.items()}
    return measured(
        [sys.executable, "-m", "etl", *arguments],
        {
            "FORCE_ORDERS_BASE_URL": url,
            "FORCE_ORDERS_DATABASE_URL": database_url,
            "FORCE_ORDERS_RETENTION_DAYS": "0",
            "FORCE_ORDERS_WEIGHT_BUDGET": str(PLENTY),
            "BINANCE_API_KEY": DEMO_KEY,
            "BINANCE_API_SECRET": DEMO_SECRET,
            **own,
        },
        database_url,
    )


def rows(database_url: str, query: str) -> int:
    """The one number that a query returns."""
    with psycopg.connect(database_url) as connection:
        found = connection.execute(query).fetchone()
    assert found is not None
    return int(found[0])
