"""Reads files that hold a secret, and warns if other users can read them."""

import os
import stat
from pathlib import Path

from etl.core.text import printable
from etl.errors import ConfigError
from etl.file_access import why_untrusted
from etl.logs import logger

_log = logger(__name__)


def read_secret_text(setting: str, file: Path) -> str:
    """The text of the file that a setting names, without the line end that editors append."""
    return read_secret_bytes(setting, file).decode("utf-8", errors="replace").rstrip("\r\n")


def read_secret_bytes(setting: str, file: Path) -> bytes:
    """The content of the file; logs a warning if others can read it.

    Raises ConfigError if it cannot be read, or if somebody else may have written it.
    """
    try:
        with file.open("rb") as opened:
            content, found = opened.read(), os.fstat(opened.fileno())
        fault = why_untrusted(file, found)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "invalid path"
        raise ConfigError(f"{describe_file(setting, file)} cannot be read: {reason}") from None
    if fault:
        raise ConfigError(f"{describe_file(setting, file)} is not used, because {fault}")
    if _is_open(found.st_mode):
        _log.warning("%s can be read by others; make it private: chmod 600 %s", file, file)
    return content


def is_read_by_others(file: Path) -> bool:
    """Whether other users of this machine can read the file; false if it does not exist."""
    try:
        return _is_open(file.stat().st_mode)
    except (OSError, ValueError):
        return False


def _is_open(mode: int) -> bool:
    return bool(mode & (stat.S_IRGRP | stat.S_IROTH)) and os.name == "posix"


def describe_file(setting: str, file: Path) -> str:
    """The beginning of a sentence about the file.

    A relative path is not shown: it may be the secret itself, written where its file should be named.
    """
    return f"{setting}: the file {printable(str(file)) if file.is_absolute() else 'that it names'}"
