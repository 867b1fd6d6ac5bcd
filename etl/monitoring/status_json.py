"""The status for programs."""

from typing import Any

from etl.core.timeline import SECOND, iso
from etl.monitoring.status import Status
from etl.store import runs
from etl.store.backups import Backup
from etl.store.reconciliations import Disputed, NewestReconciliation
from etl.store.verifications import Newest


def status_json(status: Status) -> dict[str, Any]:
    """For programs: times as ISO 8601 in UTC, ages in seconds."""

    def moment(instant: int | None) -> str | None:
        return None if instant is None else iso(instant)

    return {
        "scopes": [
            {
                "account": scope.account,
                "market": scope.market,
                "symbol": scope.symbol,
                "retired": scope.is_retired,
                "watermark": moment(scope.watermark),
                "covered_since": moment(scope.covered_since),
                "age_seconds": None if scope.age is None else scope.age // SECOND,
                "unread_seconds": None if scope.unread is None else scope.unread // SECOND,
                "days_until_loss": None if scope.days_until_loss is None else round(scope.days_until_loss, 2),
                "orders": scope.orders,
                "gaps": [
                    {"gap_start": iso(gap.window.start), "gap_end": iso(gap.window.end), "reason": gap.reason}
                    for gap in scope.gaps
                ],
            }
            for scope in status.scopes
        ],
        "orders": status.orders,
        "quarantined": status.quarantined,
        "quarantined_days": [
            {"account": account, "market": market, "day": day.isoformat()}
            for account, market, day in status.quarantined_days
        ],
        "unchecked_keys": [
            {"account": key.account, "market": key.market, "since": moment(key.since)} for key in status.unchecked_keys
        ],
        "seals": [one.as_json() for one in status.seals],
        "last_run": None if status.last_run is None else _plain(status.last_run),
        "verifications": [_plain(newest) for newest in status.verifications],
        "reconciliations": [_plain(newest) for newest in status.reconciliations],
        "disputed": [_plain(one) for one in status.disputed],
        "backup": None if status.backup is None else _plain(status.backup),
        "verified_backup": None if status.verified_backup is None else _plain(status.verified_backup),
    }


def _plain(row: runs.LastRun | Newest | NewestReconciliation | Disputed | Backup) -> dict[str, Any]:
    return {name: value.isoformat() if hasattr(value, "isoformat") else value for name, value in row._asdict().items()}
