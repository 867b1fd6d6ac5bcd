"""The rate limiter that every request of every thread passes: it waits for weight budget and for the end of a cooldown.

Budget and cooldown are shared with the other processes on the same egress.
"""

from collections.abc import Callable
from threading import Condition, Event

from etl.core.egress import EDGE, Egress
from etl.core.timeline import HOUR, SECOND, duration, iso
from etl.errors import BannedError, StoppedError
from etl.exchange.budget import Budget
from etl.waits import WAITS, Reason, WaitSlot

POLL_INTERVAL = 0.5
"""Seconds after which a waiting thread checks again: a cooldown may have been lifted or a stop requested."""

ASK_AGAIN = HOUR
"""Milliseconds after which a process asks again for a limit that the exchange did not tell."""


class RateLimiter:
    """Lets a request through when the budget has room, no cooldown lasts and no stop is requested.

    `clock` gives the exchange's time in epoch milliseconds. A cooldown longer than `longest_cooldown` milliseconds is
    not waited for.
    """

    def __init__(
        self, egress: Egress, budget: Budget, clock: Callable[[], int], stop: Event, longest_cooldown: int
    ) -> None:
        self._egress = egress
        self._budget = budget
        self._clock = clock
        self._stop = stop
        self._longest_cooldown = longest_cooldown
        self._cooldown_until = 0
        self._corrected_limit: int | None = None
        self._limit_asked_at: int | None = None
        self._changed = Condition()

    @property
    def cooldown_until(self) -> int:
        """The end of the latest cooldown, epoch milliseconds; 0: there was none."""
        return self._cooldown_until

    @property
    def waits_for_cooldown(self) -> bool:
        """Whether a request would wait for the end of the cooldown, if there is one, instead of failing."""
        return self._cooldown_until - self._clock() <= self._longest_cooldown

    def start_cooldown(self, until: int, reason: str) -> None:
        """Let nothing pass before `until`, here and in every process on the same egress."""
        with self._changed:
            self._cooldown_until = max(self._cooldown_until, until)
            left = until - self._clock()
            if left > 0:
                self._egress.start_cooldown(left, reason)

    def has_room(self, weight: int) -> bool:
        """Whether a request of `weight` would be sent at once, as far as this process knows."""
        with self._changed:
            now = self._clock()
            return self._cooldown_until <= now and self._budget.delay(weight, now) <= 0

    def acquire(self, weight: int) -> int:
        """Wait until a request of `weight` may be sent, and count it; returns the time at which it passed.

        Raises BannedError where a cooldown is longer than `longest_cooldown`, StoppedError when a stop is requested.
        """
        with self._changed, WAITS.slot() as slot:
            while not self._stop.is_set():
                now = self._clock()
                cooldown = self._cooldown_until - now
                if not self.waits_for_cooldown:
                    raise BannedError(
                        f"the exchange wants no request before {iso(self._cooldown_until)}, "
                        f"in {duration(cooldown + SECOND)}; nothing is sent until then",
                        self._cooldown_until,
                    )
                wait = max(cooldown, self._budget.delay(weight, now))
                if wait > 0:
                    self._show_wait(slot, weight, now, cooldown)
                    self._changed.wait(min(wait / SECOND, POLL_INTERVAL))
                elif self._take(weight, now):
                    return now
        raise StoppedError("stopped by a signal; what was proven is kept")

    def allow(self, per_minute: int) -> None:
        """From now on the exchange allows the address so much weight a minute."""
        with self._changed:
            self._budget.allow(per_minute)
            self._changed.notify_all()

    def correct_limit(self, per_minute: int) -> None:
        """As `allow`, for a limit that a refusal named; `take_corrected_limit` gives it once, to be stored."""
        self.allow(per_minute)
        self._corrected_limit = per_minute

    def take_corrected_limit(self) -> int | None:
        corrected, self._corrected_limit = self._corrected_limit, None
        return corrected

    def is_to_ask_for_limit(self) -> bool:
        """Whether the exchange's limit decides the budget, and was not asked for in the last hour; then it is now."""
        with self._changed:
            now, asked_at = self._clock(), self._limit_asked_at
            if self._budget.is_chosen or (asked_at is not None and asked_at <= now < asked_at + ASK_AGAIN):
                return False
            self._limit_asked_at = now
            return True

    def _show_wait(self, slot: WaitSlot, weight: int, now: int, cooldown: int) -> None:
        """For a budget the end of the minute is shown, the latest end: other traffic may leave room before it."""
        if cooldown > 0:
            slot.put(Reason.COOLDOWN, iso(-(-self._cooldown_until // SECOND) * SECOND), cooldown / SECOND)
        else:
            reason = Reason.BUDGET if self._budget.is_spent(weight, now) else Reason.OTHERS
            slot.put(reason, seconds=self._budget.until_next_minute(now) / SECOND)

    def _take(self, weight: int, now: int) -> bool:
        """Whether the other processes leave room for the request; then it counts as sent."""
        taken = self._egress.take(weight, now, self._budget.room(now))
        if taken.cooldown:
            self._cooldown_until = max(self._cooldown_until, now + taken.cooldown)
        if taken.granted:
            self._budget.spend(weight, now)
        self._budget.note_shared_total(taken.spent, now)
        return taken.granted

    def note_used_weight(self, used: int, sent: int) -> None:
        """Record the used-weight header of the response to a request that passed at `sent`."""
        with self._changed:
            self._budget.note_used_weight(used, sent, self._clock())
            self._changed.notify_all()

    def clock_moved(self, by: int) -> None:
        """The clock was corrected by so many milliseconds: move the end of the cooldown, so that its length stays.

        Samples of other traffic are dropped after a large correction: they were dated to the wrong minutes.
        """
        with self._changed:
            self._cooldown_until += by if self._cooldown_until else 0
            if abs(by) > EDGE:
                self._budget.forget_other_traffic()
            self._changed.notify_all()
