"""Whether files may be created: in a directory, which may not exist yet, and in place of existing files."""

import os
from pathlib import Path

from etl.errors import ConfigError


def nearest_existing(path: Path) -> Path:
    """The path itself, else its nearest parent that exists."""
    absolute = path.absolute()
    return next(one for one in (absolute, *absolute.parents) if os.path.lexists(one))


def fault_of(directory: Path) -> str | None:
    """Why this user cannot create the directory or files in it; None: nothing prevents it."""
    found = nearest_existing(directory)
    if not found.is_dir():
        return f"{found} is not a directory"
    return None if os.access(found, os.W_OK | os.X_OK) else f"this user may not write to {found}"


def refuse_existing(*files: Path, force: bool) -> None:
    """Raise ConfigError if one of the files exists already, unless `force` allows to replace it."""
    existing = [str(file) for file in files if os.path.lexists(file)]
    if existing and not force:
        raise ConfigError(f"{', '.join(existing)}: there already, nothing was written; --force replaces what is there")
