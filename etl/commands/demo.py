"""`demo`: a backfill from the built-in simulator into an embedded Postgres of its own."""

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
from etl.core.markets import USDM
from etl.errors import StoreError
from etl.file_access import make_data_directory
from etl.runs.ingest import IngestSpec
from etl.runs.spans import SpanText, backfill_planner
from etl.settings.model import Settings
from etl.settings.secret import SecretStr
from etl.simulator.accounts import DEMO_KEY, DEMO_SECRET
from etl.simulator.history import Generated
from etl.simulator.scenario import Scenario
from etl.simulator.server import Simulator, history_seed

WEIGHT_LIMIT = 100_000
"""Weight a minute, of the simulator and of the budget: more than the demo uses, so that it never waits."""

QUERY = "select symbol, close_type, count(*), sum(cum_quote) from force_orders group by 1, 2 order by 1, 2"

_SETTINGS = "# The settings of the demo's commands: the defaults, whatever another settings file says.\n"


@dataclass(frozen=True)
class Demo:
    """Settings for a running simulator and the demo's own data; they ignore the user's settings."""

    settings: Settings
    spec: IngestSpec


@contextmanager
def prepare_demo(settings: Settings) -> Iterator[Demo]:
    """Run a simulator until the block ends. The first demo has the same history on every date; later ones extend it."""
    own = demo_dir(settings)
    credentials = Credentials(MAIN, SecretStr(DEMO_KEY), SecretStr(DEMO_SECRET))
    history = Generated(seed=history_seed(1, MAIN), origin_ms=_origin(own))
    with Simulator(Scenario(weight_limit=WEIGHT_LIMIT), histories={MAIN: history}) as simulator:
        yield Demo(
            Settings(data_dir=own, base_url=simulator.url, weight_budget=WEIGHT_LIMIT, markets=(USDM,)),
            IngestSpec("demo", Keyring([credentials]), backfill_planner(SpanText(), []), costs=True),
        )


def demo_dir(settings: Settings) -> Path:
    """The directory of everything that the demo creates."""
    return (settings.data_dir.expanduser() / "demo").absolute()


def _origin(directory: Path) -> int:
    """Start of the first demo in this directory, epoch milliseconds: the origin of the simulator's history.

    Raises StoreError if the directory cannot be created or written.
    """
    file = directory / "first-demo.txt"
    try:
        return int(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):  # this is the first demo, or the file is damaged
        now = time.time_ns() // 1_000_000
    try:
        make_data_directory(directory)
        file.write_text(f"{now}\n", encoding="utf-8")
    except OSError as error:
        raise StoreError(f"the demo's directory {directory} cannot be used: {error.strerror}") from None
    return now


def command_for(settings: Settings, typed: str) -> str:
    """The shell command that runs this program on the demo's data; `typed` is our own `sys.argv[0]`.

    Variables override settings that name another database. If a settings file does, the demo's own replaces it.
    """
    own = demo_dir(settings)
    overrides = {"FORCE_ORDERS_DATA_DIR": str(own)}
    if os.environ.get("FORCE_ORDERS_DATABASE_URL"):
        overrides["FORCE_ORDERS_DATABASE_URL"] = ""
    elif settings.database_url is not None:
        file = own / "force-orders.toml"
        file.write_text(_SETTINGS, encoding="utf-8")
        overrides["FORCE_ORDERS_CONFIG"] = str(file)
    assigned = [f"{name}={shlex.quote(value) if value else ''}" for name, value in overrides.items()]
    return " ".join([*assigned, *map(shlex.quote, _program(typed))])


def _program(typed: str) -> list[str]:
    if Path(typed).name == "__main__.py":
        return [sys.executable, "-m", "etl"]
    found = shutil.which("force-orders")
    is_found = found is not None and Path(found).absolute() == Path(typed).absolute()
    return ["force-orders" if is_found else str(Path(typed).absolute())]
