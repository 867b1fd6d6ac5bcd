"""The demo: the real job against the built-in simulator and an embedded Postgres of its own."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from etl.credentials import Credentials, Keyring
from etl.keysources import MAIN
from etl.secret import SecretStr
from etl.settings import Settings
from etl.simulator.accounts import DEMO_KEY, DEMO_SECRET
from etl.simulator.server import Simulator
from etl.spans import Planner, SpanText, backfill_planner


@dataclass(frozen=True)
class Demo:
    """Settings that point at a running simulator and at the demo's own data."""

    settings: Settings
    keys: Keyring
    planner: Planner


@contextmanager
def prepare_demo(settings: Settings) -> Iterator[Demo]:
    """A simulator as long as the block lasts; its past is the same in each of them, and every day adds to it."""
    with Simulator() as simulator:
        own = settings.data_dir / "demo"
        yield Demo(
            replace(settings, data_dir=own, database_url=None, base_url=simulator.url),
            Keyring([Credentials(MAIN, SecretStr(DEMO_KEY), SecretStr(DEMO_SECRET))]),
            backfill_planner(SpanText(), []),
        )
