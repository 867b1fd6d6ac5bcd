"""Keeps libpq's environment variables from having a say in how the embedded server is reached.

Most of them could be overridden in the connection string, but not PGSERVICE, and a new libpq may have new ones.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock

_lock = Lock()
_put_aside: dict[str, str] = {}
_blocks = 0


@contextmanager
def libpq_variables_put_aside() -> Iterator[None]:
    """Take the variables that begin with PG out of this process's environment until the last such block ends."""
    global _blocks
    with _lock:
        _blocks += 1
        _put_aside.update({name: os.environ.pop(name) for name in list(os.environ) if name.startswith("PG")})
    try:
        yield
    finally:
        with _lock:
            _blocks -= 1
            if not _blocks:
                os.environ.update(_put_aside)
                _put_aside.clear()
