"""What is known of a list of records, as `coverage` holds it of orders: one row of a table with the sets of a scope.

What is known of such a list stands apart from what is known of orders: no view of orders may count it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, Table, and_, column, func, select, table
from sqlalchemy.dialects.postgresql import insert

from etl.core.findings import Finding, Verdict
from etl.core.planning import Known
from etl.core.timeline import Window, merge, to_datetime, to_millis
from etl.store.ranges import millis, multirange, windows_of


@dataclass(frozen=True)
class RecordCoverage:
    """One row of `table`, which `key` names by the columns of its primary key. `view` shows the gaps of all rows."""

    table: Table
    view: str
    key: Mapping[str, str]

    def known(self, connection: Connection) -> Known:
        """What is known of the list."""
        is_own = and_(*(self.table.c[name] == value for name, value in self.key.items()))
        row = connection.execute(select(self.table).where(is_own)).one_or_none()
        if row is None:
            return Known()
        given_up = merge([*windows_of(row.saturated), *windows_of(row.beyond_retention)])
        return Known(windows_of(row.proven), given_up, millis(row.asked_since))

    def ask(self, connection: Connection, since: int) -> None:
        """Record that it was asked for from `since` on, epoch milliseconds, so that a hole in it is a gap."""
        statement = insert(self.table).values(**self.key, asked_since=to_datetime(since))
        earliest = func.least(self.table.c.asked_since, statement.excluded.asked_since)
        connection.execute(statement.on_conflict_do_update(index_elements=[*self.key], set_={"asked_since": earliest}))

    def record(self, connection: Connection, findings: Sequence[Finding]) -> None:
        """Add findings to what is known. What is proven stays proven."""
        if not findings:
            return
        sets = {
            verdict.value: multirange(finding.window for finding in findings if finding.verdict is verdict)
            for verdict in Verdict
        }
        statement = insert(self.table).values(**self.key, **sets)
        grown = {name: self.table.c[name] + statement.excluded[name] for name in sets}
        connection.execute(statement.on_conflict_do_update(index_elements=[*self.key], set_=grown))

    def gaps(self, connection: Connection) -> list[tuple[Window, str]]:
        """What is not proven, each piece with its reason."""
        names = (*self.key, "gap_start", "gap_end", "reason")
        own = table(self.view, *(column(name) for name in names)).c
        is_own = and_(*(own[name] == value for name, value in self.key.items()))
        rows = connection.execute(select(own.gap_start, own.gap_end, own.reason).where(is_own).order_by(own.gap_start))
        return [(Window(to_millis(row.gap_start), to_millis(row.gap_end)), row.reason) for row in rows]
