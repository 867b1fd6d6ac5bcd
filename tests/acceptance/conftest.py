"""Labs and trials: an exchange, a database and the command that joins them; and commands that stay."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from etl.simulator.scenario import Scenario
from etl.simulator.server import Simulator
from tests.acceptance.judge import Trial, Trials
from tests.acceptance.lab import ROOM, Lab, Labs
from tests.acceptance.long_running import Staying
from tests.acceptance.misbehaving import Exchange
from tests.command import Command


@pytest.fixture
def lab(exchange: Callable[..., Simulator], database_url: str, writer_url: str, command: Command) -> Labs:
    """Makes labs: the arguments are those of `Simulator`.

    Exchange and command allow so much weight a minute that no request waits for the next one. With `room=False` both
    keep to the exchange's real allowance.
    """

    def make(scenario: Scenario | None = None, *args: Any, room: bool = True, **options: Any) -> Lab:
        scenario, allowance = scenario or Scenario(), {}
        if room:
            scenario, allowance = replace(scenario, weight_limit=ROOM), {"FORCE_ORDERS_WEIGHT_BUDGET": str(ROOM)}
        simulator = exchange(scenario, *args, **options)
        return Lab(simulator, database_url, command.against(simulator, writer_url, **allowance))

    return make


@pytest.fixture
def trial(database_url: str, writer_url: str, command: Command) -> Iterator[Trials]:
    """Starts a misbehaving exchange, which ends with the test, and points the command at it."""
    with ExitStack() as running:

        def start(exchange: Exchange, **environment: str) -> Trial:
            running.enter_context(exchange)
            own = {
                "FORCE_ORDERS_BASE_URL": exchange.url,
                "FORCE_ORDERS_DATABASE_URL": writer_url,
                "FORCE_ORDERS_WEIGHT_BUDGET": str(ROOM),
                "BINANCE_API_KEY": "k" * 64,
                "BINANCE_API_SECRET": "s" * 64,
            }
            return Trial(exchange, database_url, Command(command.directory, command.environment | own | environment))

        yield start


@pytest.fixture
def stay(tmp_path: Path) -> Iterator[Staying]:
    """Starts commands that run until they are stopped, and end with the test."""
    with ExitStack() as running:
        (tmp_path / "said").mkdir()
        yield Staying(tmp_path / "said", running)
