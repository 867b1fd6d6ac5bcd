"""Labs for schedulers and workers, and what their jobs have come to."""

from dataclasses import replace
from typing import Any

from etl.simulator.scenario import Scenario
from tests.acceptance.lab import DAY, Lab, Labs
from tests.acceptance.long_running import history_of

KEPT_DAYS = 20


def keeping_three_weeks(lab: Labs) -> Labs:
    """Labs whose exchange keeps three weeks: a worker takes half a second for each job of an account."""

    def make(scenario: Scenario | None = None, *args: Any, **options: Any) -> Lab:
        made = lab(replace(scenario or Scenario(), retention_days=KEPT_DAYS), *args, **options)
        made.command.environment["FORCE_ORDERS_RETENTION_DAYS"] = str(KEPT_DAYS)
        return made

    return make


def syncs_done(lab: Lab) -> int:
    """Sync jobs that succeeded."""
    return len(lab.sql("SELECT FROM jobs WHERE command = 'sync' AND run_id IS NOT NULL AND status = 'succeeded'"))


def assert_all_stored(lab: Lab, *accounts: str) -> None:
    """Each account's table equals the exchange's own history of it, and all of it is proven."""
    for account in accounts:
        stored = lab.sql(f"SELECT symbol, order_id, raw FROM force_orders WHERE account = '{account}'")
        expected = {
            key: row for key, row in history_of(lab, account).items() if row["time"] > lab.now() - (KEPT_DAYS - 1) * DAY
        }
        found = {(row["symbol"], row["order_id"]): row["raw"] for row in stored}
        assert {key: found.get(key) for key in expected} == expected
    assert lab.gaps() == []
