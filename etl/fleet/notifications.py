"""A night of many jobs, told as one: whoever wants to hear of it hears once, when the last of them is at its end."""

from collections.abc import Callable, Sequence
from datetime import timedelta

from etl.errors import ForceOrdersError
from etl.exchange.clock import local_now
from etl.fleet.queue import finished_runs
from etl.logs import logger
from etl.notifications.channels import notify
from etl.notifications.reading import read_summary
from etl.runs import composition
from etl.settings.model import Settings

LONGEST = timedelta(hours=12)
"""How long a night is waited for once it was handed out; then it is told as far as it got. A ban may last for days."""

_log = logger(__name__)


def telling(settings: Settings, accounts: Sequence[str]) -> Callable[[int], bool]:
    """What tells of a night of these accounts, and whether that is done; nothing is told where nobody wants to hear."""

    def tell(night: int) -> bool:
        if settings.notify_urls_file is None:
            return True
        try:
            with composition.store(settings) as connection:
                run_ids = finished_runs(connection, night, LONGEST)
                if run_ids is None:
                    return False
                rules, orders = composition.rules(settings, local_now()), "orders" in settings.notify_about
                summary = read_summary(connection, run_ids, rules, accounts, orders=orders)
        except ForceOrdersError as error:
            _log.warning("the night cannot be told yet: %s", error)
            return False
        for complaint in notify(settings, summary):
            _log.warning("%s", complaint)
        return True

    return tell
