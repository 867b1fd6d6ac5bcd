"""Words a summary as a short message, the most severe section first. Pure."""

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal, TypeVar

from etl.core.text import many, printable
from etl.core.timeline import to_the_second
from etl.errors import ExitCode
from etl.notifications.summary import (
    AccountGaps,
    AccountResults,
    NewOrders,
    NotificationSummary,
    RunResult,
    UnreadHistory,
    count_accounts,
)

MAX_ITEMS = 5
"""Items listed in each section; the others are counted."""

MAX_FAULT_LENGTH = 200
"""Characters of one fault; longer ones are cut."""

Severity = Literal["failure", "warning", "info"]
Item = TypeVar("Item")

_BAD_STATUSES = ("failed", "banned", "incomplete")
"""Statuses of runs that count as a failure, the worst first."""


@dataclass(frozen=True)
class Message:
    """What a channel receives."""

    severity: Severity
    title: str
    body: str


@dataclass(frozen=True)
class Section:
    """One paragraph of a message, and the title of the message if it comes first."""

    severity: Severity
    title: str
    lines: tuple[str, ...]


def message_of(summary: NotificationSummary, about: Collection[str], gap_days: float) -> Message | None:
    """None if none of the events `about` (failure, gap, orders) occurred, or if all runs were stopped by a signal.

    The event `gap` occurs when unread history is lost within `gap_days`.
    """
    sections = list(_sections(summary, about, gap_days))
    if not sections or (summary.accounts is None and {run.status for run in summary.runs} == {"stopped"}):
        return None
    paragraphs = ["\n".join(section.lines) for section in sections] + [_total(summary)]
    return Message(sections[0].severity, f"force-orders: {sections[0].title}", "\n\n".join(paragraphs))


def _sections(summary: NotificationSummary, about: Collection[str], gap_days: float) -> Iterator[Section]:
    bad = [run for status in _BAD_STATUSES for run in summary.runs if run.status == status]
    oldest = sorted(summary.unread, key=lambda one: one.days_until_loss)
    soon_lost = [one for one in oldest if one.days_until_loss < gap_days]
    if "failure" in about and summary.accounts is not None:
        if summary.accounts.exit_code != ExitCode.DONE:
            of_accounts = *_account_lines(summary.accounts), *_incomplete_data(summary)
            yield Section("failure", _accounts_title(summary.accounts), of_accounts)
    elif "failure" in about and bad:
        yield Section("failure", _failure_title(bad, summary), (*_failures(bad), *_incomplete_data(summary)))
    if "gap" in about and soon_lost:
        lines = _listed(soon_lost, lambda one: f"- {one.wallet}: from {to_the_second(one.since)}, {_loss(one)}")
        yield Section("warning", _loss_title(soon_lost), ("Unread history that is lost soon:", *lines))
    if "orders" in about and summary.orders:
        largest = sorted(summary.orders, key=lambda one: one.notional or Decimal(0), reverse=True)
        title = many(sum(one.orders for one in largest), "new force order")
        yield Section("info", title, (f"{title}{_total_notional(largest)}:", *_listed(largest, _new_orders)))


def _accounts_title(accounts: AccountResults) -> str:
    parts = [f"{accounts.read} of {many(accounts.total, 'account')} read"]
    if accounts.unserved_queues:
        parts.append("no worker is running")
    parts += [
        f"{count_accounts(faults)} {what}"
        for faults, what in ((accounts.failed, "failed"), (accounts.incomplete, "incomplete"))
        if faults
    ]
    if accounts.unfinished and not accounts.unserved_queues:
        parts.append(f"{count_accounts(accounts.unfinished)} not yet")
    return "; ".join(parts)


def _account_lines(accounts: AccountResults) -> Iterator[str]:
    """Accounts with the same fault share a line."""
    if accounts.unserved_queues:
        queues = ",".join(accounts.unserved_queues)
        what = "queue" if len(accounts.unserved_queues) == 1 else "queues"
        yield f"No worker is running for the {what} {queues}: force-orders worker --queues {queues}"
    for faults, what in (
        (accounts.failed, "failed"),
        (accounts.unfinished, "not read yet"),
        (accounts.incomplete, "incomplete"),
    ):
        if faults:
            by_reason: dict[str, list[str]] = {}
            for fault in faults:
                by_reason.setdefault(fault.reason, []).append(str(fault.wallet))
            yield f"{count_accounts(faults)} {what}:"
            yield from _listed(sorted(by_reason.items(), key=lambda item: -len(item[1])), _accounts_with_fault)


