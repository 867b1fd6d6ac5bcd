"""The files of backups: no name is taken twice, nobody else reads them, and no file is removed but an old backup."""

import os
import re
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest

from etl.commands.dump_files import STALE_S, name_at, new_file, prune, surplus
from etl.errors import BackupError

NIGHTS = [name_at(datetime(2026, 11, day, 2, 15, tzinfo=UTC)) for day in range(1, 10)]


def test_a_name_says_when_the_backup_was_made_in_utc() -> None:
    there = timezone(timedelta(hours=2))
    assert name_at(datetime(2026, 11, 26, 12, 30, tzinfo=there)) == "force-orders-2026-11-26T103000Z.dump"


def test_only_its_owner_can_read_a_backup_which_has_its_name_once_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "new" / NIGHTS[0]
    with new_file(path) as file:
        file.write(b"all of it")
        assert not path.exists()
    assert path.read_bytes() == b"all of it"
    assert [path.stat().st_mode & 0o777, path.parent.stat().st_mode & 0o777] == [0o600, 0o700]
    assert list(path.parent.iterdir()) == [path]


def test_a_backup_that_fails_leaves_no_file(tmp_path: Path) -> None:
    def fail() -> None:
        with new_file(tmp_path / NIGHTS[0]) as file:
            file.write(b"half of it")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("end", ["", ".part"])
def test_no_file_is_replaced(tmp_path: Path, end: str) -> None:
    there = tmp_path / f"{NIGHTS[0]}{end}"
    there.write_bytes(b"there already")
    with pytest.raises(BackupError, match="exists"), new_file(tmp_path / NIGHTS[0]):
        raise AssertionError("nothing may be written")
    assert there.read_bytes() == b"there already"
    assert list(tmp_path.iterdir()) == [there]


def test_a_directory_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    said = f"the backup cannot be written: {tmp_path / 'file' / 'directory'}: Not a directory"
    with pytest.raises(BackupError, match=re.escape(said)), new_file(tmp_path / "file" / "directory" / NIGHTS[0]):
        raise AssertionError("nothing may be written")


@pytest.mark.parametrize(
    ("keep", "always", "gone"),
    [(7, None, NIGHTS[:2]), (1, NIGHTS[3], [*NIGHTS[:3], *NIGHTS[4:8]]), (0, None, []), (9, None, []), (20, None, [])],
)
def test_the_oldest_go_but_never_the_newest_that_was_verified(keep: int, always: str | None, gone: list[str]) -> None:
    others = ["notes.txt", "force-orders.dump", f"old-{NIGHTS[0]}", f"{NIGHTS[0]}.gpg"]
    assert surplus([*others, *reversed(NIGHTS)], keep, always) == gone


def test_what_a_killed_process_left_goes_after_a_day(tmp_path: Path) -> None:
    new, old, foreign = (tmp_path / name for name in (f"{NIGHTS[0]}.part", f"{NIGHTS[1]}.part", "film.part"))
    for file in (new, old, foreign):
        file.touch()
    for file in (old, foreign):
        os.utime(file, (file.stat().st_atime, file.stat().st_mtime - STALE_S - 60))
    prune(tmp_path, 7, None)
    assert set(tmp_path.iterdir()) == {new, foreign}
