"""`export`: writes orders to a file or to partitions, and remembers how far it came."""

from dataclasses import dataclass, replace

from sqlalchemy import Connection

from etl.core.completeness import Verdict
from etl.errors import ConfigError
from etl.exchange.clock import local_now
from etl.reporting.export.check import check_export, read_calendar
from etl.reporting.export.files import Files, Opener
from etl.reporting.export.formats import EXCEL
from etl.reporting.export.orders import begin_snapshot, count_orders
from etl.reporting.export.request import ExportRequest, check_selection
from etl.reporting.export.xlsx import too_many
from etl.reporting.queries import select_accounts
from etl.store import migrate
from etl.store.export_marks import (
    ExportMark,
    SafeUntil,
    check_marks_writable,
    hold_mark,
    read_mark,
    safe_until,
    write_mark,
)


@dataclass(frozen=True)
class Exported:
    """What was written, and what to say about it."""

    orders: int
    partitions: int | None
    """None: it is one file."""
    changed_since: int | None
    doubted: int
    """The days that may lack an order because a row could not be read."""
    verdict: Verdict | None
    notes: tuple[str, ...]


def export_orders(connection: Connection, request: ExportRequest, open_out: Opener, program: str) -> Exported:
    """Write the orders, whole or not at all; then, under the name of `request.mark`, how far the export came.

    Raises ConfigError for orders that nobody ever asked for, OutputError and StoreError. A mark that was there stays if
    anything fails.
    """
    if request.chosen.accounts:
        select_accounts(connection, request.chosen.accounts)
    mark, reached = _read_mark(connection, request)
    if mark is not None:
        request = replace(request, chosen=replace(request.chosen, changed_since=mark.changed_until))
    doubted = check_export(connection, request.chosen, request.span)
    # Before the orders: what is proven now is stored now.
    calendar = read_calendar(connection, request.chosen, request.span)
    schema = migrate.current(connection) or ""
    begin_snapshot(connection)
    _check_size(connection, request)
    files = Files(connection, request, calendar, f"force-orders-etl {program}", schema, local_now())
    written, notes = files.write_one(open_out) if request.partition is None else files.write_each(request.partition)
    connection.rollback()
    orders = sum(one.orders for one in written)
    if reached is not None and request.mark is not None:
        notes += _remember(connection, request, mark, reached, orders)
    return Exported(
        orders=orders,
        partitions=None if request.partition is None else len(written),
        changed_since=request.chosen.changed_since,
        doubted=doubted,
        verdict=calendar.verdict(request.span) if calendar else None,
        notes=tuple(notes),
    )


def _read_mark(connection: Connection, request: ExportRequest) -> tuple[ExportMark | None, SafeUntil | None]:
    """How far the export came before, and how far it comes now; the latter before anything is read."""
    if request.mark is None:
        return None, None
    check_marks_writable(connection)
    hold_mark(connection, request.mark)
    mark = read_mark(connection, request.mark)
    if mark is not None:
        check_selection(request, mark.selection)
    return mark, safe_until(connection)


def _remember(
    connection: Connection, request: ExportRequest, before: ExportMark | None, reached: SafeUntil, orders: int
) -> list[str]:
    """Write the mark; returns what to say about it."""
    notes = [] if before else [f"no export was called {request.mark!r} before: these are all orders"]
    until = reached.instant
    if until is None:
        until = before.changed_until if before else 0
        notes.append(
            f"{reached.session} may write orders and has begun nobody can see when: the next export of the name "
            "delivers these changes again"
        )
    write_mark(connection, str(request.mark), ExportMark(until, request.selection()), request.out, orders)
    return notes


def _check_size(connection: Connection, request: ExportRequest) -> None:
    """Raise ConfigError if the orders do not fit into the format."""
    if request.file.name != EXCEL:
        return
    chosen = replace(request.chosen, changed_since=None) if request.partition else request.chosen
    if fault := too_many(count_orders(connection, chosen, request.partition)):
        raise ConfigError(fault)
