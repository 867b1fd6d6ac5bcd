"""The exchange's clock, kept by offset, so that ours may be wrong or jump."""

import time
from threading import Lock


class ExchangeClock:
    """The exchange's time in epoch milliseconds.

    Once set it runs on the monotonic clock: setting the machine's wall clock in the middle of a run changes nothing.
    Until then it is the machine's own idea of the time.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._ahead_of_monotonic = time.time_ns() // 1_000_000 - _monotonic()

    def now(self) -> int:
        with self._lock:
            return _monotonic() + self._ahead_of_monotonic

    def set(self, exchange_time: int) -> None:
        """Take over `exchange_time` as read from an answer that came this instant.

        It was written when the answer left, so that this clock runs late by the way back. Late is the safe side: the
        exchange takes a timestamp up to `recvWindow` old, but only one second ahead.
        """
        with self._lock:
            self._ahead_of_monotonic = exchange_time - _monotonic()


def _monotonic() -> int:
    return time.monotonic_ns() // 1_000_000


def local_now() -> int:
    """This machine's clock, for what needs no exchange."""
    return time.time_ns() // 1_000_000
