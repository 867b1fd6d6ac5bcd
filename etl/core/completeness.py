"""Whether a calendar is complete: its period, the state of each of its days, and one verdict. Pure."""

import calendar
import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from itertools import groupby
from typing import NamedTuple

from etl.core.text import many

WALLETS_SHOWN = 10
SPANS_SHOWN = 5


class DayState(StrEnum):
    """The column `state` of `report_completeness`; PROVEN alone is complete."""

    PROVEN = "proven"
    ARCHIVED = "archived"
    """Covered by files of the exchange's archive where it is not proven."""
    QUARANTINED = "quarantined"
    DISPUTED = "disputed"
    PARTLY = "partly"
    NOT = "not"
    BEYOND_RETENTION = "beyond retention"
    NEVER_ASKED = "never asked"
    FUTURE = "future"


class CalendarDay(NamedTuple):
    """A day of an account in a market."""

    account: str
    market: str
    day: date
    state: DayState


@dataclass(frozen=True)
class Period:
    """The days from the first to the last, both included."""

    first: date
    last: date
    text: str = ""
    """As the operator wrote it."""

    def __str__(self) -> str:
        return self.text or _spans(self.days())

    def days(self) -> list[date]:
        return [date.fromordinal(day) for day in range(self.first.toordinal(), self.last.toordinal() + 1)]


def parse_period(text: str) -> Period:
    """`2026`, `2026-09`, `2026-09-30`, or two of them with `..` between. Raises ValueError with one line."""
    begin, dots, end = text.strip().partition("..")
    try:
        first, last = _days_of(begin)[0], _days_of(end if dots else begin)[1]
    except ValueError:
        raise ValueError(f"{text!r} is not a period; write 2026, 2026-09 or 2026-09-01..2026-09-30") from None
    if first > last:
        raise ValueError(f"the period {text} ends before it begins")
    return Period(first, last, text.strip())


def _days_of(text: str) -> tuple[date, date]:
    """The first and the last day of a year, a month or a day. Raises ValueError."""
    found = re.fullmatch(r"([0-9]{4})(?:-([0-9]{2})(?:-([0-9]{2}))?)?", text)
    if found is None:
        raise ValueError(text)
    year, month, day = (None if part is None else int(part) for part in found.groups())
    if not year or month not in (None, *range(1, 13)):
        raise ValueError(text)
    if day is not None:
        return date(year, month or 1, day), date(year, month or 1, day)
    last_month = month or 12
    return date(year, month or 1, 1), date(year, last_month, calendar.monthrange(year, last_month)[1])


class Verdict(NamedTuple):
    """The answer in one line."""

    is_complete: bool
    line: str


def judge(
    days: Iterable[CalendarDay], period: Period, zone: str, accounts: Collection[str], markets: Collection[str] = ()
) -> Verdict:
    """Complete is a period of which every day of every account is proven, in each of its markets.

    Each of `accounts` must have every day of the period in some market, and a day in each of `markets`, if only some
    were asked for: no day is no answer.
    """
    of_wallets = {wallet: [*own] for wallet, own in groupby(sorted(days), key=lambda one: (one.account, one.market))}
    faults = {f"{account} {market}": _unproven(own) for (account, market), own in of_wallets.items()}
    of_accounts: dict[str, dict[str, list[CalendarDay]]] = {account: {} for account in accounts}
    for (account, market), own in of_wallets.items():
        of_accounts.setdefault(account, {})[market] = own
    every_day = period.days()
    for account, known in of_accounts.items():
        answered = {one.day for own in known.values() for one in own}
        if missing := [day for day in every_day if day not in answered]:
            faults[account] = f"nothing is known of {_spans(missing)}"
        faults |= {f"{account} {market}": "nothing is known" for market in {*markets} - known.keys()}
    faults = {which: said for which, said in sorted(faults.items()) if said}
    when = f"{period} ({zone})"
    if not accounts:
        return Verdict(False, f"not complete: {when}: nothing is stored, and no account is set")
    if faults:
        return Verdict(False, f"not complete: {when}: {_listed([f'{which} {said}' for which, said in faults.items()])}")
    counted = many(sum(len(own) for own in of_wallets.values()), "day")
    names = _listed([" ".join(wallet) for wallet in of_wallets])
    return Verdict(True, f"complete: {when}: {names}; {counted} proven")


def _unproven(days: Sequence[CalendarDay]) -> str:
    """The days of an account in a market that are not proven, by state."""
    of_states = ((state, [one.day for one in days if one.state is state]) for state in DayState)
    return ", ".join(f"{state} {_spans(own)}" for state, own in of_states if own and state is not DayState.PROVEN)


def _spans(days: Sequence[date]) -> str:
    """Days in a row as one span."""
    spans: list[tuple[date, date]] = []
    for day in days:
        if spans and day - spans[-1][1] == timedelta(days=1):
            spans[-1] = (spans[-1][0], day)
        else:
            spans.append((day, day))
    shown = [f"{first}" if first == last else f"{first}..{last}" for first, last in spans[:SPANS_SHOWN]]
    more = len(spans) - len(shown)
    return " ".join(shown) + (f" and {more} more" if more else "")


def _listed(parts: Sequence[str]) -> str:
    more = len(parts) - WALLETS_SHOWN
    return "; ".join([*parts[:WALLETS_SHOWN], *([f"{more} more"] if more > 0 else [])])
