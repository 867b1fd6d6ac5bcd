"""How a forked command ends: as an interpreter ends, except that its modules are not taken apart.

They are those of the server that forked it, and to take them apart is most of what a short command costs.
"""

import atexit
import gc
import os
import sys
import threading
from contextlib import suppress

STDERR = 2


def leave(code: int) -> None:
    """End this process with that exit code.

    Returns where something is left over: a thread, an open file or connection, or output that cannot be written. Then
    the caller ends as an interpreter does, whose warnings and exit code are part of what a test sees.
    """
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    gc.collect()
    if threading.active_count() > 1 or leaves_a_file_open():
        return
    with suppress(OSError, ValueError):
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def leaves_a_file_open() -> bool:
    """Whether another descriptor than those of the streams is open."""
    return any(number > STDERR and is_open(number) for number in map(int, os.listdir("/dev/fd")))  # noqa: PTH208


def is_open(number: int) -> bool:
    """Whether this is the number of an open descriptor."""
    try:
        os.fstat(number)
    except OSError:
        return False
    return True
