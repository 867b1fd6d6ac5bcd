"""The tables that runs and `status` print: gaps, differences, one row for each symbol."""

from collections.abc import Iterable, Sequence
from datetime import date, timedelta

from etl.core.differences import Difference, Newer
from etl.core.timeline import duration, iso, to_millis, to_the_second
from etl.core.verifying import ScopeResult, Unread
from etl.monitoring.accounts import by_account, gaps_of, worst_first
from etl.monitoring.gaps import SharedGap, shared
from etl.monitoring.status import WORST_SHOWN, ScopeStatus, Status
from etl.reporting.account_tables import worst_table
from etl.reporting.layout import Column
from etl.reporting.table import MARKET, MIN_WIDTH, SYMBOL_WIDTH, Table, lone_market, table
from etl.store.backups import Backup
from etl.store.coverage import Gap
from etl.store.reconciliations import NewestReconciliation
from etl.store.schema import EVERY_SYMBOL
from etl.store.verifications import Newest

GAPS_SHOWN = 10
DIFFERENCES_SHOWN = 50
SEAL_DIGITS = 12
"""Digits of a seal that are shown: enough to write down, and to find it again."""
INTERVALS = (
    *(Column("account", 2, MIN_WIDTH), MARKET, Column("symbol", min_width=SYMBOL_WIDTH), Column("from"), Column("to")),
    *(Column("length", 1), Column("reason", min_width=MIN_WIDTH)),
)
"""The columns of a table of gaps or unread intervals."""


def gap_table(gaps: Sequence[SharedGap], markets: Iterable[str]) -> Table:
    """The first GAPS_SHOWN gaps. `markets`: all that the reader is told of."""
    rows = [
        (g.account, g.market, g.symbol, iso(g.window.start), iso(g.window.end), duration(g.window.width), g.reason)
        for g in gaps[:GAPS_SHOWN]
    ]
    more = len(gaps) - len(rows)
    title = f"gaps ({more} more in the view coverage_gaps)" if more > 0 else "gaps"
    return table(title, INTERVALS, rows, lone_market(markets))


def difference_table(differences: Sequence[Difference], markets: Iterable[str]) -> Table:
    """The first DIFFERENCES_SHOWN differences."""
    rows = [
        (d.kind.value, *d.wallet, d.symbol, d.order_id, iso(d.order_time), _state(d), ", ".join(d.fields))
        for d in differences[:DIFFERENCES_SHOWN]
    ]
    more = len(differences) - len(rows)
    title = f"differences ({more} more)" if more > 0 else "differences"
    columns = (
        *(Column("kind"), Column("account", 1, MIN_WIDTH), MARKET, Column("symbol", min_width=SYMBOL_WIDTH)),
        *(Column("order id"), Column("order time"), Column("state", 2), Column("fields", min_width=MIN_WIDTH)),
    )
    return table(title, columns, rows, lone_market(markets))


def quarantine_table(days: Sequence[tuple[str, str, date]], markets: Iterable[str]) -> Table:
    """The days to which an unreadable row may belong, days in a row as one; the first GAPS_SHOWN lines."""
    spans: list[tuple[str, str, date, date]] = []
    for account, market, day in days:
        if spans and (account, market, day - timedelta(days=1)) == (*spans[-1][:2], spans[-1][3]):
            spans[-1] = (*spans[-1][:3], day)
        else:
            spans.append((account, market, day, day))
    columns = (Column("account", min_width=MIN_WIDTH), MARKET, Column("first day"), Column("last day"))
    return table("days that may have an unreadable row", columns, spans[:GAPS_SHOWN], lone_market(markets))


def _state(difference: Difference) -> str | None:
    """Which side has the later version, or that the database has the exchange's by now."""
    if difference.is_repaired:
        return "repaired"
    return {Newer.DATABASE: "stored is newer", Newer.EXCHANGE: "stored is older", None: None}[difference.newer]


def unread_table(unread: Sequence[tuple[ScopeResult, Unread]], markets: Iterable[str]) -> Table:
    """The first GAPS_SHOWN intervals that were asked for and not compared."""
    rows = [
        (
            *(*scope.wallet, scope.symbol or EVERY_SYMBOL, iso(one.window.start), iso(one.window.end)),
            *(duration(one.window.width), one.reason),
        )
        for scope, one in unread[:GAPS_SHOWN]
    ]
    more = len(unread) - len(rows)
    title = f"unread ({more} more in the table verifications)" if more > 0 else "unread"
    return table(title, INTERVALS, rows, lone_market(markets))


