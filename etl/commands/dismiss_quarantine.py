"""`quarantine dismiss`: a row that cannot be read is resolved by decision."""

from collections.abc import Sequence

from sqlalchemy import Connection

from etl.errors import ConfigError
from etl.store import decisions, quarantine
from etl.store.decisions import Decision
from etl.store.engine import store_errors


def dismiss_rows(connection: Connection, ids: Sequence[int], why: str) -> int:
    """Resolve these rows, all or none, and return how many are left. Raises ConfigError for an id that is not there."""
    with store_errors():
        rows = {row.id: row for row in quarantine.unresolved(connection)}
        for row_id in dict.fromkeys(ids):
            if row_id not in rows:
                raise ConfigError(f"there is no row {row_id} in the quarantine; see: force-orders quarantine list")
            row = rows.pop(row_id)
            details = {"quarantined_order_id": row_id, "reason": row.reason}
            decision = decisions.record(
                connection, Decision.DISMISS, row.account, why, market=row.market, details=details
            )
            quarantine.dismiss(connection, row_id, decision)
        connection.commit()
    return len(rows)
