"""The last tasks of a scheduled run, after its notification: old runs are folded, and changed days are summed."""

from collections.abc import Callable
from threading import Event

from etl.errors import ForceOrdersError
from etl.logs import logger
from etl.runs import from_settings
from etl.runs.marked_days import sum_marked_days
from etl.runs.old_runs import fold_old_runs
from etl.settings.model import Settings

_log = logger(__name__)


def with_folding(settings: Settings, notify: Callable[..., bool], stop: Event) -> Callable[..., bool]:
    """`notify`, which returns True once nothing is left to do, followed by those tasks."""

    def end(*given: int) -> bool:
        if not notify(*given):
            return False
        try:
            with from_settings.store(settings) as connection:
                fold_old_runs(connection, settings.keep_runs_days, stop)
                sum_marked_days(connection, stop)
        except ForceOrdersError as error:
            _log.info("old runs and changed days are left to the next night: %s", error)
        return True

    return end
