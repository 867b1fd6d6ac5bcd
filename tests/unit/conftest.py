"""What several unit tests start from."""

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.unit.connecting import Connecting


@pytest.fixture
def connect() -> Iterator[Connecting]:
    """Starts simulators and connects to them, until the test ends: `connect(*faults, switches={…}, …)`."""
    with ExitStack() as running:
        yield Connecting(running)