def status_tables(status: Status) -> list[Table]:
    """One row for each symbol, then gaps, seals, verifications and the last run; nothing if no history is stored.

    Of a brief status the worst accounts, with their gaps first.
    """
    if not status.scopes:
        return []
    if status.is_brief:
        accounts = worst_first(by_account(status))
        return [worst_table(accounts, WORST_SHOWN), *_common_tables(status, gaps_of(status, accounts))]
    columns = (
        *(Column("account", min_width=MIN_WIDTH), MARKET, Column("symbol", min_width=SYMBOL_WIDTH)),
        *(Column("complete since", 1), Column("watermark"), Column("age", 4, align_right=True)),
        *(Column("days until loss", 3, align_right=True), Column("gaps", align_right=True)),
        Column("orders", 2, align_right=True),
    )
    scopes = table(None, columns, map(_status_row, status.scopes), lone_market(status.markets))
    return [scopes, *_common_tables(status, status.gaps)]


def _common_tables(status: Status, gaps: Sequence[Gap]) -> list[Table]:
    tables = [gap_table(shared(gaps), status.markets)] if gaps else []
    if status.quarantined_days:
        tables.append(quarantine_table(status.quarantined_days, status.markets))
    if status.seals:
        of_seal = (Column("account", min_width=MIN_WIDTH), *map(Column, ("market", "day", "seal")))
        rows = [(s.account, s.market, s.day, digest[:SEAL_DIGITS]) for s, digest in status.seals]
        tables.append(table("newest seals", of_seal, rows))
    if status.verifications:
        of_newest = (
            *(Column("account", min_width=MIN_WIDTH), MARKET, Column("symbol", min_width=SYMBOL_WIDTH)),
            *(Column("verified"), Column("run", 1), Column("result", min_width=MIN_WIDTH)),
        )
        newest = map(_verification_row, status.verifications)
        tables.append(table("newest verification", of_newest, newest, lone_market(status.markets)))
    if status.reconciliations:
        of_wallet = (
            *(Column("account", min_width=MIN_WIDTH), MARKET, Column("reconciled"), Column("run", 1)),
            *(Column("agreed", align_right=True), Column("not checkable", align_right=True)),
            *(Column("disputed", align_right=True), Column("not compared because", 2, MIN_WIDTH, wraps=True)),
        )
        reconciled = map(_reconciliation_row, status.reconciliations)
        title = "days held against the list of all orders"
        tables.append(table(title, of_wallet, reconciled, lone_market(status.markets)))
    if status.backup is not None:
        of_backup = (
            Column("made"),
            Column("age", 1),
            Column("verified"),
            Column("file", min_width=MIN_WIDTH, wraps=True),
        )
        tables.append(table("newest backup", of_backup, [_backup_row(status.backup, status.now)]))
    run = status.last_run
    if run is not None:
        started = run.started_at.strftime("%Y-%m-%d %H:%M:%SZ")
        of_run = (*map(Column, ("id", "command", "started", "status")), Column("error", min_width=24, wraps=True))
        unsure = " (as the primary knows)" if status.is_standby and run.status == "running" else ""
        tables.append(table("last run", of_run, [(run.id, run.command, started, run.status + unsure, run.error)]))
    return tables


def _verification_row(newest: Newest) -> Sequence[object]:
    result = "equal" if newest.is_equal else "not equal, or not all compared"
    of_sample = ", a sample" if newest.is_sample else ""
    verified = f"{newest.verified_at:%Y-%m-%d %H:%M}Z"
    return newest.account, newest.market, newest.symbol, verified, newest.run_id, result + of_sample


def _reconciliation_row(newest: NewestReconciliation) -> Sequence[object]:
    account, market, reconciled_at, *rest = newest
    return account, market, f"{reconciled_at:%Y-%m-%d %H:%M}Z", *rest


def _backup_row(backup: Backup, now: int) -> Sequence[object]:
    made = to_millis(backup.made_at)
    verified = "no" if backup.verified_at is None else "yes"
    return to_the_second(made), duration(now - made), verified, backup.file


def _age(scope: ScopeStatus) -> str | None:
    if scope.is_retired:
        return "retired"
    if scope.is_closed:
        return "closed"
    return None if scope.age is None else duration(scope.age)


def _status_row(scope: ScopeStatus) -> Sequence[object]:
    return (
        scope.account,
        scope.market,
        scope.symbol,
        to_the_second(scope.covered_since),
        to_the_second(scope.watermark),
        "retired"
        if scope.is_retired
        else "closed"
        if scope.is_closed
        else None
        if scope.age is None
        else duration(scope.age),
        None if scope.days_until_loss is None else f"{scope.days_until_loss:.1f}",
        len(scope.gaps),
        scope.orders,
    )
