"""A type checker sees the types of the installed package, so that it finds wrong settings before anything runs."""

import subprocess
import sys
import venv
from pathlib import Path

from tests.environment import ROOT

PROGRAM = """import etl
reveal_type(etl.run_sync(weight_budget=600).inserted)
etl.run_sync(weight_budget="x")
etl.run_sync(weigth_budget=600)
etl.run_backfill(since=90)
etl.run_everything()
"""


def test_mypy_finds_the_mistakes_of_a_program_that_uses_the_installed_package(tmp_path: Path) -> None:
    venv.create(tmp_path / "venv", symlinks=True)
    (site,) = (tmp_path / "venv").glob("lib/python*/site-packages")
    (site / "etl").symlink_to(ROOT / "etl")
    (tmp_path / "program.py").write_text(PROGRAM)
    python = str(tmp_path / "venv" / "bin" / "python")
    checked = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--hide-error-context", "--python-executable", python, "program.py"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    revealed, *errors, _ = [line for line in checked.stdout.splitlines() if "defined in" not in line]
    assert revealed == 'program.py:2: note: Revealed type is "int"'
    assert [error[: len("program.py:1: error:")] for error in errors] == [
        f"program.py:{line}: error:" for line in (3, 4, 5, 6)
    ]
    assert "weight_budget" in errors[0]
