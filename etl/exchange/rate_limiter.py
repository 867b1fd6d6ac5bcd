"""The gate that every request of every thread passes: it waits for the budget and for the end of a ban.

Both are shared with other processes, those behind the same egress.
"""

from collections.abc import Callable
from threading import Condition, Event

from etl.core.egress import EDGE, Egress
from etl.core.timeline import SECOND, duration, iso
from etl.errors import BannedError, StoppedError
from etl.exchange.budget import Budget
from etl.exchange.outcomes import Outcomes
from etl.waits import WAITS, Reason, WaitSlot

LONGEST_NAP = 0.5
"""Seconds after which a waiting thread looks up again: a ban may have been lifted or a stop asked for."""


class RateLimiter:
    """Lets a request through when the budget has room, no ban is on and nobody asked to stop.

    `clock` gives the exchange's time in epoch milliseconds. A cooldown that lasts longer than `longest_cooldown`
    milliseconds is not waited for. How the requests ended that it let through is counted in `outcomes`.
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
        self._changed = Condition()
        self.outcomes = Outcomes()

    @property
    def cooldown_until(self) -> int:
        """The exchange wants silence until then, epoch milliseconds; 0: it never did."""
        return self._cooldown_until

    @property
    def waits_for_cooldown(self) -> bool:
        """Whether the silence, if there is one, will be waited for."""
        return self._cooldown_until - self._clock() <= self._longest_cooldown

    def start_cooldown(self, until: int, reason: str) -> None:
        """From now on nothing passes before `until`, here and in every process behind the same egress."""
        with self._changed:
            self._cooldown_until = max(self._cooldown_until, until)
            left = until - self._clock()
            if left > 0:
                self._egress.start_cooldown(left, reason)

    def acquire(self, weight: int) -> int:
        """Wait until a request of `weight` may be sent, and count it; the instant at which it passed.

        Raises BannedError where that would take longer than `longest_cooldown`, StoppedError when a stop is asked for.
        """
        with self._changed, WAITS.slot() as slot:
            while not self._stop.is_set():
                now = self._clock()
                silence = self._cooldown_until - now
                if not self.waits_for_cooldown:
                    raise BannedError(
                        f"the exchange wants no request before {iso(self._cooldown_until)}, "
                        f"in {duration(silence + SECOND)}; nothing is sent until then",
                        self._cooldown_until,
                    )
                wait = max(silence, self._budget.delay(weight, now))
                if wait > 0:
                    self._say(slot, weight, now, silence)
                    self._changed.wait(min(wait / SECOND, LONGEST_NAP))
                elif self._take(weight, now):
                    return now
        raise StoppedError("stopped by a signal; what was proven is kept")

    def _say(self, slot: WaitSlot, weight: int, now: int, silence: int) -> None:
        """Others may let a request pass before their minute ends: its end is the latest."""
        if silence > 0:
            slot.put(Reason.COOLDOWN, iso(-(-self._cooldown_until // SECOND) * SECOND), silence / SECOND)
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
        """Take note of the used-weight header of the answer to a request that passed at `sent`."""
        with self._changed:
            self._budget.note_used_weight(used, sent, self._clock())
            self._changed.notify_all()

    def clock_moved(self, by: int) -> None:
        """The clock was wrong until now, by so many milliseconds: a silence lasts as long as it would have lasted.

        The minutes in which others were heard of were other minutes.
        """
        with self._changed:
            self._cooldown_until += by if self._cooldown_until else 0
            if abs(by) > EDGE:
                self._budget.forget_other_traffic()
            self._changed.notify_all()
