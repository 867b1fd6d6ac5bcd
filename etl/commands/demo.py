"""The demo: the real job against the built-in simulator and an embedded Postgres of its own."""

import os
import shlex
import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from etl.accounts.credentials import Credentials, Keyring
from etl.accounts.key_sources import MAIN
from etl.runs.ingest import IngestSpec
from etl.runs.spans import SpanText, backfill_planner
from etl.settings.model import Settings
from etl.settings.secret import SecretStr
from etl.simulator.accounts import DEMO_KEY, DEMO_SECRET
from etl.simulator.history import Generated
from etl.simulator.scenario import Scenario
from etl.simulator.server import Simulator, history_seed

ROOM = 100_000
"""Weight a minute, of the exchange and of the budget: many times what the demo takes, so that it never waits."""

QUERY = "select symbol, close_type, count(*), sum(cum_quote) from force_orders group by 1, 2 order by 1, 2"

_SETTINGS = "# The settings of the demo's commands: the defaults, whatever another settings file says.\n"


@dataclass(frozen=True)
class Demo:
    """Settings that point at a running simulator and at the demo's own data; the user's own settings do not count."""

    settings: Settings
    spec: IngestSpec


@contextmanager
def prepare_demo(settings: Settings) -> Iterator[Demo]:
    """A simulator as long as the block lasts: the first demo shows the same history on every date, later ones go on."""
    own = demo_dir(settings)
    credentials = Credentials(MAIN, SecretStr(DEMO_KEY), SecretStr(DEMO_SECRET))
    history = Generated(seed=history_seed(1, MAIN), origin_ms=_origin(own))
    with Simulator(Scenario(weight_limit=ROOM), histories={MAIN: history}) as simulator:
        yield Demo(
            Settings(data_dir=own, base_url=simulator.url, weight_budget=ROOM),
            IngestSpec("demo", Keyring([credentials]), backfill_planner(SpanText(), [])),
        )


def demo_dir(settings: Settings) -> Path:
    """Where everything is that the demo makes."""
    return (settings.data_dir.expanduser() / "demo").absolute()


def _origin(directory: Path) -> int:
    """When the first demo in this directory began, epoch milliseconds; the simulator counts its days from there."""
    file = directory / "first-demo.txt"
    try:
        return int(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):  # there was none, or it was cut short
        now = time.time_ns() // 1_000_000
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    file.write_text(f"{now}\n", encoding="utf-8")
    return now


def command_for(settings: Settings, typed: str) -> str:
    """How a shell starts this program on the demo's data, whatever else is set; `typed` is our own `sys.argv[0]`.

    Settings that name another database are overruled. Where a settings file does, the demo's own takes its place.
    """
    own = demo_dir(settings)
    overruled = {"FORCE_ORDERS_DATA_DIR": str(own)}
    if os.environ.get("FORCE_ORDERS_DATABASE_URL"):
        overruled["FORCE_ORDERS_DATABASE_URL"] = ""
    elif settings.database_url is not None:
        file = own / "force-orders.toml"
        file.write_text(_SETTINGS, encoding="utf-8")
        overruled["FORCE_ORDERS_CONFIG"] = str(file)
    assigned = [f"{name}={shlex.quote(value) if value else ''}" for name, value in overruled.items()]
    return " ".join([*assigned, *map(shlex.quote, _program(typed))])


def _program(typed: str) -> list[str]:
    if Path(typed).name == "__main__.py":
        return [sys.executable, "-m", "etl"]
    found = shutil.which("force-orders")
    is_found = found is not None and Path(found).absolute() == Path(typed).absolute()
    return ["force-orders" if is_found else str(Path(typed).absolute())]
