"""The tools: how each is installed, what is run for a span of time, and which table that leaves."""

import json
import os
import re
import subprocess
import sys
import tempfile
import venv
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks.places import COMPILED, ORDERS_ALONE, PLENTY, ROOT, Cost, database, launched
from etl import __version__
from etl.simulator.accounts import DEMO_KEY, DEMO_SECRET

HERE = Path(__file__).resolve().parent
VENVS = ROOT / ".venv-peers"


@dataclass(frozen=True)
class Job:
    """What to read and where to write it; both ends in milliseconds. The directory is the tool's own and stays."""

    base_url: str
    database_url: str
    since: int
    until: int
    directory: Path

    @property
    def arguments(self) -> list[str]:
        return [self.base_url, self.database_url, str(self.since), str(self.until), DEMO_KEY, DEMO_SECRET]


@dataclass(frozen=True)
class Tool:
    """A name with its version, the programs of a job (joined by pipes), their environment and the table they fill."""

    name: str
    table: str
    programs: Callable[[Job], list[list[str]]]
    environment: Callable[[Job], dict[str, str]] = lambda job: {}


def run(tool: Tool, job: Job) -> Cost:
    """Run the tool's programs to their end, or to the end of patience."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"} | COMPILED
    return launched(tool.programs(job), environment | tool.environment(job), job.directory)


@contextmanager
def place(server: str, base_url: str) -> Iterator[Job]:
    """A database and a directory of a tool's own; the job has no span yet."""
    with database(server) as url, tempfile.TemporaryDirectory(prefix="fo-peer-") as directory:
        yield Job(base_url, url, 0, 0, Path(directory))


def spanning(job: Job, since: int, until: int) -> Job:
    return replace(job, since=since, until=until)


def peers() -> list[Tool]:
    """The peers, installed. Raises CalledProcessError where pip cannot."""
    return [
        Tool(installed("dlt"), "dlt.force_orders", script("dlt"), dlt_environment),
        Tool(installed("sdk"), "sdk_orders", script("sdk")),
        Tool(installed("ccxt"), "ccxt_orders", script("ccxt")),
        Tool(installed("singer"), "singer.force_orders", singer_programs),
    ]


def installed(name: str) -> str:
    """Make the virtual environment of these pins unless it is there; the pins as words."""
    pins = (HERE / f"{name}.txt").read_text(encoding="utf-8")
    place = VENVS / name
    stamp = place / "pins.txt"
    if not stamp.exists() or stamp.read_text(encoding="utf-8") != pins:
        print(f"Setting up {place.relative_to(ROOT)} ...", file=sys.stderr)
        venv.create(place, clear=True, with_pip=True)
        pip = [python(name), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*pip, "-r", str(HERE / f"{name}.txt")], check=True)
        stamp.write_text(pins, encoding="utf-8")
    return "\n+ ".join(re.sub(r"\[.*\]", "", pin).replace("==", " ") for pin in pins.split())


def python(name: str) -> str:
    return str(VENVS / name / "bin" / "python")


def script(name: str) -> Callable[[Job], list[list[str]]]:
    return lambda job: [[python(name), str(HERE / f"{name}_orders.py"), *job.arguments]]


def dlt_environment(job: Job) -> dict[str, str]:
    return {"RUNTIME__DLTHUB_TELEMETRY": "false", "DLT_DATA_DIR": str(job.directory)}


def singer_programs(job: Job) -> list[list[str]]:
    """Tap and target. Writes their configuration files."""
    tap = {"base_url": job.base_url, "since": job.since, "until": job.until, "key": DEMO_KEY, "secret": DEMO_SECRET}
    target = {
        "sqlalchemy_url": job.database_url.replace("postgresql:", "postgresql+psycopg:", 1),
        "default_target_schema": "singer",
        "use_copy": True,
        "activate_version": False,
        "add_record_metadata": False,
    }
    files = {name: job.directory / f"{name}.json" for name in ("tap", "target")}
    files["tap"].write_text(json.dumps(tap), encoding="utf-8")
    files["target"].write_text(json.dumps(target), encoding="utf-8")
    return [
        [python("singer"), str(HERE / "tap_force_orders.py"), "--config", str(files["tap"])],
        [str(VENVS / "singer" / "bin" / "target-postgres"), "--config", str(files["target"])],
    ]


FLOOR = Tool(
    "floor (requests, psycopg, no more)",
    "floor_orders",
    lambda job: [[sys.executable, "-m", "benchmarks.floor", *job.arguments]],
    lambda job: {"PYTHONPATH": str(ROOT)},
)


def ours(command: str) -> Tool:
    """`backfill` of the job's span, or `sync`."""

    def programs(job: Job) -> list[list[str]]:
        span = ["--since", str(job.since), "--until", str(job.until)] if command == "backfill" else []
        return [[sys.executable, "-m", "etl", command, *span]]

    def environment(job: Job) -> dict[str, str]:
        return {
            "FORCE_ORDERS_BASE_URL": job.base_url,
            "FORCE_ORDERS_DATABASE_URL": job.database_url,
            "FORCE_ORDERS_RETENTION_DAYS": "90" if command == "sync" else "0",
            **{f"FORCE_ORDERS_{name.upper()}": str(value) for name, value in ORDERS_ALONE.items()},
            "FORCE_ORDERS_WEIGHT_BUDGET": str(PLENTY),
            "BINANCE_API_KEY": DEMO_KEY,
            "BINANCE_API_SECRET": DEMO_SECRET,
            "PYTHONPATH": str(ROOT),
        }

    return Tool(f"force-orders {__version__} {command}", "force_orders", programs, environment)
