"""The last task of a scheduled run: old runs are folded, once the run's notification has been sent."""

from collections.abc import Callable
from threading import Event

from etl.errors import ForceOrdersError
from etl.logs import logger
from etl.runs import from_settings
from etl.runs.old_runs import fold_old_runs
from etl.settings.model import Settings

_log = logger(__name__)


def with_folding(settings: Settings, notify: Callable[..., bool], stop: Event) -> Callable[..., bool]:
    """`notify`, which returns True once nothing is left to do, followed by the folding of old runs."""

    def end(*given: int) -> bool:
        if not notify(*given):
            return False
        try:
            with from_settings.store(settings) as connection:
                fold_old_runs(connection, settings.keep_runs_days, stop)
        except ForceOrdersError as error:
            _log.info("old runs are left to the next night: %s", error)
        return True

    return end
