"""The standard streams as commands need them: open, and able to take any text."""

import io
import os
import sys
from contextlib import suppress

STDIN, STDOUT, STDERR = 0, 1, 2


def repair_streams() -> None:
    """Open what the caller closed, and show `?` for what the encoding of the locale does not have.

    The next file or connection would otherwise get the number of the closed stream, and what is printed would go there.
    A closed stdin is empty, what goes to a closed stderr is dropped, and what goes to a closed stdout is an error: its
    descriptor can only be read.
    """
    for number, flags in ((STDIN, os.O_RDONLY), (STDOUT, os.O_RDONLY), (STDERR, os.O_WRONLY)):
        if not _is_open(number):
            os.set_inheritable(os.open(os.devnull, flags), True)  # it gets the lowest number that is free: this one
    sys.stdin = sys.stdin or os.fdopen(STDIN, closefd=False)
    sys.stdout = sys.stdout or os.fdopen(STDOUT, "w", closefd=False)
    sys.stderr = sys.stderr or os.fdopen(STDERR, "w", closefd=False)
    for stream in (sys.stdin, sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


def _is_open(number: int) -> bool:
    with suppress(OSError):
        os.fstat(number)
        return True
    return False
