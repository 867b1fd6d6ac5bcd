"""The exchange's clock, kept as an offset: this machine's clock may be wrong or jump."""

import time
from threading import Lock

from etl.core.timeline import HOUR, SECOND, duration

FRESH = HOUR
"""How long the clock is reliable after it was set, milliseconds: a quartz may be off by 30 parts in a million, which is
a tenth of a second an hour."""


class ExchangeClock:
    """The exchange's time in epoch milliseconds.

    Once set it runs on the monotonic clock: setting the machine's wall clock in the middle of a run changes nothing.
    Until then it shows the machine's wall clock.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._set_at: int | None = None
        self._ahead_of_monotonic = time.time_ns() // 1_000_000 - _monotonic()

    def now(self) -> int:
        with self._lock:
            return _monotonic() + self._ahead_of_monotonic

    def set(self, exchange_time: int) -> int:
        """Set the clock to `exchange_time`, read from a response received just now.

        The exchange wrote it when the response left, so this clock runs late by the time of the way back. Late is the
        safe side: the exchange accepts a timestamp up to `recvWindow` old, but only one second ahead. Returns the
        milliseconds by which the clock was moved forwards.
        """
        with self._lock:
            before, self._ahead_of_monotonic = self._ahead_of_monotonic, exchange_time - _monotonic()
            self._set_at = _monotonic()
            return self._ahead_of_monotonic - before

    def machine_is_ahead(self) -> int | None:
        """Milliseconds by which this machine's clock is ahead of the exchange's; None: never measured."""
        return None if self._set_at is None else local_now() - self.now()

    @property
    def is_fresh(self) -> bool:
        """Whether it was set less than FRESH ago."""
        return self._set_at is not None and _monotonic() - self._set_at < FRESH


def _monotonic() -> int:
    return time.monotonic_ns() // 1_000_000


def compare_clocks(ahead: int | None) -> str:
    """What is wrong with a machine whose clock is `ahead` milliseconds ahead of the exchange's, for a message."""
    if ahead is None:
        return "the exchange's own clock could not be read"
    off = (abs(ahead) + SECOND // 2) // SECOND * SECOND
    if not off:
        return "this machine's clock agrees with the exchange's, so requests take longer than recv_window_ms to arrive"
    return f"this machine's clock is {duration(off)} {'ahead of' if ahead > 0 else 'behind'} the exchange's"


def local_now() -> int:
    """This machine's clock, epoch milliseconds, for what needs no exchange."""
    return time.time_ns() // 1_000_000
