"""The report as compact tables for a terminal. Builds what is shown; the command prints it."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, date, datetime
from decimal import MAX_EMAX, MAX_PREC, MIN_EMIN, Context, Decimal, localcontext
from typing import NamedTuple, TypeVar

from etl.core.orders import CloseType
from etl.core.text import many, printable
from etl.core.timeline import DAY, SECOND, duration, to_millis, to_the_second
from etl.reporting.fitting import Column
from etl.reporting.queries import Cascade, Covered, Daily, Largest, ReportData
from etl.reporting.terminal import SHORTEST, SYMBOL, Table, table

SYMBOLS_SHOWN = 15
CASCADES_SHOWN = 10
LARGEST_SHOWN = 10

FILLABLE = {"not_fetched", "failed"}
"""Reasons of gaps that can still be read, as long as the exchange keeps them."""

_EXACT = Context(prec=MAX_PREC, Emax=MAX_EMAX, Emin=MIN_EMIN)  # else a sum would be rounded to 28 digits


Key = TypeVar("Key", bound=tuple[str | None, ...])


class Total(NamedTuple):
    orders: int
    adl: int
    """How many of them were auto-deleveraging."""
    notional: Decimal | None
    """None where no order's is known."""


def headline(data: ReportData) -> str:
    """What the report is of, in one line; without any order and coverage, how to get some."""
    span = f"from {to_the_second(data.span.start)} to {to_the_second(data.span.end)}"
    if not data.orders and all(day.coverage == "not" for day in data.coverage):
        return f"nothing is stored {span}; start with: force-orders backfill"
    accounts = printable(", ".join(data.accounts))
    return f"{many(data.orders, 'order') if data.orders else 'no order'} of {accounts} {span}"


def report_tables(data: ReportData) -> list[Table]:
    """Totals, symbols, cascades, coverage and the largest orders; a table without rows is left out."""
    made = [_totals(data), _symbols(data), _cascades(data), _coverage(data), _largest(data)]
    return [one for one in made if one.rows]


def _name(head: str, drop: int | None = None) -> Column:
    return Column(head, drop, least=SHORTEST)


def _figure(head: str, drop: int | None = None) -> Column:
    return Column(head, drop, is_right=True)


def _totals(data: ReportData) -> Table:
    totals = _summed(data.daily, lambda row: (f"{row.day:%Y-%m}", row.close_type, row.quote_asset))
    rows = [
        (*key, number(total.orders), number(total.notional))
        for key, total in sorted(totals.items(), key=lambda item: str(item[0]))
    ]
    columns = (Column("month"), Column("close type"), _name("asset", 1), _figure("orders"), _figure("notional"))
    return table("by month and close type", columns, rows)


def _symbols(data: ReportData) -> Table:
    totals = _summed(data.daily, lambda row: (row.symbol, row.quote_asset))
    most = sorted(totals.items(), key=lambda item: (-item[1].orders, str(item[0])))[:SYMBOLS_SHOWN]
    rows = [(*key, *map(number, total)) for key, total in most]
    columns = (
        Column("symbol", least=SYMBOL),
        _name("asset", 1),
        _figure("orders"),
        _figure("of them ADL", 2),
        _figure("notional"),
    )
    return table(_titled("by symbol", len(rows), len(totals)), columns, rows)


def _cascades(data: ReportData) -> Table:
    most = sorted(data.cascades, key=lambda one: (-one.orders, one.started_at))[:CASCADES_SHOWN]
    columns = (
        *(_name("account", 5), Column("began"), Column("length", 4), _name("assets", 1), _figure("symbols", 3)),
        *(_figure("orders"), _figure("most in a second", 2), _figure("notional")),
    )
    return table("largest cascades", columns, map(_cascade_row, most))


def _cascade_row(one: Cascade) -> Sequence[object]:
    length = duration(one.seconds * SECOND)
    counts = (number(one.symbols), number(one.orders), number(one.peak_orders_per_second))
    return one.account, _moment(one.started_at), length, one.quote_assets, *counts, number(one.notional)


