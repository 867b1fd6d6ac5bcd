"""The end of a scheduled run: its notification and its backup, once the last of its jobs has ended."""

from collections.abc import Callable

from etl.errors import ForceOrdersError
from etl.fleet.notifications import MAX_WAIT
from etl.fleet.queue import finished_runs
from etl.logs import logger
from etl.runs import composition
from etl.settings.model import Settings

_log = logger(__name__)


def with_backup(
    settings: Settings, notify: Callable[[int], bool], back_up: Callable[[], None]
) -> Callable[[int], bool]:
    """`notify`, a function of the time a run was due, followed by a backup once the run has ended.

    It returns True once nothing is left to do, and False to be called again later, as `notify` does.
    """

    def end(due_at: int) -> bool:
        try:
            with composition.store(settings) as connection:
                if finished_runs(connection, due_at, MAX_WAIT) is None:
                    return False
        except ForceOrdersError as error:
            _log.warning("the backup of the night cannot be made yet: %s", error)
            return False
        if not notify(due_at):
            return False
        back_up()
        return True

    return end
