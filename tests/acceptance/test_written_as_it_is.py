"""What a command writes goes where its argument leads: a file is replaced, a pipe, a device or a descriptor is not."""

import os
import socket
import stat
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.acceptance.lab import Labs
from tests.combining import each_value_once
from tests.command import Command

BEGINNING = "# HELP force_orders_"
OTHERS = 65534


@pytest.fixture
def reading(lab: Labs) -> Command:
    """A command whose database has the account asked for; `metrics --textfile` writes a few lines."""
    made = lab(histories={"main": []})
    assert made("backfill", "--since", "1d").returncode == 0
    return made.command


def written(command: Command, path: str | Path, redirection: str = "") -> "subprocess.CompletedProcess[str]":
    """Write the metrics to a path, in a shell that redirects the command's streams."""
    return subprocess.run(
        ["sh", "-c", f'{{ echo before; "$@"; code=$?; echo after; exit $code; }} {redirection}', "sh",
         *command.words("metrics", "--textfile", str(path))],
        cwd=command.directory, env=command.environment, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


@each_value_once(name=["/dev/stdout", "link", "/dev/fd/1", "/proc/self/fd/1", "/dev/../dev/stdout"], mode=[">", ">>"])
def test_stdout_by_name_is_the_shell_s_own_file(reading: Command, name: str, mode: str) -> None:
    if name == "link":
        (reading.directory / "link").symlink_to("/dev/stdout")
    file = reading.directory / "out"
    file.write_text("" if mode == ">" else "earlier\n")
    before = file.stat().st_ino
    assert written(reading, name, f"{mode} out").returncode == 0
    lines = file.read_text().splitlines()
    expected = ["before"] if mode == ">" else ["earlier", "before"]
    assert (lines[: len(expected)], lines[-1]) == (expected, "after")
    assert lines[len(expected)].startswith(BEGINNING)
    assert (file.stat().st_ino, Path("/dev/stdout").is_symlink()) == (before, True)


def test_stdout_by_name_may_be_a_pipe_closed_or_another_descriptor(reading: Command) -> None:
    piped = written(reading, "/dev/stdout")
    assert (piped.returncode, piped.stdout.splitlines()[1].startswith(BEGINNING)) == (0, True)
    closed = written(reading, "/dev/stdout", ">&-")
    assert "/dev/stdout cannot be written: Bad file descriptor" in closed.stderr
    nothing = written(reading, "/dev/fd/9")
    assert (nothing.returncode, "Bad file descriptor" in nothing.stderr) == (1, True)
    assert written(reading, "/dev/fd/7", "7> seven").returncode == 0
    assert (reading.directory / "seven").read_text().startswith(BEGINNING)


def file(at: Path) -> None:
    at.write_text("older")


def link(at: Path) -> None:
    at.with_name("target").write_text("older")
    at.symlink_to("target")


def chain(at: Path) -> None:
    link(at.with_name("second"))
    at.symlink_to("second")


def dangling(at: Path) -> None:
    at.symlink_to("target")


@pytest.mark.parametrize("make", [file, link, chain, dangling])
def test_files_are_replaced_and_links_stay(reading: Command, make: Callable[[Path], None]) -> None:
    path = reading.directory / "path"
    make(path)
    was_link = path.is_symlink()
    assert reading("metrics", "--textfile", "path").returncode == 0
    assert (path.is_symlink(), path.read_text()[: len(BEGINNING)]) == (was_link, BEGINNING)


def loop(at: Path) -> None:
    at.symlink_to(at.name)


def directory(at: Path) -> None:
    at.mkdir()


def link_to_directory(at: Path) -> None:
    at.with_name("target").mkdir()
    at.symlink_to("target")


def listening(at: Path) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(at))


def full(at: Path) -> None:
    at.symlink_to("/dev/full")


@pytest.mark.parametrize("make", [loop, directory, link_to_directory, listening, full])
def test_what_cannot_be_written_is_named_and_stays(
    reading: Command, make: Callable[[Path], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(reading.directory)  # a socket's path is short
    make(Path("path"))
    before = sorted((one.name, one.lstat().st_ino) for one in Path().iterdir())
    refused = reading("metrics", "--textfile", "path")
    assert refused.returncode == 1
    (line,) = refused.stderr.splitlines()
    assert line.startswith("force-orders: path cannot be written: ")
    assert sorted((one.name, one.lstat().st_ino) for one in Path().iterdir()) == before


def test_a_pipe_gets_the_bytes_and_stays(reading: Command) -> None:
    pipe, said = reading.directory / "pipe", []
    os.mkfifo(pipe)
    reader = threading.Thread(target=lambda: said.append(pipe.read_text()))
    reader.start()
    assert reading("metrics", "--textfile", "pipe").returncode == 0
    reader.join(30)
    assert said[0].startswith(BEGINNING)
    assert stat.S_ISFIFO(pipe.lstat().st_mode)


def test_a_device_gets_the_bytes_and_stays(reading: Command) -> None:
    for words in (["metrics", "--textfile"], ["report", "--html"], ["export", "--format", "csv", "--out"]):
        assert reading(*words, "/dev/null").returncode == 0
    assert stat.S_ISCHR(Path("/dev/null").lstat().st_mode)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives a pipe away")
def test_the_pipe_of_another_user_is_refused(reading: Command) -> None:
    os.mkfifo(reading.directory / "pipe")
    os.chown(reading.directory / "pipe", OTHERS, OTHERS)
    refused = reading("metrics", "--textfile", "pipe")
    assert (refused.returncode, refused.stderr) == (
        1,
        "force-orders: pipe cannot be written: it is a pipe or a device of another user\n",
    )
