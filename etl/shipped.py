"""Files that come with the program: inside the installed package, or beside it in a checkout."""

from pathlib import Path


def shipped(name: str) -> Path:
    """The directory of that name, such as `migrations`."""
    package = Path(__file__).resolve().parent
    installed = package / name
    return installed if installed.is_dir() else package.parent / name
