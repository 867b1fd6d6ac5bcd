"""What orders cost, as a table for a terminal."""

from collections import defaultdict
from collections.abc import Sequence
from decimal import Decimal, localcontext

from etl.core.text import many
from etl.reporting.layout import Column
from etl.reporting.report_data import Cost, ReportData
from etl.reporting.report_tables import EXACT, format_number
from etl.reporting.table import MARKET, MIN_WIDTH, Table, lone_market, table


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
    rows = [(*key, *map(format_number, _amounts(own))) for key, own in sorted(groups.items())]
    return [table("what it cost (negative: lost or paid)", columns, rows, lone_market(data.markets))]


def cost_lines(data: ReportData) -> list[str]:
    """Of how many orders the costs are known, and how to read those of the others."""
    known = sum(row.orders for row in data.cost_states if row.incomplete_because is None)
    if known == data.orders:
        return []
    return [f"costs known of {known:,} of {many(data.orders, 'order')}; read by force-orders sync, backfill --costs"]


def _amounts(rows: Sequence[Cost]) -> list[Decimal | None]:
    """Realised, commission, clearance fee and their sum, exact; None where nothing of the kind is known."""
    kinds = zip(*(row[-3:] for row in rows), strict=True)
    with localcontext(EXACT):
        sums = [
            sum(known, Decimal(0)) if (known := [one for one in kind if one is not None]) else None for kind in kinds
        ]
        return [*sums, sum((one for one in sums if one is not None), Decimal(0))]
