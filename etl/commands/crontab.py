"""The line for crontab. It works in cron's environment, which has a minimal PATH and none of our variables."""

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
    """The words as a nightly line of a user's crontab; raises ConfigError if a crontab cannot hold one of them.

    cron reads an unescaped % as the end of the command, even within quotes, and removes the backslash before it.
    """
    if not all(word.isprintable() for word in words):
        raise ConfigError("a path holds a line break or another control character, which no crontab can hold")
    return f"{NIGHTLY} {shlex.join(words)}".replace("%", r"\%")


def own_command() -> list[str]:
    """The words that start this program in any environment and working directory."""
    script = Path(sys.argv[0])
    if script.name == "force-orders" and os.access(script, os.X_OK):
        return [str(script.parent.resolve() / script.name)]
    interpreter = [sys.executable, "-P", "-m", "etl"]  # cron starts it in the home directory, which may have an etl
    if _is_importable():
        return interpreter
    return [which("env") or "/usr/bin/env", f"PYTHONPATH={PACKAGE.parent}", *interpreter]


def _is_importable() -> bool:
    """Whether the interpreter without our environment finds this package, and no other of its name."""
    asked = subprocess.run(
        [sys.executable, "-c", "import etl; print(etl.__file__)"], env={}, cwd="/", capture_output=True, check=False
    )
    return os.fsdecode(asked.stdout).strip() == str(PACKAGE / "__init__.py")
