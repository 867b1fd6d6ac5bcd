"""What a scheduled run tells others, and what follows it: pings, one notification for all its jobs, a backup."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from etl.core.timeline import SECOND
from etl.errors import ForceOrdersError
from etl.exchange.clock import local_now
from etl.fleet.complaints import log_complaints
from etl.fleet.lost_database import tell_of
from etl.fleet.nights import NEWS_AFTER_S, results
from etl.fleet.queue import read_night
from etl.logs import logger
from etl.notifications.channels import notify
from etl.notifications.ping import ping_end, ping_start
from etl.notifications.reading import stored_summary
from etl.runs import from_settings
from etl.settings.model import Settings

_log = logger(__name__)


def end_of_night(
    settings: Settings, accounts: Sequence[str], back_up: Callable[[], None] | None
) -> Callable[[int, int], bool]:
    """A function of the time a scheduled run of these accounts was due, epoch seconds, and of its earlier calls for it.

    It returns True once nothing is left to do, and False to be called again later. Without notification channels, a
    ping URL and a backup it does nothing. Where the database cannot be used, that is the news, once the night's own is
    overdue; the night's own follows when the database is back.
    """
    is_needed = (settings.notify_urls_file, settings.ping_url_file, back_up) != (None, None, None)
    told_without: set[int] = set()

    def end(due_at: int, calls: int) -> bool:
        if not is_needed:
            return True
        if calls == 0:
            log_complaints(ping_start(settings))
        try:
            with from_settings.store(settings) as connection:
                night = read_night(connection, due_at)
                if not night.has_news:
                    return False
                summary = stored_summary(settings, connection, night.run_ids, accounts)
        except ForceOrdersError as error:
            _log.warning("how the night went cannot be told yet: %s", error)
            if due_at not in told_without and local_now() / SECOND - due_at >= NEWS_AFTER_S:
                told_without.add(due_at)
                tell_of(settings, error)
            return False
        ended = results(night)
        log_complaints(ping_end(settings, ended.exit_code), *notify(settings, replace(summary, accounts=ended)))
        if back_up is not None:
            back_up()
        return True

    return end
