"""A file that a command replaces keeps its mode, its group and its symbolic link."""

import os
import stat
from pathlib import Path

import pytest

from etl.errors import OutputError
from etl.reporting.files import atomic_write
from tests.acceptance.lab import Labs


def test_a_file_that_is_replaced_keeps_its_mode_its_group_and_its_link(tmp_path: Path) -> None:
    kept, link, new = tmp_path / "kept.html", tmp_path / "link.html", tmp_path / "new.html"
    kept.touch()
    kept.chmod(0o640)
    if os.geteuid() == 0:
        os.chown(kept, 0, 1)
    before = kept.stat()
    link.symlink_to("kept.html")
    for path in (kept, link, new):
        with atomic_write(path) as file:
            file.write(path.name.encode())
    assert link.is_symlink()
    assert kept.read_text() == "link.html"
    assert (kept.stat().st_mode, kept.stat().st_gid) == (before.st_mode, before.st_gid)
    umask = os.umask(0)
    os.umask(umask)
    assert stat.S_IMODE(new.stat().st_mode) == 0o666 & ~umask
    with atomic_write(kept, 0o600) as file:
        file.write(b"private")
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600


def test_a_link_to_a_new_file_makes_that_file(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    (tmp_path / "link").symlink_to("there/new")
    with atomic_write(tmp_path / "link") as file:
        file.write(b"new")
    assert (tmp_path / "there" / "new").read_text() == "new"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives a link away")
def test_the_link_of_another_user_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("precious")
    os.chown(tmp_path / "link", 65534, 65534, follow_symlinks=False)
    with (
        pytest.raises(OutputError, match="it is a symbolic link of another user"),
        atomic_write(tmp_path / "link"),
    ):
        pytest.fail("nothing is to be written")
    assert not (tmp_path / "precious").exists()


@pytest.mark.parametrize(
    "words",
    [["report", "--html"], ["export", "--format", "jsonl", "--out"], ["metrics", "--textfile"]],
    ids=lambda words: words[0],
)
def test_every_command_that_writes_a_file_keeps_its_mode_and_its_link(lab: Labs, words: list[str]) -> None:
    read = lab(histories={"main": []})
    assert read("backfill").returncode == 0
    private = read.command.directory / "private"
    private.write_text("an older one")
    private.chmod(0o600)
    (read.command.directory / "link").symlink_to(private)
    assert read(*words, "link").returncode == 0
    assert (read.command.directory / "link").is_symlink()
    assert stat.S_IMODE(private.stat().st_mode) == 0o600
    assert private.read_text() != "an older one"
