"""How far an account's key is trusted: one that worked and is refused all at once is given a second chance."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Condition


class KeyRefusals:
    """For requests of several threads, which are told apart by when they were sent, epoch milliseconds.

    Until a key has worked its refusal is final. After that a refusal is doubted, and so is every other that was sent
    before the wait is over, however many are in flight; a refusal after the wait is final, until the key works again.

    A refusal may be read before an answer that the exchange gave earlier, by another thread. That is why nothing is
    final while a request is under way.
    """

    def __init__(self) -> None:
        self._changed = Condition()
        self._final_from: float = 0
        self._in_flight = 0

    @contextmanager
    def in_flight(self) -> Iterator[None]:
        """While a signed request is under way: from before it is sent until what its answer tells is known."""
        with self._changed:
            self._in_flight += 1
        try:
            yield
        finally:
            with self._changed:
                self._in_flight -= 1
                self._changed.notify_all()

    def accepted(self, sent: int) -> None:
        """A request that was sent then was answered."""
        with self._changed:
            if sent >= self._final_from:
                self._final_from = math.inf

    def is_doubtful(self, sent: int) -> bool:
        """Whether a refusal of a request that was sent then, and is no longer under way, is to be doubted.

        Waits for what is under way where that may decide it.
        """
        with self._changed:
            self._changed.wait_for(lambda: sent < self._final_from or not self._in_flight)
            return sent < self._final_from

    def doubt(self, cooldown_until: int) -> None:
        """A refusal is doubted, and nothing is sent before `cooldown_until`."""
        with self._changed:
            known = 0 if math.isinf(self._final_from) else self._final_from
            self._final_from = max(known, cooldown_until)
