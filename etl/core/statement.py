"""A statement of completeness: what an auditor is told of a period, as values, and its verdict. Pure.

Instants are epoch milliseconds; only days are those of the statement's time zone.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from itertools import groupby
from typing import NamedTuple

from etl.core.completeness import CalendarDay, DayState, Period, Verdict, judge, parse_period
from etl.core.markets import NAMES

LONGEST_DAYS = 3_660
"""Ten years and a few days."""
YEARS = range(1970, 9_999)
"""Outside of these the first and the last instant of a day are not of a year that every program can write."""


class MarketLine(NamedTuple):
    """A market of an account, read or not."""

    account: str
    market: str
    state: str | None
    """As in `account_markets`; None: nobody ever asked whether the account has it."""
    exists: bool | None
    reason: str | None
    since: int | None
    """From when on the account has it; None: always, as far as is known."""
    until: int | None
    """When the account lost it."""
    told_at: int | None
    asked_since: int | None
    """The earliest instant that was ever asked for."""
    proven_until: int | None

    @property
    def is_read(self) -> bool:
        """Something of it was asked for, or it is said to be read; what is closed is read no longer."""
        return self.state == "read" or (self.state is None and self.asked_since is not None)


class GapLine(NamedTuple):
    """What is missing inside the period; `symbols` as people read them."""

    account: str
    market: str
    symbols: str
    start: int
    end: int
    reason: str


class QuarantinedLine(NamedTuple):
    """A row that could not be read and may belong to the days of UTC from the first (None: any) to the last."""

    account: str
    market: str
    id: int
    reason: str
    seen_at: int
    first_day: date | None
    last_day: date


class VerificationLine(NamedTuple):
    """The newest comparison of a scope with the exchange that covers a part of the period."""

    account: str
    market: str
    symbol: str
    run_id: int
    verified_at: int
    start: int
    end: int
    orders_compared: int
    missing: int
    different: int
    extra: int
    repaired: int
    unread_reason: str | None
    is_sample: bool

    @property
    def result(self) -> str:
        """In words."""
        found = {"missing": self.missing, "different": self.different, "extra": self.extra}
        said = [f"{name} {count}" for name, count in found.items() if count]
        said += [f"repaired {self.repaired}"] if self.repaired else []
        said = [", ".join(said) or "both sides agree"]
        said += ["a sample of its windows"] if self.is_sample else []
        return "; ".join([*said, *([f"not all was read: {self.unread_reason}"] if self.unread_reason else [])])


class ReconciliationLine(NamedTuple):
    """The days of an account in a market that were held against the list of all orders, days of UTC."""

    account: str
    market: str
    days: int
    """Days of UTC that have an instant of the period."""
    agreed: int
    not_checkable: int
    disputed: int
    reconciled_at: int
    """When the newest of these verdicts was found."""
    reasons: str | None
    """Why days were not checkable, and the orders in dispute; None where all agreed."""


class SealLine(NamedTuple):
    """The seals of an account in a market. A seal is of a day of UTC, whatever the zone of the statement."""

    account: str
    market: str
    days: int
    """Days of UTC that have an instant of the period."""
    sealed: int
    """How many of them are sealed."""
    newest_day: date
    sealed_at: int
    digest: str
    """The newest seal of all. It vouches for every seal before it."""


class OrderLine(NamedTuple):
    """The orders of an account, market, close type and quote asset. Assets are never added."""

    account: str
    market: str
    close_type: str
    quote_asset: str | None
    orders: int
    notional: Decimal | None
    """None if the worth of every order is unknown."""
    unpriced: int
    """How many orders the notional leaves out, because their worth is unknown."""


class CostLine(NamedTuple):
    """What the orders of an account in a market cost in one asset; negative is lost or paid. Assets are never added."""

    account: str
    market: str
    asset: str | None
    """None: nothing changed, or no amount is known; `unknown` where the exchange names none."""
    realized_pnl: Decimal | None
    commission: Decimal | None
    clearance_fee: Decimal | None
    """None where nothing of the kind is known."""
    total: Decimal | None
    is_complete: bool
    """Whether every day of the account in the market is complete, and the costs of all its orders are known in full."""
    incomplete_because: str | None


class ExportFile(NamedTuple):
    """The file that goes with a statement; `name` without its directory."""

    name: str
    size: int
    sha256: str


class Origin(NamedTuple):
    """Who made a statement, when, and of what. Without path, host of the database or key."""

    at: int
    at_local: str
    """The same instant by the clocks of the zone."""
    user: str
    host: str
    version: str
    schema: str
    """The revision of the database's schema."""
    server: str
    """The version of the database server."""


