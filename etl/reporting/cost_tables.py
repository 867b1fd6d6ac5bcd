"""What orders cost, as a table for a terminal."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from decimal import Decimal, localcontext
from typing import NamedTuple

from etl.core.text import many
from etl.reporting.layout import Column
from etl.reporting.report_data import Cost, ReportData
from etl.reporting.report_tables import EXACT, format_number
from etl.reporting.table import MARKET, MIN_WIDTH, Table, lone_market, table


class CostSums(NamedTuple):
    """Amounts of one asset."""

    realized_pnl: Decimal | None
    commission: Decimal | None
    clearance_fee: Decimal | None
    total: Decimal | None
    """The sum of those that are known."""


def cost_tables(data: ReportData) -> list[Table]:
    """A row for each month, market and asset; none where nothing is known."""
    groups: dict[tuple[str, str, str], list[Cost]] = defaultdict(list)
    for row in data.costs:
        groups[row.month, row.market, row.asset].append(row)
    if not groups:
        return []
    columns = (
        *(Column("month"), MARKET, Column("asset", min_width=MIN_WIDTH)),
        *(Column("realised", 1, align_right=True), Column("commission", 2, align_right=True)),
        *(Column("clearance fee", 3, align_right=True), Column("total", align_right=True)),
    )
    rows = [(*key, *map(format_number, sum_costs(own))) for key, own in sorted(groups.items())]
    return [table("what it cost (negative: lost or paid)", columns, rows, lone_market(data.markets))]


def cost_lines(data: ReportData) -> list[str]:
    """Of how many orders the costs are known, and how to read those of the others."""
    known = sum(row.orders for row in data.cost_states if row.incomplete_because is None)
    if known == data.orders:
        return []
    return [f"costs known of {known:,} of {many(data.orders, 'order')}; read by force-orders sync, backfill --costs"]


def sum_costs(rows: Sequence[Cost]) -> CostSums:
    """Exact; None where nothing of the kind is known."""
    kinds = zip(*((row.realized_pnl, row.commission, row.clearance_fee) for row in rows), strict=True)
    with localcontext(EXACT):
        realized_pnl, commission, clearance_fee = (_sum(kind) for kind in kinds) if rows else (None, None, None)
        total = _sum([realized_pnl, commission, clearance_fee])
        return CostSums(realized_pnl, commission, clearance_fee, total)


def _sum(amounts: Iterable[Decimal | None]) -> Decimal | None:
    known = [one for one in amounts if one is not None]
    return sum(known, Decimal(0)) if known else None
