"""The files of backups: their names, how one is written, and which old ones go."""

import os
import re
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

from etl.errors import BackupError
from etl.file_access import make_data_directory

NAME = re.compile(r"force-orders-\d{4}-\d\d-\d\dT\d{6}Z\.dump")
UNFINISHED = ".part"

STALE_S = 86_400.0
"""Seconds after which an unfinished file was left by a process that was killed."""


def name_at(moment: datetime) -> str:
    """Names sort by time."""
    return f"force-orders-{moment.astimezone(UTC):%Y-%m-%dT%H%M%SZ}.dump"


@contextmanager
def new_file(path: Path) -> Iterator[IO[bytes]]:
    """A file that only we can read; it gets its name when the block ends without an error, and replaces none.

    Raises BackupError where it cannot be written.
    """
    unfinished = path.with_name(path.name + UNFINISHED)
    try:
        if not path.parent.parent.exists():
            make_data_directory(path.parent.parent)
        path.parent.mkdir(mode=0o700, exist_ok=True)
        with open(unfinished, "xb", opener=_private) as file:
            try:
                if os.path.lexists(path):
                    raise FileExistsError(None, "it exists already", str(path))
                yield file
                file.flush()
                os.fsync(file.fileno())
                unfinished.rename(path)
            finally:
                unfinished.unlink(missing_ok=True)
    except OSError as error:
        raise BackupError(f"the backup cannot be written: {error.filename or path}: {error.strerror}") from None


def _private(name: str, flags: int) -> int:
    return os.open(name, flags | os.O_NOFOLLOW, 0o600)


def surplus(names: Collection[str], keep: int, kept_always: str | None) -> list[str]:
    """The names of backups beyond the `keep` newest, oldest first; 0 keeps all. Other names are left alone."""
    ours = sorted(name for name in names if NAME.fullmatch(name))
    old = ours[:-keep] if keep else []
    return [name for name in old if name != kept_always]


def prune(directory: Path, keep: int, newest_verified: Path | None) -> None:
    """Remove old backups, and what killed processes left unfinished. Raises BackupError."""
    kept = newest_verified.name if newest_verified and newest_verified.parent == directory else None
    try:
        files = list(directory.iterdir())
        old = surplus([file.name for file in files], keep, kept)
        for file in [*(directory / name for name in old), *filter(_is_stale, files)]:
            file.unlink(missing_ok=True)
    except OSError as error:
        raise BackupError(f"old backups cannot be removed: {error.filename}: {error.strerror}") from None


def _is_stale(file: Path) -> bool:
    is_ours = file.suffix == UNFINISHED and NAME.fullmatch(file.stem) is not None
    return is_ours and file.stat().st_mtime < time.time() - STALE_S
