"""The demo waits for nothing, and what it prints can be pasted into a shell, to the commands that remove it."""

import re
import subprocess
from pathlib import Path

import pytest
from rich.cells import cell_len

from tests.acceptance.endings import assert_one_line
from tests.acceptance.terminal import COLUMNS, on_a_terminal
from tests.command import Command

OF_ROOT = ("userdel ", "chmod ")
"""What changes the machine beyond the demo's own directory is not tried out here."""


@pytest.fixture
def demo(command: Command, tmp_path: Path) -> Command:
    home = tmp_path / "with a space & more"
    return Command(command.directory, command.environment | {"FORCE_ORDERS_DATA_DIR": str(home)})


def printed_commands(printed: str) -> list[str]:
    """The lines below the tables that are no comments."""
    block = printed[printed.index("\n# ") :]
    return [line for line in block.splitlines() if line and not line.startswith(("#", *OF_ROOT))]


def in_a_shell(command: Command, line: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        ["sh", "-c", line],
        cwd=command.directory,
        env=command.environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_its_commands_can_be_pasted_and_the_last_ones_remove_it(demo: Command) -> None:
    done = demo("demo", FORCE_ORDERS_DATABASE_URL="postgresql://nowhere.invalid/none", FORCE_ORDERS_WEIGHT_BUDGET="50")
    assert (done.returncode, done.stderr) == (0, "")
    home = Path(demo.environment["FORCE_ORDERS_DATA_DIR"])
    commands = printed_commands(done.stdout)
    assert [re.search(r"etl (\S+ ?\w*)|(rm -r)", line)[0] for line in commands] == [  # type: ignore[index]
        *("etl report", "etl report ", "etl db query", "etl db url", "etl db stop", "rm -r"),
    ]
    outcomes = [in_a_shell(demo, line) for line in commands]
    assert [(one.returncode, one.stderr) for one in outcomes] == [(0, "")] * len(commands)
    assert outcomes[-2].stdout == "stopped\n", "'db url' had left it running"
    assert (demo.directory / "force-orders.html").exists()
    assert list(home.iterdir()) == []


def test_a_second_one_asks_for_what_is_new_and_neither_waits(demo: Command) -> None:
    for _ in range(2):
        with on_a_terminal(demo, "--log-level", "info", "demo", FORCE_ORDERS_WEIGHT_BUDGET="50") as terminal:
            assert terminal.read_all() == 0
        lines = terminal.lines()
        drawn = [line for line in lines if "━" in line]
        assert drawn, "there was a progress bar"
        assert max(map(cell_len, drawn)) <= COLUMNS
        assert not [line for line in lines if "weight" in line and "left" in line]
    (said,) = [line for line in lines if line.startswith("demo succeeded")]
    assert "1 window, " in said


def test_a_settings_file_that_names_another_database_changes_nothing(demo: Command) -> None:
    (demo.directory / "force-orders.toml").write_text('database_url = "postgresql://nowhere.invalid/none"\n')
    report = printed_commands(demo("demo").stdout)[0]
    assert "orders of main from" in in_a_shell(demo, report).stdout


def test_a_directory_that_cannot_be_made_is_one_line(demo: Command) -> None:
    Path(demo.environment["FORCE_ORDERS_DATA_DIR"]).write_text("a file")
    assert_one_line(demo("demo"), 5, "the demo's directory", "cannot be used: Not a directory")
