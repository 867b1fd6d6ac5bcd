"""File locks (`flock`). The kernel releases the locks of a process however it dies."""

import os
import time
from pathlib import Path
from typing import BinaryIO

POLL_S = 0.02


def _open(path: Path) -> BinaryIO:
    return open(path, "ab", opener=lambda name, flags: os.open(name, flags | os.O_NOFOLLOW, 0o600))


def lock(file: BinaryIO, *, shared: bool = False) -> bool:
    """Try to lock, alone or shared. The lock lasts until the file is closed in every process that inherited it."""
    import fcntl  # not on Windows

    try:
        fcntl.flock(file, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def claimed(path: Path) -> BinaryIO | None:
    """The file, locked by us alone; None where another process holds the lock."""
    file = _open(path)
    if lock(file):
        return file
    file.close()
    return None


def locked(path: Path, patience_s: float, *, shared: bool = False) -> BinaryIO:
    """The file, locked as soon as other processes release it. Raises TimeoutError after `patience_s` seconds."""
    file, deadline = _open(path), time.monotonic() + patience_s
    while not lock(file, shared=shared):
        if time.monotonic() > deadline:
            file.close()
            raise TimeoutError("another process has been starting or stopping it for too long")
        time.sleep(POLL_S)
    return file
