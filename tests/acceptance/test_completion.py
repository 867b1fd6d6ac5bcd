"""Words are completed in a shell, by the lines that the README gives, and without loading what a run needs."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.command import Command

HEAVY = ("sqlalchemy", "psycopg", "requests", "rich", "etl.simulator")
"""What takes long to import, and is of no use here."""

IN_BASH = """
eval "$(_FORCE_ORDERS_COMPLETE=bash_source force-orders)"
complete -p force-orders
COMP_WORDS=({words}) COMP_CWORD={place}
_force_orders_completion force-orders
printf '%s\\n' "${{COMPREPLY[@]}}"
"""


@pytest.fixture
def installed(command: Command, tmp_path: Path) -> Command:
    """The command under its own name in PATH, as an installation puts it there."""
    script = tmp_path / "bin" / "force-orders"
    script.parent.mkdir()
    script.write_text(f'#!/bin/sh\nexec {sys.executable} -m etl "$@"\n')
    script.chmod(0o755)
    path = f"{script.parent}{os.pathsep}{command.environment['PATH']}"
    return Command(command.directory, command.environment | {"PATH": path})


def completed(command: Command, words: str, place: int) -> list[str]:
    done = command(_FORCE_ORDERS_COMPLETE="bash_complete", COMP_WORDS=words, COMP_CWORD=str(place))
    assert done.returncode == 0, done.stderr
    return [line.partition(",")[2] for line in done.stdout.splitlines()]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_script_for_each_shell_is_printed(command: Command, shell: str) -> None:
    done = command(_FORCE_ORDERS_COMPLETE=f"{shell}_source")
    assert (done.returncode, done.stderr) == (0, "")
    assert "_FORCE_ORDERS_COMPLETE=" in done.stdout
    assert f"{shell}_complete" in done.stdout


def test_commands_and_options_are_completed(command: Command) -> None:
    assert completed(command, "force-orders ba", 1) == ["backfill"]
    assert completed(command, "force-orders db up", 2) == ["upgrade"]
    assert completed(command, "force-orders backfill --s", 2) == ["--since", "--symbol"]


def test_nothing_heavy_is_loaded_for_it(command: Command) -> None:
    words = [sys.executable, "-X", "importtime", "-m", "etl"]
    asked = {"_FORCE_ORDERS_COMPLETE": "bash_complete", "COMP_WORDS": "force-orders ex", "COMP_CWORD": "1"}
    done = subprocess.run(
        words, env=command.environment | asked, capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout == "plain,export\n"
    loaded = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert "click.shell_completion" in loaded
    assert {name for name in loaded if name.startswith(HEAVY)} == set()


@pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash")
def test_bash_completes_after_the_line_that_the_readme_gives(installed: Command) -> None:
    script = IN_BASH.format(words="force-orders ver", place=1)
    done = subprocess.run(
        ["bash", "-c", script], env=installed.environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == ["complete -o nosort -F _force_orders_completion force-orders", "verify"]
