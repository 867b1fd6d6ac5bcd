"""Files that hold a secret: read by us and, one hopes, by nobody else."""

import os
import stat
from pathlib import Path

from etl.core.printable import printable
from etl.errors import ConfigError
from etl.logs import logger

_log = logger(__name__)


def private_text(setting: str, file: Path) -> str:
    """What stands in the file that a setting names, without the line end that editors leave."""
    return private_file(setting, file).read_text(encoding="utf-8", errors="replace").rstrip("\r\n")


def private_file(setting: str, file: Path) -> Path:
    """The file, after a look at whether it can be read by us and by nobody else; else a ConfigError or a warning."""
    try:
        with file.open("rb"):
            mode = file.stat().st_mode
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "that is no path"
        # A relative path is not shown: it may be the secret itself, put where its file should be named.
        which = printable(str(file)) if file.is_absolute() else "that it names"
        raise ConfigError(f"{setting}: the file {which} cannot be read: {reason}") from None
    if mode & (stat.S_IRGRP | stat.S_IROTH) and os.name == "posix":
        _log.warning("%s can be read by others; make it private: chmod 600 %s", file, file)
    return file
