"""Logging to stderr, as text or as one JSON object per line."""

import json
import logging
import sys
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Literal, get_args

from etl.core.text import printable

INFO, WARNING = logging.INFO, logging.WARNING
Level = Literal["debug", "info", "warning", "error"]
Format = Literal["text", "json"]
LEVELS, FORMATS = get_args(Level), get_args(Format)


_context: ContextVar[Mapping[str, object]] = ContextVar("log context")
"""What the lines of this thread are about: account, market, run, job, worker."""


def logger(name: str) -> logging.Logger:
    return logging.getLogger(name)


@contextmanager
def log_context(**fields: object) -> Iterator[None]:
    """Every line logged in the block names these fields too: in brackets as text, as keys in JSON.

    A thread that is started in the block does not know of them, unless it runs in a copy of the context.
    """
    token = _context.set({**_context.get({}), **fields})
    try:
        yield
    finally:
        _context.reset(token)


def always_show(name: str) -> None:
    """Show this logger's info lines at the default level too: they are what a long-running command has to say."""
    if logging.getLogger("etl").level == WARNING:
        logging.getLogger(name).setLevel(INFO)


def configure(level: Level, form: Format) -> None:
    """Send our own log to stderr. Of the HTTP library's log only errors are shown: lower levels hold signed URLs."""
    handler = _StderrHandler()
    handler.setFormatter(_Json() if form == "json" else _Text("%(levelname)s %(message)s"))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    logging.getLogger("etl").setLevel(level.upper())
    logging.getLogger("urllib3").setLevel(logging.ERROR)
    for name in ("procrastinate", "asyncio", "psycopg.pool"):  # our own messages report their errors
        logging.getLogger(name).setLevel(logging.CRITICAL)


def keep_signed_urls_out(libraries: Collection[str]) -> None:
    """Keep signed URLs out of every log, even if the program that imports us shows the log of these libraries.

    A filter acts on the records of its own logger only, so each logger of a library that exists by now gets one.
    """
    for name in list(logging.root.manager.loggerDict):
        if name.partition(".")[0] in libraries:
            logging.getLogger(name).addFilter(_is_unsigned)  # the same one again changes nothing


@contextmanager
def link_kept_out(libraries: Collection[str], path: str) -> Iterator[None]:
    """Keep a link that is a secret out of every log of these libraries while the block uses it, by its path."""

    def shows_no_link(record: logging.LogRecord) -> bool:
        return path not in record.getMessage()

    names = [name for name in list(logging.root.manager.loggerDict) if name.partition(".")[0] in libraries]
    for name in names:
        logging.getLogger(name).addFilter(shows_no_link)
    try:
        yield
    finally:
        for name in names:
            logging.getLogger(name).removeFilter(shows_no_link)


def _is_unsigned(record: logging.LogRecord) -> bool:
    error = record.exc_info[1] if record.exc_info else None
    return "signature=" not in f"{record.getMessage()} {error!r}"


class _StderrHandler(logging.Handler):
    """Looks up `sys.stderr` for each line: a progress bar replaces it by an object that makes room for the line."""

    def emit(self, record: logging.LogRecord) -> None:
        with suppress(OSError, AttributeError):  # stderr is closed or missing
            sys.stderr.write(f"{self.format(record)}\n")


def _moment(record: logging.LogRecord) -> str:
    return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class _Text(logging.Formatter):
    """One line per message. It may quote the exchange, so control characters must not reach the terminal."""

    def format(self, record: logging.LogRecord) -> str:
        fields = " ".join(f"{name}={value}" for name, value in _context.get({}).items())
        message = f"[{fields}] {record.getMessage()}" if fields else record.getMessage()
        return f"{_moment(record)} {record.levelname.lower():7} {printable(message)}"


class _Json(logging.Formatter):
    """One object per line, in printable ASCII: programs lose nothing, and no control character reaches a terminal."""

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": _moment(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **_context.get({}),
        }
        return json.dumps(line).replace("\x7f", r"\u007f")  # DEL is the one control character that JSON does not escape
