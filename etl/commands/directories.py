"""Whether files can be made in a directory, which may not be there yet."""

import os
from pathlib import Path


def nearest(path: Path) -> Path:
    """The path itself, else the nearest place above it that is there."""
    absolute = path.absolute()
    return next(one for one in (absolute, *absolute.parents) if os.path.lexists(one))


def fault_of(directory: Path) -> str | None:
    """Why this user cannot make files in it, or cannot make the directory itself; None: nothing is in the way."""
    found = nearest(directory)
    if not found.is_dir():
        return f"{found} is no directory"
    return None if os.access(found, os.W_OK | os.X_OK) else f"this user may not write to {found}"
