"""Logs: to stderr, as text or as one JSON object a line."""

import json
import logging
import sys
from contextlib import suppress
from datetime import UTC, datetime
from typing import Literal, get_args

from etl.core.text import printable

INFO, WARNING = logging.INFO, logging.WARNING
Level = Literal["debug", "info", "warning", "error"]
Format = Literal["text", "json"]
LEVELS, FORMATS = get_args(Level), get_args(Format)


def logger(name: str) -> logging.Logger:
    return logging.getLogger(name)


def configure(level: Level, form: Format) -> None:
    """Send our own log to stderr. The HTTP library's log is never shown below warnings: it spells out signed URLs."""
    handler = _OnStderr()
    handler.setFormatter(_Json() if form == "json" else _Text("%(levelname)s %(message)s"))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    logging.getLogger("etl").setLevel(level.upper())
    logging.getLogger("urllib3").setLevel(logging.ERROR)
    for name in ("procrastinate", "asyncio", "psycopg.pool"):  # what goes wrong there is said in our own words
        logging.getLogger(name).setLevel(logging.CRITICAL)


class _OnStderr(logging.Handler):
    """Looks for stderr line by line: while a progress bar is shown, something else stands there and makes room."""

    def emit(self, record: logging.LogRecord) -> None:
        with suppress(OSError, AttributeError):  # nobody is left to hear of it
            sys.stderr.write(f"{self.format(record)}\n")


def _moment(record: logging.LogRecord) -> str:
    return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class _Text(logging.Formatter):
    """One line a message: what the exchange sends may be quoted in it, and must not steer a terminal."""

    def format(self, record: logging.LogRecord) -> str:
        return f"{_moment(record)} {record.levelname.lower():7} {printable(record.getMessage())}"


class _Json(logging.Formatter):
    """One object a line, in printable ASCII: to a program nothing is lost, and a terminal is not steered either."""

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": _moment(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        return json.dumps(line).replace("\x7f", r"\u007f")  # DEL is the one control that JSON leaves as it is
