"""How far back the exchange keeps orders: what is configured, and what its responses have shown.

Source: the exchange's change log of 2026-04-06, "Only support querying data in the past 90 days". Its response for
older times is not documented: a refusal (-4166) or an empty list.
"""

from etl.core.timeline import HOUR, MINUTE, Window, clip, subtract

FINEST = HOUR
"""How precisely the edge is searched where the exchange keeps less than configured, in milliseconds."""

MARGIN = MINUTE
"""Milliseconds above the edge at which a request must begin, because the edge moves while the request is in flight."""

_FOREVER = 1 << 62


class Retention:
    """Judges short pages and refusals by age; one instance for all walks through a scope.

    `keeps` is in milliseconds, None for no limit; `now` is the exchange's clock, epoch milliseconds.
    """

    def __init__(self, keeps: int | None, now: int) -> None:
        self._keeps = keeps
        self._now = now
        self._shown_back_to: int | None = None
        self._refused_from: int | None = None
        self._doubtful: list[Window] = []

    @property
    def floor(self) -> int | None:
        """Older times count as kept only if a response has shown it. None: everything counts as kept."""
        if self._keeps is None:
            return None
        configured = self._now - self._keeps
        return configured if self._shown_back_to is None else min(configured, self._shown_back_to)

    def judge(self, window: Window, oldest: int | None, now: int) -> tuple[list[Window], list[Window]]:
        """What a short page, received at `now`, proves, and which parts of its window are beyond retention.

        An empty page for a time that may no longer be kept does not prove that there was no order. But a row on the
        page (`oldest`: the least update time on it) shows that everything since then is kept. That also settles earlier
        doubtful windows: they are then among the proven ones.
        """
        self._now = max(self._now, now)
        if oldest is not None:
            self._shown_back_to = min(oldest, self._shown_back_to or oldest)
        if self.floor is None:
            return [window], []
        proven = clip([window, *self._doubtful], Window(self.floor, _FOREVER))
        beyond = subtract([window], proven)
        self._doubtful = subtract([*self._doubtful, *beyond], proven)
        return proven, beyond

    def refuse(self, window: Window) -> None:
        """Record that the exchange refused this window because it begins too early."""
        self._refused_from = max(window.start, self._refused_from or window.start)

    def is_refused(self, window: Window) -> bool:
        """Whether an earlier refusal covers this window: one that begins no later is refused as well."""
        return self._refused_from is not None and window.start <= self._refused_from

    def narrow_down(self, window: Window) -> tuple[list[Window], list[Window]]:
        """The parts of a refused window to give up, and the parts still to request, in that order.

        Cut at the configured floor if it lies inside; else the exchange keeps less than configured: halve, to FINEST.
        """
        edge = window.start if self._keeps is None else self._now - self._keeps + MARGIN
        if window.start < edge < window.end:
            older, newer = window.split(edge)
            return [older], [newer]
        too_old = edge >= window.end or (self._refused_from is not None and window.end <= self._refused_from)
        if too_old or window.width <= FINEST:
            return [window], []
        older, newer = window.split((window.start + window.end) // 2)
        return [], [newer, older]
