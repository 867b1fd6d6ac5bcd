"""The exchange's clock, kept by offset, so that ours may be wrong or jump."""

import time
from threading import Lock

from etl.core.timeline import HOUR, SECOND, duration

FRESH = HOUR
"""How long the clock can be trusted once it is set, milliseconds: 30 parts in a million, which a quartz may be off,
are a tenth of a second of it."""


class ExchangeClock:
    """The exchange's time in epoch milliseconds.

    Once set it runs on the monotonic clock: setting the machine's wall clock in the middle of a run changes nothing.
    Until then it is the machine's own idea of the time.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._set_at: int | None = None
        self._ahead_of_monotonic = time.time_ns() // 1_000_000 - _monotonic()

    def now(self) -> int:
        with self._lock:
            return _monotonic() + self._ahead_of_monotonic

    def set(self, exchange_time: int) -> int:
        """Take over `exchange_time` as read from an answer that came this instant.

        It was written when the answer left, so that this clock runs late by the way back. Late is the safe side: the
        exchange takes a timestamp up to `recvWindow` old, but only one second ahead. Gives the milliseconds by which
        it was moved forwards.
        """
        with self._lock:
            before, self._ahead_of_monotonic = self._ahead_of_monotonic, exchange_time - _monotonic()
            self._set_at = _monotonic()
            return self._ahead_of_monotonic - before

    def machine_is_ahead(self) -> int | None:
        """Milliseconds by which this machine's clock is ahead of the exchange's; None: that was never measured."""
        return None if self._set_at is None else local_now() - self.now()

    @property
    def is_fresh(self) -> bool:
        """Whether it was set not long ago."""
        return self._set_at is not None and _monotonic() - self._set_at < FRESH


def _monotonic() -> int:
    return time.monotonic_ns() // 1_000_000


def compare_clocks(ahead: int | None) -> str:
    """What is to be mended on a machine whose clock is so many milliseconds ahead of the exchange's."""
    if ahead is None:
        return "the exchange's own clock could not be read"
    off = (abs(ahead) + SECOND // 2) // SECOND * SECOND
    if not off:
        return "this machine's clock agrees with the exchange's, so the way there takes longer than recv_window_ms"
    return f"this machine's clock is {duration(off)} {'ahead of' if ahead > 0 else 'behind'} the exchange's"


def local_now() -> int:
    """This machine's clock, for what needs no exchange."""
    return time.time_ns() // 1_000_000