def _coverage(data: ReportData) -> Table:
    keeps = None if data.retention_days is None else data.retention_days * DAY
    days: dict[str, list[Covered]] = defaultdict(list)
    for day in data.coverage:
        days[day.account].append(day)
    rows = [_coverage_row(account, of_account, keeps, data.generated_at) for account, of_account in days.items()]
    columns = (
        *(_name("account"), _name("why not", 1), Column("lost next", 2)),
        *(_figure("days proven"), _figure("partly"), _figure("not")),
    )
    return table("coverage", columns, rows)


def _coverage_row(account: str, days: Sequence[Covered], keeps: int | None, now: int) -> Sequence[object]:
    reasons = sorted({reason for day in days if day.reasons for reason in day.reasons.split(", ")})
    counts = [number(sum(day.coverage == kind for day in days)) for kind in ("proven", "partly", "not")]
    return account, ", ".join(reasons) or None, _loss(days, keeps, now), *counts


def _loss(days: Sequence[Covered], keeps: int | None, now: int) -> str | None:
    """The first day that can still be read and is not proven, and when the exchange begins to forget it."""
    day = None if keeps is None else first_at_risk(days, now - keeps)
    if day is None or keeps is None:
        return None
    left = max(0, begin_of(day) + keeps - now) / DAY
    return f"{day} in {left:.1f} days"


def first_at_risk(days: Sequence[Covered], kept_since: int) -> date | None:
    """The oldest day not proven that the exchange keeps since `kept_since`, and that was asked for or is yet to be.

    A day that is partly proven for no reason was asked for in part: it is no gap, unless nothing after it is proven.
    """
    newest_proof = max((day.day for day in days if day.coverage == "proven"), default=date.min)
    return min(
        (
            day.day
            for day in days
            if day.coverage != "proven"
            and begin_of(day.day) + DAY > kept_since
            and (day.day > newest_proof or FILLABLE & set((day.reasons or "").split(", ")))
        ),
        default=None,
    )


def begin_of(day: date) -> int:
    """Epoch milliseconds of its first instant in UTC."""
    return to_millis(datetime(day.year, day.month, day.day, tzinfo=UTC))


def _largest(data: ReportData) -> Table:
    columns = (
        *(
            _name("account", 4),
            Column("symbol", least=SYMBOL),
            Column("order id"),
            Column("time"),
            Column("close type", 6),
        ),
        *(Column("closed", 2), _name("asset", 1)),
        *(_figure("filled", 5), _figure("notional"), _figure("slippage, bps", 3)),
    )
    return table("largest orders", columns, map(_largest_row, data.largest[:LARGEST_SHOWN]))


def _largest_row(one: Largest) -> Sequence[object]:
    return (
        one.account,
        one.symbol,
        one.order_id,
        _moment(one.order_time),
        one.close_type,
        one.position_closed,
        one.quote_asset,
        number(one.quantity_filled),
        number(one.notional),
        number(one.slippage_bps),
    )


def _summed(rows: Iterable[Daily], key: Callable[[Daily], Key]) -> dict[Key, Total]:
    groups: dict[Key, list[Daily]] = defaultdict(list)
    for row in rows:
        groups[key(row)].append(row)
    return {of: _total(group) for of, group in groups.items()}


def _total(rows: Sequence[Daily]) -> Total:
    known = [row.notional for row in rows if row.notional is not None]
    with localcontext(_EXACT):
        notional = sum(known, Decimal(0)) if known else None
    return Total(
        sum(row.orders for row in rows), sum(row.orders for row in rows if row.close_type == CloseType.ADL), notional
    )


def number(value: Decimal | int | None) -> str | None:
    """With thousands separators and all its digits, but for zeros at the end of a fraction."""
    if value is None:
        return None
    shown = f"{value:,f}" if isinstance(value, Decimal) else f"{value:,}"
    return shown.rstrip("0").rstrip(".") if "." in shown else shown


def _moment(moment: datetime) -> str | None:
    return to_the_second(to_millis(moment))


def _titled(title: str, shown: int, there: int) -> str:
    return title if shown == there else f"{title} ({shown} of {there})"
