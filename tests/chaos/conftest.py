"""A server that may be killed, and labs on it by the dozen."""

from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from etl.simulator.scenario import Scenario
from etl.simulator.venue import History
from tests.acceptance.lab import Lab
from tests.chaos.ownserver import OwnServer, own_server
from tests.chaos.scenes import BURSTY, Scenes, scene


@pytest.fixture(scope="session")
def chaos_server() -> Iterator[OwnServer]:
    with own_server() as server:
        yield server


@pytest.fixture
def server(chaos_server: OwnServer) -> OwnServer:
    """The server, up whatever the test before did to it."""
    return chaos_server if chaos_server.answers() else chaos_server.start()


@pytest.fixture
def scenes(server: OwnServer, tmp_path: Path) -> Scenes:
    """Makes labs, each with a database of its own: `with scenes(scenario, history, FORCE_ORDERS_…=…) as lab`."""

    def make(
        scenario: Scenario | None = None, history: History = BURSTY, **environment: str
    ) -> AbstractContextManager[Lab]:
        return scene(server, tmp_path, scenario or Scenario(), history, **environment)

    return make
