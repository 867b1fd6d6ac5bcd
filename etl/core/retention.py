"""How far back the exchange keeps orders.

Source: the exchange's change log of 2026-04-06, "Only support querying data in the past 90 days". Its response for
older times is not documented: a refusal (-4166) or an empty list.

What comes never moves the line. An old row shows that this row is kept, not that its neighbours are; a refusal of a
time that should be kept may be a mistake.
"""

from etl.core.timeline import DAY, HOUR, MINUTE, Window

DOCUMENTED = 90 * DAY
"""What the exchange promises to keep, milliseconds."""

UNFILLED_KEPT = 3 * DAY
"""For how many milliseconds the exchange surely shows an order without a fill (documented for its list of all orders):
an older one that is not shown says nothing."""

FINEST = HOUR
"""How precisely the edge is searched where the exchange keeps less than configured, in milliseconds."""

MARGIN = MINUTE
"""Milliseconds above the edge at which a request must begin, because the edge moves while the request is in flight."""


class Retention:
    """Judges pages and refusals by age; one instance for all walks through a scope.

    `keeps` is in milliseconds, None for no limit; `now` is the exchange's clock, epoch milliseconds.
    """

    def __init__(self, keeps: int | None, now: int) -> None:
        self._keeps = keeps
        self._now = now
        self._refused_from: int | None = None

    def passed(self, now: int) -> None:
        """Record the exchange's clock: the edge moves with it."""
        self._now = max(self._now, now)

    def judge(self, window: Window) -> tuple[list[Window], list[Window]]:
        """Which parts of a window a page can prove, and which are beyond retention.

        A page says nothing about a time that may no longer be kept, even if it holds rows of that time.
        """
        return ([window], []) if self._keeps is None else _divide(window, self._now - self._keeps)

    def is_doubtful(self, window: Window) -> bool:
        """Whether the exchange should not have refused this window: it promises to keep all of it."""
        return window.start >= self._edge(DOCUMENTED)

    def is_refused(self, window: Window) -> bool:
        """Whether an earlier refusal covers this window: one that begins no later is refused as well."""
        return self._refused_from is not None and window.start <= self._refused_from

    def narrow_down(self, window: Window) -> tuple[list[Window], list[Window]]:
        """The parts of a refused window to give up, and the parts still to request, in that order.

        Cut at the configured edge if that lies inside. Above it the exchange keeps less than configured: halve, to
        FINEST.
        """
        self._refused_from = max(window.start, self._refused_from or window.start)
        edge = window.start if self._keeps is None else self._edge(self._keeps)
        if window.start < edge < window.end:
            older, newer = window.split(edge)
            return [older], [newer]
        too_old = edge >= window.end or window.end <= self._refused_from
        if too_old or window.width <= FINEST:
            return [window], []
        older, newer = window.split((window.start + window.end) // 2)
        return [], [newer, older]

    def _edge(self, keeps: int) -> int:
        return self._now - keeps + MARGIN


def _divide(window: Window, floor: int) -> tuple[list[Window], list[Window]]:
    if window.start >= floor:
        return [window], []
    if window.end <= floor:
        return [], [window]
    older, newer = window.split(floor)
    return [newer], [older]
