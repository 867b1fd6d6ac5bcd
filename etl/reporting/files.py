"""Writes files atomically: completely or not at all."""

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from secrets import token_hex
from typing import BinaryIO

from etl.errors import OutputError
from etl.file_access import is_ours


@contextmanager
def atomic_write(path: Path, mode: int | None = None) -> Iterator[BinaryIO]:
    """A file that replaces `path` once all of it is on disk; on any failure it is removed and `path` stays as it was.

    A symbolic link stays, and its target is replaced. Refuses to replace anything but a regular file, such as a device,
    and to follow a link of another user. Without `mode` a file that exists keeps its mode, owner and group, and a new
    one gets the mode that the umask leaves. Raises OutputError if it cannot be written.
    """
    try:
        target = _target(path)
        existing = target.stat() if target.exists() else None
        temporary = target.parent / f".force-orders-{token_hex(8)}"
        first_mode = 0o600 if existing else 0o666 if mode is None else mode  # never more than in the end
        try:
            with open(temporary, "xb", opener=lambda name, flags: os.open(name, flags, first_mode)) as file:
                _take_after(existing, file, mode)
                yield file
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(target)
        except BaseException:
            with suppress(OSError):
                temporary.unlink()
            raise
    except OSError as error:
        raise OutputError(f"{path} cannot be written: {error.strerror}") from None


def _target(path: Path) -> Path:
    """The file to replace. Fails early, and never lets a file be renamed over a device."""
    if path.is_dir():
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    if path.exists() and not path.is_file():
        raise OSError(errno.EINVAL, "it is no regular file")
    if not path.is_symlink():
        return path
    if not is_ours(path.lstat()):
        raise OSError(errno.EPERM, "it is a symbolic link of another user")
    return path.resolve()


def _take_after(existing: os.stat_result | None, file: BinaryIO, mode: int | None) -> None:
    """Give a new file the owner and mode of the one that it replaces; `mode` wins."""
    if existing is None or os.name != "posix":
        return
    with suppress(PermissionError):  # only root gives files away
        os.fchown(file.fileno(), existing.st_uid, existing.st_gid)
    os.fchmod(file.fileno(), stat.S_IMODE(existing.st_mode) if mode is None else mode)
