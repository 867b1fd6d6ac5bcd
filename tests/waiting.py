"""Waiting for what other processes bring about: it is the deadline that waits, not a guess of how long it takes."""

import time
from collections.abc import Callable
from typing import Any

PATIENCE_S = 120


def wait_until(is_so: Callable[[], Any], seconds: float = PATIENCE_S) -> Any:
    """What the call gives once it is true; an AssertionError where it does not come to pass in time."""
    deadline = time.monotonic() + seconds
    while not (found := is_so()):
        assert time.monotonic() < deadline, f"it did not come to pass within {seconds} s"
        time.sleep(0.1)
    return found
