"""What `status` shows of many accounts: a line about all of them, and the worst of them in a table."""

from collections.abc import Sequence

from etl.core.text import many
from etl.core.timeline import duration, to_the_second
from etl.monitoring.accounts import AccountStatus
from etl.monitoring.status import Status
from etl.reporting.layout import Column
from etl.reporting.table import MIN_WIDTH, Table, table


def totals_line(status: Status, accounts: Sequence[AccountStatus]) -> str:
    """All accounts in one line."""
    active = [one for one in accounts if not one.is_retired]
    retired = len(accounts) - len(active)
    ages = [one.age for one in active if one.age is not None]
    parts = [
        f"{many(len({one.account for one in active}), 'account')}{f' and {retired} retired' if retired else ''}",
        many(sum(one.symbols for one in active), "symbol"),
        f"{status.orders:,} orders",
        f"{many(sum(one.gaps > 0 for one in active), 'account')} with gaps",
        f"oldest watermark {duration(max(ages))} old" if ages else "nothing read yet",
    ]
    return "; ".join(parts)


def worst_table(accounts: Sequence[AccountStatus], shown: int) -> Table:
    """The first of these accounts, which stand in the order of their urgency."""
    columns = (
        *(Column("account", min_width=MIN_WIDTH), Column("market", 5), Column("symbols", 6, align_right=True)),
        *(Column("complete since", 1), Column("watermark"), Column("age", 4, align_right=True)),
        *(Column("days until loss", 3, align_right=True), Column("gaps", align_right=True)),
        Column("orders", 2, align_right=True),
    )
    return table(f"the worst {shown} of {len(accounts):,}", columns, map(_row, accounts[:shown]))


def _row(one: AccountStatus) -> Sequence[object]:
    return (
        *(one.account, one.market, one.symbols, to_the_second(one.covered_since), to_the_second(one.watermark)),
        "retired" if one.is_retired else None if one.age is None else duration(one.age),
        None if one.days_until_loss is None else f"{one.days_until_loss:.1f}",
        one.gaps,
        one.orders,
    )
