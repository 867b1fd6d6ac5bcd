"""Checks an export first: a misspelled symbol, or a span without history, is an error and not an empty file."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from difflib import get_close_matches

from sqlalchemy import Connection

from etl.core.completeness import CalendarDay, Period, Verdict, judge
from etl.core.timeline import DAY, Window, clip, iso, subtract, to_datetime, to_millis, window_or_none
from etl.errors import ConfigError
from etl.reporting.completeness import first_asked, known_accounts, read_days
from etl.reporting.export.orders import OrderFilter, has_orders
from etl.store.coverage import Asked, read_asked, read_gaps
from etl.store.engine import store_errors
from etl.store.quarantine import doubted_days

SYMBOLS_LISTED = 5

MIN_SIMILARITY = 0.6
"""As difflib measures it; BTC and BTCUSDT have 0.6."""
MAX_SUGGESTIONS = 3


def check_export(connection: Connection, chosen: OrderFilter, span: Window) -> int:
    """Raise ConfigError if a symbol is not stored, or if there are no orders and no request ever covered `span`.

    A symbol is stored once it has an order or was requested by name. Returns the number of days in the span that may
    lack an order because a row could not be read. Raises StoreError.
    """
    with store_errors():
        asked = [one for one in read_asked(connection, chosen.accounts) if is_chosen(one.market, chosen)]
        names = sorted({one.symbol for one in asked if one.symbol is not None})
        chosen = replace(chosen, changed_since=None)
        ever = replace(chosen, since=None, until=None)
        for symbol in chosen.symbols:
            if symbol not in names and not has_orders(connection, replace(ever, symbols=[symbol])):
                raise ConfigError(unknown_symbol(symbol, names))
        is_empty = not has_orders(connection, chosen)
        gaps = [gap.window for gap in read_gaps(connection, chosen.accounts) if is_chosen(gap.market, chosen)]
        doubted = [
            window_of(day)
            for _, market, day in doubted_days(connection, chosen.accounts)
            if is_chosen(market, chosen) and window_of(day).intersect(span)
        ]
        connection.rollback()
    gaps += doubted
    if is_empty and (fault := never_requested(asked, chosen.symbols, span) or nothing_proven(asked, gaps, span)):
        raise ConfigError(fault)
    return len(set(doubted))


@dataclass(frozen=True)
class Calendar:
    """The days of an export and their states."""

    period: Period
    of_day: Mapping[date, Sequence[CalendarDay]]
    accounts: Sequence[str]
    markets: Sequence[str]

    def verdict(self, window: Window) -> Verdict | None:
        """Whether the days in a window are complete; None: none of them is in the calendar."""
        first = max(self.period.first, to_datetime(window.start).date())
        last = min(self.period.last, to_datetime(window.end - 1).date())
        if first > last:
            return None
        period = Period(first, last)
        days = [day for one in period.days() for day in self.of_day.get(one, ())]
        return judge(days, period, "UTC", self.accounts, self.markets)


def read_calendar(connection: Connection, chosen: OrderFilter, span: Window) -> Calendar | None:
    """The days of an export; None if symbols are chosen, of which nothing is known by day, or if there are none.

    Without a beginning the days begin with the first that was asked for as a whole; without an end they end with
    yesterday. Raises StoreError.
    """
    begin = first_asked(connection) if chosen.since is None else to_datetime(chosen.since).date()
    last = to_datetime(span.end - (DAY if chosen.until is None else 1)).date()
    if chosen.symbols or begin is None or begin > last:
        return None
    of_day: dict[date, list[CalendarDay]] = {}
    for one in read_days(connection, begin, last, accounts=chosen.accounts, markets=chosen.markets):
        of_day.setdefault(one.day, []).append(one)
    accounts = chosen.accounts or known_accounts(connection)
    return Calendar(Period(begin, last), of_day, accounts, chosen.markets)


def is_chosen(market: str, chosen: OrderFilter) -> bool:
    return not chosen.markets or market in chosen.markets


def window_of(day: date) -> Window:
    start = to_millis(datetime(day.year, day.month, day.day, tzinfo=UTC))
    return Window(start, start + DAY)


def unknown_symbol(symbol: str, names: Sequence[str]) -> str:
    """The message for a symbol that is not stored, with similar or other names."""
    if similar := get_close_matches(symbol, names, MAX_SUGGESTIONS, MIN_SIMILARITY):
        return f"no symbol {symbol} is stored; did you mean {' or '.join(similar)}?"
    if not names:
        return f"no symbol {symbol} is stored, nor any other; start with: force-orders backfill"
    more = f" and {len(names) - SYMBOLS_LISTED} more" if len(names) > SYMBOLS_LISTED else ""
    return f"no symbol {symbol} is stored; there are {', '.join(names[:SYMBOLS_LISTED])}{more}"


def nothing_proven(asked: Sequence[Asked], gaps: Sequence[Window], span: Window) -> str | None:
    """The message for a span that is nothing but gaps: that no order is stored does not mean that there was none."""
    requested = [one.span for one in asked if one.span]
    if subtract(clip(requested, span), gaps):
        return None
    return f"nothing from {iso(span.start)} to {iso(span.end)} is proven; 'force-orders status' shows the gaps"


def never_requested(asked: Sequence[Asked], symbols: Sequence[str], span: Window) -> str | None:
    """The message for a span that no request ever covered, for these symbols or, if none is given, for any."""
    spans = [one.span for one in asked if one.span and (not symbols or one.symbol is None or one.symbol in symbols)]
    if any(one.intersect(span) for one in spans):
        return None
    whole = window_or_none(min((one.start for one in spans), default=0), max((one.end for one in spans), default=0))
    if whole is None:
        return "nothing was read yet; start with: force-orders backfill"
    wanted, known = (f"from {iso(one.start)} to {iso(one.end)}" for one in (span, whole))
    return f"nothing {wanted} was ever requested; history was requested {known}"
