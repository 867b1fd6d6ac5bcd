"""Waiting for what another process does, with a deadline."""

import time
from collections.abc import Callable
from typing import Any

PATIENCE_S = 120
POLL_S = 0.05


def wait_until(condition: Callable[[], Any], seconds: float = PATIENCE_S) -> Any:
    """What `condition` returns once it is true. Raises AssertionError where it is still false after `seconds`."""
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, f"still false after {seconds} s"
        time.sleep(POLL_S)
    return found
