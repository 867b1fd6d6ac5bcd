"""The report as compact tables for a terminal."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from datetime import date, datetime
from decimal import MAX_EMAX, MAX_PREC, MIN_EMIN, Context, Decimal, localcontext
from typing import NamedTuple, TypeVar

from etl.core.completeness import DayState
from etl.core.orders import CloseType
from etl.core.text import many, printable
from etl.core.timeline import DAY, SECOND, duration, to_millis, to_the_second
from etl.reporting.layout import Column
from etl.reporting.report_data import Cascade, Daily, DayCoverage, Largest, ReportData
from etl.reporting.table import MARKET, MIN_WIDTH, SYMBOL_WIDTH, Table, lone_market, table

SYMBOLS_SHOWN = 15
CASCADES_SHOWN = 10
LARGEST_SHOWN = 10

USUAL_STATES = (DayState.PROVEN, DayState.PARTLY, DayState.NOT)
"""Of a day; each other has a column only where there is such a day."""

FILLABLE = {"not_fetched", "failed"}
"""Gaps with these reasons can still be read, as long as the exchange keeps that time."""

EXACT = Context(prec=MAX_PREC, Emax=MAX_EMAX, Emin=MIN_EMIN)  # the default context rounds a sum to 28 digits

Key = TypeVar("Key", bound=tuple[str | None, ...])


class Total(NamedTuple):
    orders: int
    adl: int
    """How many orders were auto-deleveraging."""
    notional: Decimal | None
    """None if it is unknown for every order."""


def headline(data: ReportData) -> str:
    """Accounts, span and number of orders in one line; if nothing is stored, how to begin."""
    span = f"from {to_the_second(data.span.start)} to {to_the_second(data.span.end)}"
    if not data.orders and all(day.coverage in ("not", "never asked") for day in data.coverage):
        return f"nothing is stored {span}; start with: force-orders backfill"
    accounts = printable(", ".join(data.accounts))
    days = "" if data.time_zone == "UTC" else f"; months and days are those of {data.time_zone}"
    return f"{many(data.orders, 'order') if data.orders else 'no order'} of {accounts} {span}{days}"


def completeness_lines(data: ReportData) -> list[str]:
    """Whether the days are complete, in the words of `force-orders complete`; none of a database without accounts."""
    return [printable(data.verdict.line)] if data.accounts else []


def report_tables(data: ReportData) -> list[Table]:
    """Totals, symbols, cascades, coverage and the largest orders, without empty tables."""
    tables = [_totals(data), _symbols(data), _cascades(data), _coverage(data), _largest(data)]
    return [one for one in tables if one.rows]


def _text(heading: str, drop_order: int | None = None) -> Column:
    return Column(heading, drop_order, min_width=MIN_WIDTH)


def _number(heading: str, drop_order: int | None = None) -> Column:
    return Column(heading, drop_order, align_right=True)


def _totals(data: ReportData) -> Table:
    totals = _summed(data.daily, lambda row: (f"{row.day:%Y-%m}", row.market, row.close_type, row.quote_asset))
    rows = [
        (*key, format_number(total.orders), format_number(total.notional))
        for key, total in sorted(totals.items(), key=lambda item: str(item[0]))
    ]
    columns = (
        *(Column("month"), MARKET, Column("close type"), _text("asset", 1)),
        *(_number("orders"), _number("notional")),
    )
    return table("by month and close type", columns, rows, lone_market(data.markets))


def _symbols(data: ReportData) -> Table:
    totals = _summed(data.daily, lambda row: (row.market, row.symbol, row.quote_asset))
    most = sorted(totals.items(), key=lambda item: (-item[1].orders, str(item[0])))[:SYMBOLS_SHOWN]
    rows = [(*key, *map(format_number, total)) for key, total in most]
    columns = (
        *(MARKET, Column("symbol", min_width=SYMBOL_WIDTH), _text("asset", 1)),
        *(_number("orders"), _number("ADL orders", 2), _number("notional")),
    )
    return table(_titled("by symbol", len(rows), len(totals)), columns, rows, lone_market(data.markets))


def _cascades(data: ReportData) -> Table:
    most = sorted(data.cascades, key=lambda one: (-one.orders, one.started_at))[:CASCADES_SHOWN]
    columns = (
        *(_text("account", 5), MARKET, Column("started"), Column("length", 4), _text("assets", 1)),
        _number("symbols", 3),
        *(_number("orders"), _number("peak per second", 2), _number("notional")),
    )
    return table("largest cascades", columns, map(_cascade_row, most), lone_market(data.markets))


def _cascade_row(one: Cascade) -> Sequence[object]:
    length = duration(one.seconds * SECOND)
    counts = (format_number(one.symbols), format_number(one.orders), format_number(one.peak_orders_per_second))
    which = (one.account, one.market, _moment(one.started_at))
    return *which, length, ", ".join(one.notional_by_asset), *counts, format_number(_lone_amount(one))


def _lone_amount(one: Cascade) -> Decimal | None:
    """The notional of a cascade of one asset: amounts of several are not added."""
    amounts = [*one.notional_by_asset.values()]
    return Decimal(amounts[0]) if len(amounts) == 1 and amounts[0] is not None else None


def _coverage(data: ReportData) -> Table:
    retention = None if data.retention_days is None else data.retention_days * DAY
    days: dict[tuple[str, str], list[DayCoverage]] = defaultdict(list)
    for day in data.coverage:
        days[day.account, day.market].append(day)
    found = {day.state for day in data.coverage}
    states = [state for state in DayState if state in found or state in USUAL_STATES]
    rows = [
        (*which, *_summary_of(own, retention, data.generated_at), *_counts(own, states)) for which, own in days.items()
    ]
    columns = (
        *(_text("account"), MARKET, _text("reasons", 1), Column("next loss", 2)),
        *(_number("days proven" if state is DayState.PROVEN else state.value) for state in states),
    )
    return table("coverage", columns, rows, lone_market(data.markets))


def _summary_of(days: Sequence[DayCoverage], retention: int | None, now: int) -> Sequence[object]:
    """The reasons of all days together, and the next loss."""
    reasons = sorted({reason for day in days if day.reasons for reason in day.reasons.split(", ")})
    return ", ".join(reasons) or None, _loss(days, retention, now)


def _counts(days: Sequence[DayCoverage], states: Sequence[DayState]) -> list[str | None]:
    return [format_number(sum(day.state is state for day in days)) for state in states]


def quarantine_lines(data: ReportData) -> list[str]:
    """A line about the days to which an unreadable row may belong, if there are any."""
    return doubt_lines(sum("quarantined" in (day.reasons or "").split(", ") for day in data.coverage))


def reconciliation_lines(data: ReportData) -> list[str]:
    """A line about the days that were held against the list of all orders, if there are any."""
    said = [f"{one.days} {one.verdict}{f' ({one.orders})' if one.orders else ''}" for one in data.reconciled]
    return [printable(f"days held against the list of all orders: {', '.join(said)}")] if said else []


def doubt_lines(days: int) -> list[str]:
    return [f"{many(days, 'day')} may have an unreadable row: force-orders quarantine list"] if days else []


def _loss(days: Sequence[DayCoverage], retention: int | None, now: int) -> str | None:
    """The oldest day that can still be read and is not proven, and when the exchange will drop it."""
    lost = None if retention is None else first_at_risk(days, now - retention)
    if lost is None or retention is None:
        return None
    left = max(0, to_millis(lost.starts_at) + retention - now) / DAY
    return f"{lost.day} in {left:.1f} days"


def first_at_risk(days: Sequence[DayCoverage], kept_since: int) -> DayCoverage | None:
    """The oldest day neither read nor archived that the exchange keeps since `kept_since`, requested or yet to be.

    A day that is partly proven for no reason was requested in part: it is no gap, unless nothing after it is proven.
    """
    read = {"proven", "quarantined"}
    newest_proof = max((day.day for day in days if day.coverage in read), default=date.min)
    return min(
        (
            day
            for day in days
            if day.coverage not in read | {"archived", "never asked"}
            and to_millis(day.starts_at) + DAY > kept_since
            and (day.day > newest_proof or FILLABLE & set((day.reasons or "").split(", ")))
        ),
        default=None,
        key=lambda day: day.day,
    )


def _largest(data: ReportData) -> Table:
    columns = (
        *(
            _text("account", 4),
            MARKET,
            Column("symbol", min_width=SYMBOL_WIDTH),
            Column("order id"),
            Column("time"),
            Column("close type", 6),
        ),
        *(Column("closed", 2), _text("asset", 1)),
        *(_number("filled", 5), _number("notional"), _number("better by, bps", 3)),
    )
    largest = map(_largest_row, data.largest[:LARGEST_SHOWN])
    return table("largest orders", columns, largest, lone_market(data.markets))


def _largest_row(one: Largest) -> Sequence[object]:
    return (
        one.account,
        one.market,
        one.symbol,
        one.order_id,
        _moment(one.order_time),
        one.close_type,
        one.position_closed,
        one.quote_asset,
        format_number(one.quantity_filled),
        format_number(one.notional),
        format_number(one.improvement_bps),
    )


def _summed(rows: Iterable[Daily], key: Callable[[Daily], Key]) -> dict[Key, Total]:
    groups: dict[Key, list[Daily]] = defaultdict(list)
    for row in rows:
        groups[key(row)].append(row)
    return {of: _total(group) for of, group in groups.items()}


def _total(rows: Sequence[Daily]) -> Total:
    known = [row.notional for row in rows if row.notional is not None]
    with localcontext(EXACT):
        notional = sum(known, Decimal(0)) if known else None
    return Total(
        sum(row.orders for row in rows), sum(row.orders for row in rows if row.close_type == CloseType.ADL), notional
    )


def format_number(value: Decimal | int | None) -> str | None:
    """With thousands separators and every digit, except zeros at the end of a fraction."""
    if value is None:
        return None
    shown = f"{value:,f}" if isinstance(value, Decimal) else f"{value:,}"
    return shown.rstrip("0").rstrip(".") if "." in shown else shown


def _moment(moment: datetime) -> str | None:
    return to_the_second(to_millis(moment))


def _titled(title: str, shown: int, total: int) -> str:
    return title if shown == total else f"{title} ({shown} of {total})"
