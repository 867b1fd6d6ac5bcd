"""Files that the program ships: inside the installed package, or beside it in a checkout."""

from pathlib import Path

PACKAGE = Path(__file__).absolute().parent
"""The directory of the package `etl`."""


def shipped(name: str) -> Path:
    """The path of a shipped directory, such as `migrations`."""
    package = PACKAGE.resolve()
    installed = package / name
    return installed if installed.is_dir() else package.parent / name
