"""How far back the exchange keeps orders: what is believed, and what its answers have shown.

Source: the exchange's change log of 2026-04-06, "Only support querying data in the past 90 days". What it answers for
older times is not documented: a refusal (-4166) or an empty list.
"""

from etl.core.timeline import HOUR, MINUTE, Window, clip, subtract

FINEST = HOUR
"""How closely the edge is searched where the exchange keeps less than believed, in milliseconds."""

MARGIN = MINUTE
"""How far above the edge a request must begin, because the edge moves on while the request is under way."""

_FOREVER = 1 << 62


class Retention:
    """Judges short pages and refusals by age; one for each walk through a scope.

    `keeps` is in milliseconds, None for without limit; `now` is the exchange's clock, epoch milliseconds.
    """

    def __init__(self, keeps: int | None, now: int) -> None:
        self._keeps = keeps
        self._now = now
        self._shown_back_to: int | None = None
        self._refused_from: int | None = None
        self._doubtful: list[Window] = []

    @property
    def floor(self) -> int | None:
        """What is older counts as kept only where an answer has shown it. None: everything counts as kept."""
        if self._keeps is None:
            return None
        believed = self._now - self._keeps
        return believed if self._shown_back_to is None else min(believed, self._shown_back_to)

    def judge(self, window: Window, oldest: int | None, now: int) -> tuple[list[Window], list[Window]]:
        """What a short page, received at `now`, proves, and what of its window is beyond retention.

        An empty answer about a time that may no longer be kept is unknown, not none. But a row it does give (`oldest`:
        the least update time on the page) shows that everything since is kept. That settles earlier doubts as well:
        their windows are then among the proven.
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
        """The exchange said that this window begins too early."""
        self._refused_from = max(window.start, self._refused_from or window.start)

    def is_refused(self, window: Window) -> bool:
        """Whether an earlier refusal answers for this window: one that begins no later is refused as well."""
        return self._refused_from is not None and window.start <= self._refused_from

    def narrow_down(self, window: Window) -> tuple[list[Window], list[Window]]:
        """Of a refused window the parts to give up, and the parts still worth asking for, in that order.

        Cut at the believed floor where it lies inside; else the exchange keeps less than believed: halve, to FINEST.
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