def _accounts_with_fault(item: tuple[str, Sequence[str]]) -> str:
    reason, accounts = item
    names = ", ".join(accounts[:MAX_ITEMS]) + (f" and {len(accounts) - MAX_ITEMS} more" if accounts[MAX_ITEMS:] else "")
    return f"- {names}: {_shortened(reason)}" if reason else f"- {names}"


def _failure_title(bad: Sequence[RunResult], summary: NotificationSummary) -> str:
    if len(summary.runs) == 1:
        return f"{bad[0].command} {bad[0].status}"
    statuses = {run.status for run in bad}
    return f"{len(bad)} of {len(summary.runs)} runs {statuses.pop() if len(statuses) == 1 else 'went wrong'}"


def _failures(bad: Sequence[RunResult]) -> Iterator[str]:
    """Every fault of a single run; of several runs the first fault of each."""
    if len(bad) == 1 and len(bad[0].faults) > 1:
        yield f"{_run(bad[0])}:"
        yield from _listed(bad[0].faults, lambda fault: f"- {_shortened(fault)}")
    else:
        yield from _listed(bad, _run_with_fault)


def _run_with_fault(run: RunResult) -> str:
    if not run.faults:
        return _run(run)
    first, *others = run.faults
    return f"{_run(run)}: {_shortened(first)}" + (f" (and {len(others)} more)" if others else "")


def _run(run: RunResult) -> str:
    return f"{run.command} {run.status}" if run.run_id is None else f"{run.command} (run {run.run_id}) {run.status}"


def _incomplete_data(summary: NotificationSummary) -> Iterator[str]:
    if summary.rows.quarantined:
        yield f"{many(summary.rows.quarantined, 'row')} could not be read; see: force-orders quarantine list"
    if summary.gaps:
        yield "Gaps; see: force-orders status"
        yield from _listed(sorted(summary.gaps, key=lambda gaps: gaps.since), _gaps)


def _gaps(gaps: AccountGaps) -> str:
    return f"- {gaps.wallet}: {many(gaps.gaps, 'gap')} ({', '.join(gaps.reasons)}) from {to_the_second(gaps.since)}"


def _loss_title(soon_lost: Sequence[UnreadHistory]) -> str:
    number = len({one.account for one in soon_lost})
    whose = f"account {soon_lost[0].wallet}" if len(soon_lost) == 1 else many(number, "account")
    return f"unread history of {whose} is {_loss(soon_lost[0])}"


def _loss(one: UnreadHistory) -> str:
    return f"lost in {one.days_until_loss:.1f} days" if one.days_until_loss >= 0.05 else "being lost now"


def _new_orders(one: NewOrders) -> str:
    notional = "" if one.notional is None else f", {_amount(one.notional, one.quote_asset)}"
    return f"- {one.wallet} {printable(one.symbol)} {one.close_type}: {one.orders}{notional}"


def _total_notional(orders: Sequence[NewOrders]) -> str:
    """The sum in each quote asset."""
    sums: dict[str | None, Decimal] = {}
    for one in orders:
        if one.notional is not None:
            sums[one.quote_asset] = sums.get(one.quote_asset, Decimal(0)) + one.notional
    amounts = " + ".join(_amount(notional, asset) for asset, notional in sums.items())
    return f", {amounts}" if amounts else ""


def _amount(notional: Decimal, asset: str | None) -> str:
    number = f"{notional:,.2f}" if abs(notional) >= 1 or not notional else f"{notional:.3g}"
    return f"{number} {asset}" if asset else number


def _total(summary: NotificationSummary) -> str:
    counted = sorted(Counter(run.status for run in summary.runs).items())
    statuses = ", ".join(f"{count} {status}" for status, count in counted)
    orders = f"{many(summary.rows.inserted, 'new order')}, {summary.rows.updated} changed"
    return f"Total: {many(len(summary.runs), 'run')}{f' ({statuses})' if statuses else ''}; {orders}."


def _listed(items: Sequence[Item], line: Callable[[Item], str]) -> Iterator[str]:
    yield from map(line, items[:MAX_ITEMS])
    if len(items) > MAX_ITEMS:
        yield f"and {len(items) - MAX_ITEMS} more"


def _shortened(fault: str) -> str:
    line = printable(fault)
    return line if len(line) <= MAX_FAULT_LENGTH else f"{line[: MAX_FAULT_LENGTH - 1]}…"
