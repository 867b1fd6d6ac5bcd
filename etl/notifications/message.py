"""A summary in words: what is worth saying, the gravest first, and little of it. Pure."""

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal, TypeVar

from etl.core.text import many, printable
from etl.core.timeline import to_the_second
from etl.notifications.summary import NotificationSummary, RunResult, AccountGaps, NewOrders, UnreadHistory

MAX_ITEMS = 5
"""What is told by name, of each section."""

LONGEST = 200
"""Characters of one thing that went wrong."""

Severity = Literal["failure", "warning", "info"]
Fact = TypeVar("Fact")

_ENDS = {"failed": 0, "banned": 1, "incomplete": 2}
"""Ends that somebody has to know of, the worst first."""


@dataclass(frozen=True)
class Message:
    """What a channel is given."""

    severity: Severity
    title: str
    body: str


@dataclass(frozen=True)
class Section:
    """One thing that is worth saying."""

    severity: Severity
    title: str
    lines: tuple[str, ...]


def message_of(summary: NotificationSummary, about: Collection[str], gap_days: float) -> Message | None:
    """None where nothing happened of what somebody wants to hear `about`: failure, gap, orders.

    A gap is told once it is lost within `gap_days`.
    """
    sections = list(_sections(summary, about, gap_days))
    if not sections or {run.status for run in summary.runs} == {"stopped"}:
        return None
    gravest = sections[0]
    paragraphs = ["\n".join(section.lines) for section in sections] + [_total(summary)]
    return Message(gravest.severity, f"force-orders: {gravest.title}", "\n\n".join(paragraphs))


def _sections(summary: NotificationSummary, about: Collection[str], gap_days: float) -> Iterator[Section]:
    bad = sorted((run for run in summary.runs if run.status in _ENDS), key=lambda run: _ENDS[run.status])
    near = sorted((one for one in summary.unread if one.days_until_loss < gap_days), key=lambda one: one.days_until_loss)
    if "failure" in about and bad:
        yield Section("failure", _failed(bad, summary), (*_runs(bad), *_left(summary)))
    if "gap" in about and near:
        yield Section("warning", _lost(near), ("UnreadHistory, and soon lost:", *_listed(near, _unread)))
    if "orders" in about and summary.orders:
        largest = sorted(summary.orders, key=lambda one: one.notional or Decimal(0), reverse=True)
        new = many(sum(one.orders for one in largest), "new force order")
        yield Section("info", new, (f"{new}{_worth(largest)}:", *_listed(largest, _orders)))


def _failed(bad: Sequence[RunResult], summary: NotificationSummary) -> str:
    if len(summary.runs) == 1:
        return f"{bad[0].command} {bad[0].status}"
    ends = {run.status for run in bad}
    return f"{len(bad)} of {len(summary.runs)} runs {ends.pop() if len(ends) == 1 else 'went wrong'}"


def _runs(bad: Sequence[RunResult]) -> Iterator[str]:
    """Of a single one each fault, of many each one's first."""
    if len(bad) == 1 and len(bad[0].faults) > 1:
        yield f"{_ended(bad[0])}:"
        yield from _listed(bad[0].faults, lambda fault: f"- {_short(fault)}")
    else:
        yield from _listed(bad, _run)


def _run(run: RunResult) -> str:
    if not run.faults:
        return _ended(run)
    first, *others = run.faults
    return f"{_ended(run)}: {_short(first)}" + (f" (and {len(others)} more)" if others else "")


def _ended(run: RunResult) -> str:
    which = run.command if run.run_id is None else f"{run.command} (run {run.run_id})"
    return f"{which} {run.status}"


def _left(summary: NotificationSummary) -> Iterator[str]:
    if summary.rows.quarantined:
        yield f"{many(summary.rows.quarantined, 'row')} could not be read; see: force-orders quarantine list"
    if summary.gaps:
        yield "AccountGaps; see: force-orders status"
        yield from _listed(sorted(summary.gaps, key=lambda gaps: gaps.since), _gaps)


def _gaps(gaps: AccountGaps) -> str:
    return f"- {gaps.account}: {many(gaps.gaps, 'gap')} ({', '.join(gaps.reasons)}) from {to_the_second(gaps.since)}"


def _lost(near: Sequence[UnreadHistory]) -> str:
    whose = f"account {near[0].account}" if len(near) == 1 else f"{len(near)} accounts"
    return f"history of {whose} is lost {_in(near[0].days_until_loss)}"


def _unread(one: Unread) -> str:
    return f"- {one.account}: from {to_the_second(one.since)}, lost {_in(one.days_until_loss)}"


def _in(days: float) -> str:
    return f"in {days:.1f} days" if days >= 0.05 else "as of now"


def _orders(one: NewOrders) -> str:
    worth = "" if one.notional is None else f", {_amount(one.notional, one.quote_asset)}"
    return f"- {one.account} {printable(one.symbol)} {one.close_type}: {one.orders}{worth}"


def _worth(orders: Sequence[NewOrders]) -> str:
    """All of them, each quote asset by itself."""
    sums: dict[str | None, Decimal] = {}
    for one in orders:
        if one.notional is not None:
            sums[one.quote_asset] = sums.get(one.quote_asset, Decimal(0)) + one.notional
    worth = " + ".join(_amount(notional, asset) for asset, notional in sums.items())
    return f", {worth}" if worth else ""


def _amount(notional: Decimal, asset: str | None) -> str:
    number = f"{notional:,.2f}" if abs(notional) >= 1 or not notional else f"{notional:.3g}"
    return f"{number} {asset}" if asset else number


def _total(summary: NotificationSummary) -> str:
    ends = Counter(run.status for run in summary.runs)
    how = ", ".join(f"{count} {status}" for status, count in sorted(ends.items()))
    rows = f"{many(summary.rows.inserted, 'order')} new, {summary.rows.updated} changed"
    return f"In all: {many(len(summary.runs), 'run')}{f' ({how})' if how else ''}; {rows}."


def _listed(facts: Sequence[Fact], told: Callable[[Fact], str]) -> Iterator[str]:
    yield from map(told, facts[:MAX_ITEMS])
    if len(facts) > MAX_ITEMS:
        yield f"and {len(facts) - MAX_ITEMS} more"


def _short(text: str) -> str:
    line = printable(text)
    return line if len(line) <= LONGEST else f"{line[: LONGEST - 1]}…"
