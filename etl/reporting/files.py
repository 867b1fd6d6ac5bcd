"""Writes files atomically: completely or not at all."""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from secrets import token_hex
from typing import BinaryIO

from etl.errors import OutputError


@contextmanager
def atomic_write(path: Path, mode: int = 0o666) -> Iterator[BinaryIO]:
    """A file that replaces `path` once all of it is on disk; on any failure it is removed and `path` stays as it was.

    Refuses to replace anything but a regular file, such as a device. `mode` is that of the new file, less the umask.
    Raises OutputError if it cannot be written.
    """
    temporary = path.parent / f".force-orders-{token_hex(8)}"
    try:
        _check_replaceable(path)
        try:
            with open(temporary, "xb", opener=lambda name, flags: os.open(name, flags, mode)) as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
        except BaseException:
            with suppress(OSError):
                temporary.unlink()
            raise
    except OSError as error:
        raise OutputError(f"{path} cannot be written: {error.strerror}") from None


def _check_replaceable(path: Path) -> None:
    """Fail early, and never rename a file over a device."""
    if path.is_dir():
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    if path.exists() and not path.is_file():
        raise OSError(errno.EINVAL, "it is no regular file")
