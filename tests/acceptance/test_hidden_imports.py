"""What lies in the working directory is never imported by the command, whatever its name."""

import subprocess
import sys
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from etl.package_files import PACKAGE
from tests.acceptance.lab import Labs

SCRIPT = "import sys\nfrom etl.cli import main\nsys.exit(main())\n"
"""As pip writes the command."""

NAMES = {"etl", "migrations", "config", "sitecustomize", *sys.stdlib_module_names, *packages_distributions()}
"""Ours, and every module of the standard library and of the packages that are installed here."""


@pytest.fixture
def hiding(tmp_path: Path) -> Path:
    """A directory with modules and packages that end every program which imports one of them."""
    directory = tmp_path / "hiding"
    for name in filter(str.isidentifier, NAMES):
        (directory / name).mkdir(parents=True)
        (directory / name / "__init__.py").write_text(f"raise SystemExit('{name} of the working directory')\n")
        (directory / f"{name}.py").write_text(f"raise SystemExit('{name} of the working directory')\n")
    return directory


def test_the_command_is_not_touched_by_the_working_directory(lab: Labs, hiding: Path, tmp_path: Path) -> None:
    made = lab()
    (tmp_path / "bin").mkdir()
    script = tmp_path / "bin" / "force-orders"
    script.write_text(SCRIPT)
    for words in (["backfill"], ["status"], ["db", "upgrade"], ["report", "--html", "-"]):
        done = subprocess.run(
            [sys.executable, str(script), *words],
            cwd=hiding, env=made.command.environment, capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip
        assert (words, done.returncode, done.stderr) == (words, 0, "")


def test_what_the_docs_say_of_a_package_that_hides_ours(hiding: Path) -> None:
    def end(*options: str) -> str:
        words = [sys.executable, *options, "-c", "import etl; print(etl.__file__)"]
        environment = {"PYTHONPATH": str(PACKAGE.parent)}
        done = subprocess.run(words, cwd=hiding, env=environment, capture_output=True, text=True, check=False)
        return done.stdout.strip() or done.stderr.strip()

    assert end() == "etl of the working directory"
    assert end("-P") == str(PACKAGE / "__init__.py")
