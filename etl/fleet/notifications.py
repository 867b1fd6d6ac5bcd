"""The notification about a scheduled run: one for all its jobs, sent once the last of them has ended."""

from collections.abc import Callable, Sequence
from datetime import timedelta

from etl.errors import ForceOrdersError
from etl.fleet.queue import finished_runs
from etl.logs import logger
from etl.notifications.channels import notify
from etl.notifications.reading import stored_summary
from etl.runs import composition
from etl.settings.model import Settings

MAX_WAIT = timedelta(hours=12)
"""After this time the notification is sent though jobs are still unfinished. A ban may last for days."""

_log = logger(__name__)


def notifier(settings: Settings, accounts: Sequence[str]) -> Callable[[int], bool]:
    """A function that notifies about a scheduled run of these accounts, given the time it was due, epoch seconds.

    It returns True once nothing is left to do, and False to be called again later. Without notification channels in the
    settings it does nothing.
    """

    def notify_if_ended(due_at: int) -> bool:
        if settings.notify_urls_file is None:
            return True
        try:
            with composition.store(settings) as connection:
                run_ids = finished_runs(connection, due_at, MAX_WAIT)
                if run_ids is None:
                    return False
                summary = stored_summary(settings, connection, run_ids, accounts)
        except ForceOrdersError as error:
            _log.warning("the notification cannot be sent yet: %s", error)
            return False
        for complaint in notify(settings, summary):
            _log.warning("%s", complaint)
        return True

    return notify_if_ended
