"""How far an account's key is trusted: one that worked and is refused all at once is given a second chance."""

import math
from threading import Lock


class KeyTrust:
    """For requests of several threads, which are told apart by when they were sent, epoch milliseconds.

    Until a key has worked its refusal is final. After that a refusal is doubted, and so is every other that was sent
    before the wait is over, however many are in flight; a refusal after the wait is final, until the key works again.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._final_from: float = 0

    def worked(self, sent: int) -> bool:
        """Whether a refusal of a request that was sent then is to be doubted."""
        return sent < self._final_from

    def accepted(self, sent: int) -> None:
        """A request that was sent then was answered."""
        with self._lock:
            if sent >= self._final_from:
                self._final_from = math.inf

    def doubted(self, until: int) -> None:
        """A refusal is doubted, and nothing is sent before `until`."""
        with self._lock:
            self._final_from = until if math.isinf(self._final_from) else max(self._final_from, until)
