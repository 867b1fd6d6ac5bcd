"""What the orders of a statement's period cost, by account, market and asset, from the sums that a report reads."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence

from etl.core.completeness import CalendarDay, DayState
from etl.core.market_choice import sort_markets
from etl.core.statement import CostLine
from etl.core.text import many
from etl.reporting.cost_queries import Rows, costs_were_read, read_costs
from etl.reporting.cost_tables import sum_costs
from etl.reporting.report_data import Cost, CostState

Scope = tuple[str, str]
"""Account and market."""


def read_cost_lines(rows: Rows, days: Iterable[CalendarDay]) -> list[CostLine] | None:
    """The costs of the accounts and the span of `rows`, whose calendar is `days`; None if none were ever read."""
    if not costs_were_read(rows):
        return None
    amounts, states = read_costs(rows, named=[], others="*")
    doubts = defaultdict(list)
    for query, words in ((_LOOSE, "without a force order"), (_UNREAD, "that cannot be read")):
        for row in rows(query):
            doubts[row.account, row.market].append(f"{many(row.fees, 'clearance fee')} {words}")
    unproven = Counter((one.account, one.market) for one in days if one.state is not DayState.PROVEN)
    for scope, count in unproven.items():
        doubts[scope].append(f"not complete: {many(count, 'day')}")
    return cost_lines(amounts, states, doubts)


def cost_lines(
    amounts: Sequence[Cost], states: Sequence[CostState], doubts: Mapping[Scope, Sequence[str]]
) -> list[CostLine]:
    """A line for each asset; one without asset where orders have no known amount.

    `doubts`: why more may have been paid than the orders say, in words.
    """
    reasons = {scope: _reason(states, scope, doubts.get(scope, ())) for scope in _scopes([*amounts, *states])}
    groups: dict[Scope, dict[str | None, list[Cost]]] = defaultdict(dict)
    for row in amounts:
        groups[row.account, row.market].setdefault(row.asset, []).append(row)
    lines = []
    for scope, why in reasons.items():
        own = groups[scope] or {None: []}
        for asset in sorted(own, key=str):
            lines.append(
                CostLine(*scope, asset, *sum_costs(own[asset]), is_complete=why is None, incomplete_because=why)
            )
    return lines


def _scopes(rows: Iterable[Cost | CostState]) -> list[Scope]:
    found = {(row.account, row.market) for row in rows}
    markets = sort_markets({market for _, market in found})
    return sorted(found, key=lambda scope: (scope[0], markets.index(scope[1])))


def _reason(states: Sequence[CostState], scope: Scope, doubts: Sequence[str]) -> str | None:
    orders: dict[str, int] = defaultdict(int)
    for row in states:
        if (row.account, row.market) == scope and row.incomplete_because is not None:
            orders[row.incomplete_because] += row.orders
    said = [f"{many(count, 'order')}: {why}" for why, count in sorted(orders.items())]
    return "; ".join([*said, *doubts]) or None


_LOOSE = """
    SELECT account, market, count(*) AS fees FROM unlinked_fees
     WHERE account = ANY(:accounts) AND order_time IS NULL AND booked_at >= :since AND booked_at < :until
     GROUP BY account, market
"""
_UNREAD = """
    SELECT account, market, count(*) AS fees FROM unread_fees
     WHERE account = ANY(:accounts) AND coalesce(booked_at >= :since AND booked_at < :until, true)
     GROUP BY account, market
"""
