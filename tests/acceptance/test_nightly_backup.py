"""The backup at the end of a night: made once, verified, old ones removed, and missed when it is not made."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest

from etl.commands.dump_files import NAME, name_at
from tests.acceptance.lab import Lab, Labs
from tests.acceptance.long_running import Staying
from tests.waiting import wait_until

NAME_FORMAT = "force-orders-%Y-%m-%dT%H%M%SZ.dump"


@pytest.fixture
def nightly(lab: Labs, tmp_path: Path) -> Lab:
    """It has no orders, a role that may make scratch databases, and nights that make backups."""
    one = lab(histories={"main": []})
    one.command.environment["FORCE_ORDERS_DATABASE_URL"] = one.database_url
    one.command.environment["FORCE_ORDERS_BACKUP_DIR"] = str(tmp_path / "dumps")
    assert one("backfill").returncode == 0
    return one


def files(lab: Lab) -> list[str]:
    directory = lab.command.directory / "dumps"
    return sorted(file.name for file in directory.iterdir()) if directory.exists() else []


def pass_hours(lab: Lab, hours: int) -> None:
    """As if the backups so far, and their files, were made that much earlier."""
    earlier = timedelta(hours=hours)
    with psycopg.connect(lab.database_url) as hand:
        hand.execute("UPDATE backups SET made_at = made_at - %s", [earlier])
        for (name,) in hand.execute("SELECT file FROM backups").fetchall():
            file = Path(name)
            aged = file.with_name(name_at(datetime.strptime(file.name, NAME_FORMAT).replace(tzinfo=UTC) - earlier))
            file.rename(aged)
            hand.execute("UPDATE backups SET file = %s WHERE file = %s", [str(aged), name])


def test_a_night_makes_one_verified_backup_and_the_next_one_another(nightly: Lab) -> None:
    first = nightly("sync")
    assert (first.returncode, first.stderr) == (0, "")
    assert first.stdout.splitlines()[-1].startswith(f"backup: {nightly.command.directory}/dumps/force-orders-")
    assert first.stdout.endswith(", verified\n")
    assert "backup" not in nightly("sync").stdout
    assert len(files(nightly)) == 1
    pass_hours(nightly, 21)
    assert ", verified" in nightly("sync").stdout
    assert len(files(nightly)) == 2
    assert all(NAME.fullmatch(name) for name in files(nightly))


def test_old_backups_go_but_neither_other_files_nor_the_newest_verified_one(nightly: Lab) -> None:
    directory = nightly.command.directory / "dumps"
    directory.mkdir()
    old = [directory / f"force-orders-2026-01-0{day}T021500Z.dump" for day in (1, 2, 3)]
    for file in (*old, directory / "notes.txt"):
        file.touch()
    with psycopg.connect(nightly.database_url) as hand:
        hand.execute(
            "INSERT INTO backups (made_at, file, bytes, orders, verified_at) VALUES ('2026-01-01', %s, 1, 0, now())",
            [str(old[0])],
        )
    damage(nightly)
    done = nightly("sync", FORCE_ORDERS_KEEP_BACKUPS="2")
    assert "tonight's backup is not verified: the copy fails 'db check'" in done.stderr
    *kept, new = files(nightly)[:-1]
    assert files(nightly)[-1] == "notes.txt"
    assert kept == [old[0].name, old[2].name]
    assert new not in {file.name for file in old}


def damage(lab: Lab) -> None:
    """Something that `db check` finds."""
    with psycopg.connect(lab.database_url) as hand:
        hand.execute("UPDATE coverage SET proven = proven + tstzmultirange(tstzrange('2200-01-01', '2200-01-02'))")


def test_a_backup_that_fails_is_told_and_changes_nothing_of_the_night(nightly: Lab) -> None:
    (nightly.command.directory / "dumps").touch()
    done = nightly("sync")
    assert done.returncode == 0
    assert done.stderr == (
        "force-orders: tonight's backup failed: the backup cannot be written: "
        f"{nightly.command.directory}/dumps: File exists\n"
    )
    assert nightly.last_run()["status"] == "succeeded"


def test_without_a_directory_no_night_makes_one(nightly: Lab) -> None:
    done = nightly("sync", FORCE_ORDERS_BACKUP_DIR="")
    assert (done.returncode, "backup" in done.stdout) == (0, False)
    assert nightly.sql("SELECT FROM backups") == []
    assert nightly("status", "--check", FORCE_ORDERS_BACKUP_DIR="").returncode == 0


def test_status_tells_the_age_and_is_red_without_a_verified_backup_of_two_days(nightly: Lab) -> None:
    none = nightly("status", "--check")
    assert none.returncode == 3
    assert none.stderr == (
        "force-orders: the newest verified backup is too old: there is none; make one: force-orders db backup\n"
    )
    assert nightly("db", "backup", "--no-verify").returncode == 0
    assert nightly("status", "--check").returncode == 3
    pass_hours(nightly, 1)
    assert nightly("db", "backup", str(nightly.command.directory / "by-hand")).returncode == 0
    fine = nightly("status", "--check")
    assert (fine.returncode, fine.stderr) == (0, "")
    assert "newest backup" in fine.stdout
    pass_hours(nightly, 49)
    old = nightly("status", "--check")
    assert (old.returncode, "too old: it is 2 d 1 h old" in old.stderr) == (3, True)


def test_a_night_that_cannot_be_verified_says_so(nightly: Lab, writer_url: str) -> None:
    """The role may not make databases, and no embedded server can start in its data directory."""
    place = nightly.command.directory / "no-directory"
    place.touch()
    done = nightly("sync", FORCE_ORDERS_DATA_DIR=str(place), FORCE_ORDERS_DATABASE_URL=writer_url)
    assert done.returncode == 0
    assert "tonight's backup is not verified: " in done.stderr
    assert nightly.sql("SELECT verified_at FROM backups") == [{"verified_at": None}]


def test_the_scheduler_s_night_makes_one_after_its_last_job(nightly: Lab, stay: Staying) -> None:
    scheduler = stay(nightly, "schedule")
    wait_until(lambda: nightly.sql("SELECT FROM backups"))
    wait_until(lambda: ", verified\n" in stay.said(scheduler)[1])
    assert stay.stop(scheduler) == 130
    (run,) = nightly.sql("SELECT finished_at FROM runs WHERE command = 'sync'")
    (backup,) = nightly.sql("SELECT made_at, verified_at FROM backups")
    assert run["finished_at"] <= backup["made_at"] < backup["verified_at"]
