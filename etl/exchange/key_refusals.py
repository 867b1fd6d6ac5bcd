"""Whether a refused key is final: a key that worked before and is suddenly refused is tried a second time."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Condition


class KeyRefusals:
    """For requests of several threads. Each is identified by when it was sent, epoch milliseconds.

    Until a key has worked, its refusal is final. After that a refusal is doubtful, and so is every other refusal of a
    request sent before the cooldown ends, however many are in flight. A refusal after the cooldown is final, until the
    key works again.

    One thread may read a refusal before another thread reads a success that the exchange sent earlier. So no refusal
    is final while a request is in flight.
    """

    def __init__(self) -> None:
        self._changed = Condition()
        self._final_from: float = 0
        self._in_flight = 0

    @contextmanager
    def in_flight(self) -> Iterator[None]:
        """Covers a signed request from before it is sent until its response has been evaluated."""
        with self._changed:
            self._in_flight += 1
        try:
            yield
        finally:
            with self._changed:
                self._in_flight -= 1
                self._changed.notify_all()

    def accepted(self, sent: int) -> None:
        """The exchange accepted the key of a request sent at `sent`."""
        with self._changed:
            if sent >= self._final_from:
                self._final_from = math.inf

    def is_doubtful(self, sent: int) -> bool:
        """Whether the refusal of a request sent at `sent`, no longer in flight, is doubtful.

        Waits for requests in flight where they may decide it.
        """
        with self._changed:
            self._changed.wait_for(lambda: sent < self._final_from or not self._in_flight)
            return sent < self._final_from

    def doubt(self, cooldown_until: int) -> None:
        """A refusal is doubtful, and nothing is sent before `cooldown_until`."""
        with self._changed:
            is_first = math.isinf(self._final_from)
            self._final_from = cooldown_until if is_first else max(self._final_from, cooldown_until)
