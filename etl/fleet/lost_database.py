"""What a scheduler tells when it cannot use the database: the nights that it misses tell nothing."""

import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from etl.errors import ForceOrdersError
from etl.file_access import make_data_directory
from etl.fleet.complaints import log_complaints
from etl.fleet.nights import NEWS_AFTER_S
from etl.notifications.channels import notify
from etl.notifications.ping import ping_end
from etl.notifications.summary import summary_of_error
from etl.settings.model import Settings

WORKED_S = 120.0
"""A worker that lasted for so many seconds could use the queue. One that could not has ended by then: it waits 30 s for
its first connection, and 14 s for its heartbeat."""

_REMEMBERED = "schedule-told"
"""The file whose time says when the scheduler last told of a start that failed."""


def tell_of(settings: Settings, error: ForceOrdersError) -> None:
    """Send an error as news, and ping its exit code. Raises nothing."""
    log_complaints(ping_end(settings, error.exit_code), *notify(settings, summary_of_error("schedule", error)))


def tell_of_start(settings: Settings, error: ForceOrdersError) -> None:
    """The same of a scheduler that cannot start; the news once an hour, because a supervisor starts it every few
    seconds."""
    if _is_told(settings.data_dir / _REMEMBERED):
        log_complaints(ping_end(settings, error.exit_code))
    else:
        tell_of(settings, error)


@dataclass
class Outage:
    """The time in which the queue cannot be used, whatever worker is started. In seconds of the monotonic clock."""

    since: float | None = None
    is_told: bool = False

    def is_news(self, began: float, ended: float) -> bool:
        """After a worker that worked between the two: whether to tell of the outage now, which is done once."""
        if self.since is None or ended - began >= WORKED_S:
            self.since, self.is_told = ended, False
        if self.is_told or ended - self.since < NEWS_AFTER_S:
            return False
        self.is_told = True
        return True


def _is_told(file: Path) -> bool:
    """Whether the news has been sent in the last hour. From now on it has."""
    with suppress(OSError):
        if abs(time.time() - file.stat().st_mtime) < NEWS_AFTER_S:
            return True
    with suppress(OSError):  # where nothing can be written, the news is sent each time
        make_data_directory(file.parent)
        file.touch(mode=0o600)
    return False
