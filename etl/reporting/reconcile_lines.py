"""The result of `reconcile` as lines and a table: what agreed, what could not be compared and why, what differs."""

from collections.abc import Iterable, Sequence
from datetime import date, timedelta

from etl.core.market_choice import sort_markets
from etl.core.order_lists import Discrepancy, Kind
from etl.core.reconciling import DayVerdict, Verdict
from etl.core.text import many
from etl.core.timeline import iso, to_datetime
from etl.core.wallets import Wallet
from etl.reporting.layout import Column
from etl.reporting.table import MARKET, MIN_WIDTH, SYMBOL_WIDTH, Table, lone_market, table
from etl.runs.reconciliation import Reconciler
from etl.runs.summary import Summary
from etl.store.reconciliations import Disputed, Reconciled

SHOWN = 50
"""How many orders the table has."""

REASONS_SHOWN = 3


def reconcile_lines(summary: Summary, done: Reconciler) -> list[str]:
    """The run in one line, and one for each account and market."""
    head = (
        f"reconcile {summary.status} in {summary.seconds:.1f} s: "
        f"{many(summary.counts.requests, 'request')} (weight {summary.counts.weight})"
    )
    lines = [head, *(_line(one, done.disputed) for one in done.done)]
    lines += [
        f"{_named(wallet)}: nothing of that time can be compared: it is not proven, too young, or no longer listed"
        for wallet in done.skipped
    ]
    without = summary.markets - {wallet.market for wallet in [*(one.wallet for one in done.done), *done.skipped]}
    is_whole = summary.status in ("succeeded", "incomplete")
    why = (
        "nothing to compare with: not read, or there is no list of all orders"
        if is_whole
        else "not compared, because the run ended before"
    )
    lines += [f"{market}: {why}" for market in sort_markets(without)]
    if not any(one.has_compared for one in done.done):
        lines.append("nothing was compared")
    return lines


def discrepancy_table(done: Sequence[Reconciled], markets: Iterable[str]) -> Table:
    """The first SHOWN orders, disputed ones first."""
    found = [(one.wallet, order) for one in done for order in one.discrepancies]
    found.sort(key=lambda item: ([*Kind].index(item[1].kind), item[0], item[1]))
    more = len(found) - SHOWN
    columns = (
        *(Column("kind"), Column("account", 2, MIN_WIDTH), MARKET, Column("symbol", min_width=SYMBOL_WIDTH)),
        *(Column("order id"), Column("order time"), Column("detail", min_width=MIN_WIDTH, wraps=True)),
    )
    title = f"orders on which the lists differ ({more} more)" if more > 0 else "orders on which the lists differ"
    return table(title, columns, [_row(wallet, one) for wallet, one in found[:SHOWN]], lone_market(markets))


def _row(wallet: Wallet, one: Discrepancy) -> Sequence[object]:
    return one.kind.value, *wallet, one.symbol, one.order_id, iso(one.order_time), one.detail


def _line(one: Reconciled, disputed: Sequence[Disputed]) -> str:
    own = [order for order in disputed if (order.account, order.market) == one.wallet]
    doubted = {order.order_time.date() for order in own}
    agreed = [day for day in one.days if day.verdict is Verdict.AGREED and day.day not in doubted]
    unchecked = [day for day in one.days if day.verdict is Verdict.NOT_CHECKABLE and day.day not in doubted]
    parts = [f"{many(len(agreed), 'day')} agreed"]
    if unchecked:
        parts.append(f"{len(unchecked)} not checkable ({_reasons(unchecked)})")
    if own:
        names = ", ".join(f"{order.symbol} {order.order_id} {order.kind}" for order in own)
        parts.append(f"{len(doubted)} disputed ({names})")
    parts.append(f"{many(len(one.agreeing), 'force order')} of {many(one.orders_listed, 'listed order')} compared")
    parts += [f"not listed, as expected: {count} ({reason})" for reason, count in sorted(one.expected.items())]
    if one.accepted:
        parts.append(f"accepted: {one.accepted}")
    if not one.days and one.reason:
        parts.append(one.reason)
    first, last = (to_datetime(at).date() for at in (one.span.start, one.span.end - 1))
    return f"{_named(one.wallet)}, {first} to {last}: {'; '.join(parts)}"


def _reasons(days: Sequence[DayVerdict]) -> str:
    """Each reason with the days that have it."""
    by_reason: dict[str, list[date]] = {}
    for day in days:
        by_reason.setdefault(day.reason or "", []).append(day.day)
    said = [f"{_days(own)}: {reason}" for reason, own in by_reason.items()]
    more = len(said) - REASONS_SHOWN
    return "; ".join([*said[:REASONS_SHOWN], *([f"{more} more reasons"] if more > 0 else [])])


def _days(days: Sequence[date]) -> str:
    """Days in a row from the first to the last."""
    if len(days) > 1 and days[-1] - days[0] == timedelta(days=len(days) - 1):
        return f"{days[0]} to {days[-1]}"
    return ", ".join(map(str, days[:REASONS_SHOWN])) + (", …" if days[REASONS_SHOWN:] else "")


def _named(wallet: Wallet) -> str:
    return f"account {wallet.account} {wallet.market}"