@dataclass(frozen=True)
class Statement:
    """All that a statement says, as of one instant."""

    accounts: Sequence[str]
    period: Period
    zone: str
    starts_at: int
    ends_at: int
    """The first instant of the period, and the first after it."""
    days: Sequence[CalendarDay]
    markets: Sequence[MarketLine]
    gaps: Sequence[GapLine]
    quarantined: Sequence[QuarantinedLine]
    verifications: Sequence[VerificationLine]
    reconciliations: Sequence[ReconciliationLine]
    seals: Sequence[SealLine]
    orders: Sequence[OrderLine]
    costs: Sequence[CostLine] | None
    """None: neither fills nor income were ever read."""
    export: ExportFile | None
    origin: Origin

    @property
    def verdict(self) -> Verdict:
        """The answer of `force-orders complete` for the same days, accounts and zone."""
        return judge(self.days, self.period, self.zone, self.accounts)


PROVEN_MEANS = (
    "A day is proven when the exchange answered for every instant of it, and each answer was shown to be whole.",
    "A full page proves nothing: what it was asked for is asked again in smaller pieces, until the answers are shorter "
    "than the exchange's limit.",
    "Orders and their proof are stored in one transaction, so nothing is proven whose orders are not stored.",
    "Nothing is proven that was too young when it was asked for, that the exchange no longer kept, or on which it "
    "contradicted itself; a row that could not be read takes the proof from every day to which it may belong.",
    "It is a proof of what the exchange shows of the markets named here: an order that it never shows is unknown, and "
    "a liquidation in Portfolio Margin may leave none.",
)
"""What the word means, in five sentences; docs/guarantees.md says it at length."""

LETTERS: Mapping[DayState, str] = {
    DayState.PROVEN: "P",
    DayState.ARCHIVED: "A",
    DayState.QUARANTINED: "Q",
    DayState.DISPUTED: "D",
    DayState.PARTLY: "H",
    DayState.NOT: "N",
    DayState.BEYOND_RETENTION: "B",
    DayState.NEVER_ASKED: "U",
    DayState.FUTURE: "F",
}
NO_MARKET = "-"
"""A day on which the account did not have the market."""

MEANINGS: Mapping[DayState, str] = {
    DayState.PROVEN: "proven: every order of the day is stored",
    DayState.ARCHIVED: "archived: files of the exchange's archive cover what is not proven of it; they prove nothing",
    DayState.QUARANTINED: "quarantined: a row that could not be read may belong to it",
    DayState.DISPUTED: "disputed: the exchange contradicted itself, or an order differs from the exchange's",
    DayState.PARTLY: "half proven, or partly: only some of its instants or symbols are",
    DayState.NOT: "not proven, although it was asked for",
    DayState.BEYOND_RETENTION: "beyond retention: the exchange no longer kept it",
    DayState.NEVER_ASKED: "unasked: nobody ever asked for it",
    DayState.FUTURE: "future: it has not begun",
}


class Month(NamedTuple):
    """A row of a calendar: a cell for each day of the month, empty where the day is not in the period."""

    name: str
    cells: Sequence[DayState | str]


class Calendar(NamedTuple):
    """The days of an account in a market."""

    account: str
    market: str
    states: Mapping[date, DayState]

    def months(self, period: Period) -> list[Month]:
        """The months of the period. A day of it on which the account did not have the market is NO_MARKET."""
        by_month = groupby(period.days(), key=lambda day: f"{day:%Y-%m}")
        return [Month(name, self._cells([*days])) for name, days in by_month]

    def _cells(self, days: Sequence[date]) -> list[DayState | str]:
        return [*[""] * (days[0].day - 1), *(self.states.get(day, NO_MARKET) for day in days)]

    def counts(self) -> dict[DayState, int]:
        """How many days have each state that any of them has."""
        found = [*self.states.values()]
        return {state: found.count(state) for state in DayState if state in found}


def calendars(days: Iterable[CalendarDay]) -> Iterator[Calendar]:
    """A calendar for each account and market, the markets in the order in which they are read."""

    def place(one: CalendarDay) -> tuple[str, int, str]:
        return one.account, NAMES.index(one.market) if one.market in NAMES else len(NAMES), one.market

    for (account, _, market), own in groupby(sorted(days, key=place), key=place):
        yield Calendar(account, market, {one.day: one.state for one in own})


def stated_period(first: str, last: str) -> Period:
    """The days from one date to another, each a day, a month or a year as typed. Raises ValueError with one line."""
    period = replace(parse_period(f"{first.strip()}..{last.strip()}"), text="")
    if period.first.year not in YEARS or period.last.year not in YEARS:
        raise ValueError(f"a statement is about days of the years {YEARS[0]} to {YEARS[-1]}")
    if len(period.days()) > LONGEST_DAYS:
        raise ValueError("a statement covers at most ten years; make one for each part")
    return period
