"""The line for crontab: it works in cron's environment, which has no PATH worth the name and none of our variables."""

import os
import shlex
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from shutil import which

from etl.errors import ConfigError
from etl.package_files import PACKAGE

NIGHTLY = "15 2 * * *"


def crontab_line(words: Sequence[str]) -> str:
    """The words as a nightly line of a user's crontab; raises ConfigError where one of them cannot stand there.

    cron takes a bare % for the end of the command, whatever quotes there are, and takes away the backslash before it.
    """
    if not all(word.isprintable() for word in words):
        raise ConfigError("a path holds a line break or another control character, which no crontab can hold")
    return f"{NIGHTLY} {shlex.join(words)}".replace("%", r"\%")


def own_command() -> list[str]:
    """The words that start this program, whatever the environment and the working directory."""
    script = Path(sys.argv[0])
    if script.name == "force-orders" and os.access(script, os.X_OK):
        return [str(script.parent.resolve() / script.name)]
    interpreter = [sys.executable, "-m", "etl"]
    return (
        interpreter if _found_by_itself() else [which("env") or "/usr/bin/env", f"PYTHONPATH={_home()}", *interpreter]
    )


def _found_by_itself() -> bool:
    """Whether a bare interpreter finds this package, and no other of its name."""
    asked = subprocess.run(
        [sys.executable, "-c", "import etl; print(etl.__file__)"], env={}, cwd="/", capture_output=True, check=False
    )
    return os.fsdecode(asked.stdout).strip() == str(PACKAGE / "__init__.py")


def _home() -> str:
    """The directory that holds the package."""
    return str(PACKAGE.parent)
