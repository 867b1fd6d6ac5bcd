"""Counts the runs of each day that is over, and removes those that are no longer kept."""

import time
from threading import Event

from sqlalchemy import Connection

from etl.errors import StoreError
from etl.logs import logger
from etl.store import run_days
from etl.store.engine import store_errors

LONGEST_S = 30.0
"""Seconds after which the rest is left to the next night. A day of 5,000 runs takes less than a tenth of a second."""

_log = logger(__name__)


def fold_old_runs(connection: Connection, keep_days: int, stop: Event, longest_s: float = LONGEST_S) -> None:
    """Fold day by day, each in a transaction of its own, until all is done, `stop` is set or the time is over.

    `keep_days`: how long the runs themselves are kept; 0: for ever. Never raises an error of ours: what is not done now
    is done by the next night.
    """
    deadline = time.monotonic() + longest_s
    try:
        with store_errors():
            while not stop.is_set() and time.monotonic() < deadline:
                day = run_days.count_next_day(connection)
                if day is None and keep_days:
                    day = run_days.remove_oldest_day(connection, keep_days)
                connection.commit()
                if day is None:
                    break
    except StoreError as error:
        _log.info("old runs are left to the next night: %s", error)
