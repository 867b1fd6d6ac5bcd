"""Which days a reconciliation compares, what it has to read for that, and its verdict on each of them. Pure.

It compares whole days of UTC, because completeness is told in days. It reads a minute beyond them on either side, as
one list may filter by the time of an order and the other by that of its last change.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum

from etl.core.order_lists import Lists, Reach
from etl.core.planning import Rules
from etl.core.timeline import DAY, HOUR, MINUTE, Window, clip, fill, iso, merge, subtract, to_datetime, window_or_none

MARGIN = MINUTE
"""Milliseconds beyond the compared days that are read on either side."""

YOUNG = HOUR
"""Younger orders are not compared yet, milliseconds: either list may show an order late."""

EDGE = DAY
"""How far from the end of what the exchange keeps a day must lie, milliseconds: one list is documented to keep 90 days,
the other three months, which may be 89 days."""

REASONS_SAID = 3


class Verdict(StrEnum):
    """What a reconciliation says of a day, unless an order of it is disputed."""

    AGREED = "agreed"
    """All of the day was compared, of every symbol, and the lists agree on each order that both must have."""
    NOT_CHECKABLE = "not checkable"


@dataclass(frozen=True)
class DayVerdict:
    """The verdict on a day of UTC; `reason` is None where it agreed."""

    day: date
    verdict: Verdict
    reason: str | None = None


@dataclass(frozen=True, order=True)
class Unread:
    """A window that the list of all orders does not show wholly, and why, in words."""

    window: Window
    reason: str


@dataclass(frozen=True)
class Span:
    """The instants that are compared: whole days of UTC, of which the first may be cut by the begin of the market and
    the last by the present."""

    window: Window
    too_old: Window | None = None
    """What was asked for and is no longer kept, or is about to be dropped."""

    @property
    def read(self) -> Window:
        """What is read for it."""
        return Window(self.window.start - MARGIN, self.window.end + MARGIN)

    def days(self) -> list[Window]:
        """The days that are over, as far as they belong to the span."""
        first = self.window.start // DAY * DAY
        days = (Window(start, start + DAY) for start in range(first, self.window.end - DAY + 1, DAY))
        return [Window(max(day.start, self.window.start), day.end) for day in days]


def last_days(days: int, rules: Rules, keeps: int) -> Span | None:
    """The whole days of the last so many times 24 hours, and today; None where nothing of them can be compared."""
    since = -(-(rules.now - days * DAY) // DAY) * DAY
    return _span(since, rules.now, rules, keeps)


def days_of(asked: Window, rules: Rules, keeps: int) -> Span | None:
    """Every day that a window touches. `keeps`: how long the list of all orders is kept, milliseconds."""
    return _span(asked.start // DAY * DAY, -(-asked.end // DAY) * DAY, rules, keeps)


def proven_days(proven: Iterable[Window], rules: Rules, keeps: int) -> Span | None:
    """Every whole day from the first one that is proven, as far as it is still kept; None: there is none."""
    since = min((window.start for window in proven), default=rules.now)
    found = _span(since if since == rules.begins else -(-since // DAY) * DAY, rules.now, rules, keeps)
    return None if found is None else replace(found, too_old=None)


def _span(since: int, until: int, rules: Rules, keeps: int) -> Span | None:
    kept = keeps if rules.keeps is None else min(keeps, rules.keeps)
    floor = max(rules.begins, -(-(rules.now - kept + EDGE) // DAY) * DAY)
    compared = window_or_none(max(since, floor), min(until, rules.present - YOUNG))
    lost = None if since >= floor or floor == rules.begins else window_or_none(since, min(floor, until))
    return None if compared is None else Span(compared, lost)


def windows_to_read(span: Span, proven: Iterable[Window], widest: int) -> list[Window]:
    """The fewest windows that show what the span has to compare; none where nothing of it is proven."""
    found = clip(proven, span.window)
    if not found:
        return []
    read = Span(Window(found[0].start, found[-1].end)).read
    return fill(read, widest)


def judge(span: Span, lists: Lists, unread: Sequence[Unread], doubts: Sequence[Unread] = ()) -> list[DayVerdict]:
    """The verdict on each day of the span that is over.

    `unread`: why what was not read was not. `doubts`: instants of which nobody knows whether an order is missing.
    """
    compared = compared_of(span, lists)
    undecided = [order.order_time for order in lists.undecided()]
    verdicts = []
    for day in span.days():
        left = subtract([day], compared)
        reasons = [one.reason for one in doubts if day.intersect(one.window)]
        reasons += [one.reason for one in unread if clip(left, one.window)]
        if subtract([day], lists.here.of(None)):
            reasons.insert(0, "not all of it is proven here")
        if any(day.contains(at) for at in undecided):
            reasons.insert(0, "a forced order that is not stored has a time that is not proven here")
        if left and not reasons:
            reasons = ["it was not read"]
        verdict = Verdict.NOT_CHECKABLE if reasons else Verdict.AGREED
        verdicts.append(DayVerdict(to_datetime(day.start).date(), verdict, in_short(reasons)))
    return verdicts


def why_not_all(span: Span, lists: Lists, unread: Sequence[Unread]) -> str | None:
    """Why not all of a span was compared; None: it was."""
    left = subtract([span.window], compared_of(span, lists))
    reasons = [one.reason for one in unread if clip(left, one.window)]
    if subtract([span.window], lists.here.of(None)):
        reasons.insert(0, "not all of it is proven here")
    if span.too_old is not None:
        reasons.insert(0, f"before {iso(span.window.start)} the exchange keeps no orders, or is about to drop them")
    return in_short(reasons)


def compared_of(span: Span, lists: Lists) -> list[Window]:
    """What both lists are known of, of every symbol."""
    both = subtract(lists.there.of(None), subtract(lists.there.of(None), lists.here.of(None)))
    return clip(both, span.window)


def in_short(reasons: Collection[str]) -> str | None:
    """Different reasons in one line, the first few of them; None: there is none."""
    distinct = [*dict.fromkeys(reasons)]
    more = len(distinct) - REASONS_SAID
    said = [*distinct[:REASONS_SAID], *([f"and {more} more reasons"] if more > 0 else [])]
    return "; ".join(said) or None


def reach(windows: Iterable[tuple[str | None, Window]], until: int) -> Reach:
    """Windows by symbol, before `until`: what is younger is not compared yet."""
    by_symbol: dict[str | None, list[Window]] = {}
    for symbol, window in windows:
        if (part := window_or_none(window.start, min(window.end, until))) is not None:
            by_symbol.setdefault(symbol, []).append(part)
    return Reach({symbol: merge(own) for symbol, own in by_symbol.items()})
