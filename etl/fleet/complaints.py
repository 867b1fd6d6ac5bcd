"""Logs what pings and notifications complain of: a channel that fails changes no night."""

from etl.logs import logger

_log = logger(__name__)


def log_complaints(*complaints: str | None) -> None:
    """A warning for each. None: nothing went wrong."""
    for complaint in filter(None, complaints):
        _log.warning("%s", complaint)
