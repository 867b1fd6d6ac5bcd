"""Writes files atomically, completely or not at all; what is no regular file is written to as it is."""

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

OWN_DESCRIPTORS = (Path("/dev/fd"), Path("/proc/self/fd"))
MOST_LINKS = 40
"""As many links as Linux follows."""


@contextmanager
def atomic_write(path: Path, mode: int | None = None) -> Iterator[BinaryIO]:
    """A file that replaces `path` once all of it is on disk; on any failure it is removed and `path` stays as it was.

    A symbolic link stays, and its target is replaced; a link or pipe of another user is refused. Without `mode` a file
    that exists keeps its mode, owner and group, and a new one gets the mode that the umask leaves. A pipe or a device
    is never replaced: it gets the bytes as they come, and so does /dev/stdout, whatever it leads to. Raises OutputError
    if it cannot be written.
    """
    try:
        stream = _stream(path)
        if stream is not None:
            with stream:
                yield stream
            return
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


def is_stream(path: Path) -> bool:
    """Whether a path leads to what is written to as it is: a descriptor of this process, a pipe or a device."""
    return _own_descriptor(path) is not None or (path.exists() and not path.is_file() and not path.is_dir())


def _target(path: Path) -> Path:
    """The file to replace. Fails early."""
    if path.is_dir():
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    _refuse_link_of_another(path)
    try:
        return path.resolve() if path.is_symlink() else path
    except RuntimeError:
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP)) from None


def _stream(path: Path) -> BinaryIO | None:
    """What is written to as it is: a descriptor of this process, a pipe, a device; None for what is to be replaced.

    A descriptor is not opened anew by its name: that would begin at the start of a file to which others write too.
    """
    if (descriptor := _own_descriptor(path)) is not None:
        return os.fdopen(os.dup(descriptor), "wb")
    if not is_stream(path):
        return None
    _refuse_link_of_another(path)
    if not is_ours(path.stat()):
        raise OSError(errno.EPERM, "it is a pipe or a device of another user")
    return path.open("wb")


def _refuse_link_of_another(path: Path) -> None:
    if path.is_symlink() and not is_ours(path.lstat()):
        raise OSError(errno.EPERM, "it is a symbolic link of another user")


def _own_descriptor(path: Path) -> int | None:
    """The number of the descriptor that a name such as /dev/stdout or /dev/fd/3 leads to."""
    directories = {os.path.realpath(one) for one in OWN_DESCRIPTORS}
    for _ in range(MOST_LINKS):
        parent = os.path.realpath(path.parent)
        if parent in directories and path.name.isdecimal():
            return int(path.name)
        if not path.is_symlink():
            return None
        path = Path(parent) / path.readlink()
    return None


def _take_after(existing: os.stat_result | None, file: BinaryIO, mode: int | None) -> None:
    """Give a new file the owner and mode of the one that it replaces; `mode` wins."""
    if existing is None or os.name != "posix":
        return
    with suppress(PermissionError):  # only root gives files away
        os.fchown(file.fileno(), existing.st_uid, existing.st_gid)
    os.fchmod(file.fileno(), stat.S_IMODE(existing.st_mode) if mode is None else mode)
