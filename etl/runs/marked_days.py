"""Sums the days whose orders changed, so that reports read sums instead of orders."""

import time
from threading import Event

from sqlalchemy import Connection

from etl.errors import StoreError
from etl.logs import logger
from etl.store import daily_sums
from etl.store.engine import store_errors

LONGEST_S = 30.0
"""Seconds after which the rest is left to the next night. A million orders take less than half of it."""

_log = logger(__name__)


def sum_marked_days(connection: Connection, stop: Event, longest_s: float = LONGEST_S) -> None:
    """Sum days, some in a transaction, until none is marked, `stop` is set or the time is over.

    Never raises an error of ours: what is not summed is computed when it is read.
    """
    deadline = time.monotonic() + longest_s
    try:
        with store_errors():
            while not stop.is_set() and time.monotonic() < deadline:
                summed = daily_sums.sum_marked_days(connection)
                connection.commit()
                if not summed:
                    break
    except StoreError as error:
        _log.info("days are summed by the next night: %s", error)
