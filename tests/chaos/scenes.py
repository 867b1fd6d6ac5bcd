"""One simulated exchange, one fresh database, one command: what every test and every campaign run here begins with."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from pathlib import Path

from etl.simulator.history import Generated, Profile
from etl.simulator.scenario import Scenario
from etl.simulator.server import Simulator
from etl.simulator.venue import History
from tests.acceptance.lab import Lab
from tests.chaos.dying import FaultPoint
from tests.chaos.ownserver import OwnServer
from tests.command import Command
from tests.environment import bare_environment
from tests.forking import Process

BURSTY = Generated(Profile("bursty", 20), "chaos", 40)
"""Some 800 orders; on four days so many at once that pages are full."""

Scenes = Callable[..., AbstractContextManager[Lab]]
"""The fixture `scenes`: `scenes(scenario, history, FORCE_ORDERS_…=…)` is a lab with a database of its own."""

ALLOWANCE = 100_000
"""Weight a minute, of which the command may use all. As a request weighs next to nothing here, none waits for room: how
weight is kept is tested elsewhere."""

GLANCE = 0.002
"""Seconds between two looks at how far a process is."""


@contextmanager
def scene(
    server: OwnServer, directory: Path, scenario: Scenario, history: History, **environment: str
) -> Iterator[Lab]:
    """A lab whose exchange never throttles by itself."""
    budget = {"FORCE_ORDERS_WEIGHT_BUDGET": str(ALLOWANCE)}
    generous = replace(scenario, weight_limit=ALLOWANCE, weight_with_symbol=1, weight_without_symbol=1)
    command = Command(directory, bare_environment(directory))
    with server.database() as url, Simulator(generous, histories={"main": history}) as simulator:
        yield Lab(simulator, url, command.against(simulator, url, **budget | environment))


def start(lab: Lab, *arguments: str, dies: FaultPoint | None = None, **environment: str) -> Process:
    """A run under way, which kills itself at that commit."""
    prepare = None if dies is None else ("tests.chaos.dying:die_at", [*dies])
    return Process(arguments, lab.command.directory, lab.command.environment | environment, prepare=prepare)


def pages(lab: Lab) -> int:
    """How many pages of orders the exchange has answered so far."""
    return lab.simulator.exchange.stats.pages


def asked(lab: Lab) -> int:
    """How many questions for orders the exchange has heard so far."""
    return len(lab.simulator.exchange.stats.log)


def come_to(process: Process, reached: Callable[[], bool]) -> bool:
    """Wait until a run has come so far; False where it ended before."""
    while not reached():
        if process.ends_within(GLANCE) is not None:
            return False
    return True
