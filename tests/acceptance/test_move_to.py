"""`db move-to` and `db shell`: from the embedded server to one's own, and psql without a password to type."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from tests.acceptance.lab import Lab, Labs
from tests.databases import data_directory
from tests.older_server import older_server
from tests.roles import ROLE_PASSWORD, as_role
from tests.waiting import wait_until


@pytest.fixture
def machine() -> Iterator[Path]:
    with data_directory() as directory:
        yield directory


def told(lab: Lab, **where: str) -> tuple[int, object]:
    status = json.loads(lab("status", "--json", **where).stdout)
    return status["orders"], status["seals"]


def test_from_the_embedded_server_to_one_s_own(lab: Labs, machine: Path, empty_database_url: str) -> None:
    moving = lab()
    here = {"FORCE_ORDERS_DATABASE_URL": "", "FORCE_ORDERS_DATA_DIR": str(machine)}
    there = {"FORCE_ORDERS_DATABASE_URL": empty_database_url}
    assert moving("backfill", **here).returncode == 0
    before = told(moving, **here)
    done = moving("db", "move-to", empty_database_url, **here)
    assert (done.returncode, done.stderr) == (0, "")
    copied, use, grant, old = done.stdout.splitlines()
    assert copied == f"copied {before[0]} orders, 1 account, 82 seals, 1 run; both databases are fine and hold the same"
    assert "FORCE_ORDERS_DATABASE_URL=" in use
    assert "Roles and rights" in grant
    assert old.endswith(f"rm -r {machine / 'postgres'}")
    assert told(moving, **there) == told(moving, **here) == before
    night = moving("sync", **there)
    assert (night.returncode, "0 orders new" in night.stdout) == (0, True)


def test_the_address_to_set_has_no_password(lab: Labs, machine: Path, database_url: str) -> None:
    moving = lab(histories={"main": []})
    here = {"FORCE_ORDERS_DATABASE_URL": "", "FORCE_ORDERS_DATA_DIR": str(machine)}
    assert moving("backfill", **here).returncode == 0
    done = moving("db", "move-to", as_role("owner", database_url), **here)
    assert done.returncode == 0, done.stderr
    assert done.stderr == (
        "force-orders: warning: others on this machine can see a password on a command line; better ?passfile=FILE\n"
    )
    assert ROLE_PASSWORD not in done.stdout
    assert moving("db", "check", FORCE_ORDERS_DATABASE_URL=as_role("owner", database_url)).returncode == 0


def test_to_an_older_server_and_back(lab: Labs, empty_database_url: str, tmp_path: Path) -> None:
    """pg_restore writes a setting that the older server does not know, and its own pg_dump reads it."""
    moving = lab()
    assert moving("backfill").returncode == 0
    before = told(moving)
    with older_server() as url:
        there = {"FORCE_ORDERS_DATABASE_URL": url}
        assert moving("db", "move-to", url).returncode == 0
        assert told(moving, **there) == before
        made = moving("db", "backup", str(tmp_path / "dumps"), **there)
        assert (made.returncode, made.stderr) == (0, "")
    (file,) = (tmp_path / "dumps").iterdir()
    assert moving("db", "restore", str(file), FORCE_ORDERS_DATABASE_URL=empty_database_url).returncode == 0
    assert told(moving, FORCE_ORDERS_DATABASE_URL=empty_database_url) == before


def test_while_a_run_has_an_account_nothing_moves(lab: Labs, empty_database_url: str) -> None:
    busy = lab()
    assert busy("backfill").returncode == 0
    busy.tell("faults", [{"kind": "hang", "path": "/fapi/v1/time"}])
    run = busy.command.start("sync")
    wait_until(lambda: busy.sql("SELECT FROM runs WHERE status = 'running'") and busy.stats()["requests"])
    done = busy("db", "move-to", empty_database_url)
    assert (done.returncode, done.stdout) == (1, "")
    assert "account main is being read by run 2 (sync, since " in done.stderr
    run.kill()
    run.communicate()
    assert tables(empty_database_url) == 0


def test_a_run_that_meets_a_move_says_so(lab: Labs, empty_database_url: str) -> None:
    moved = lab(histories={"main": []})
    assert moved("backfill").returncode == 0
    with psycopg.connect(moved.database_url) as holding:
        holding.execute("LOCK TABLE procrastinate_events IN ACCESS EXCLUSIVE MODE")
        move = moved.command.start("db", "move-to", empty_database_url)
        wait_until(
            lambda: moved.sql(
                "SELECT FROM pg_locks JOIN pg_stat_activity USING (pid) WHERE query ~ 'LOCK TABLE' AND NOT granted"
            )
        )
        night = moved("sync", FORCE_ORDERS_PATIENCE_SECONDS="2")
    assert move.end().returncode == 0
    assert (night.returncode, night.stderr.count("\n")) == (5, 1)
    assert ", force-orders db move-to) has held a lock for more than 2 s" in night.stderr


def tables(url: str) -> int:
    with psycopg.connect(url) as connection:
        row = connection.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'").fetchone()
    assert row is not None
    return int(row[0])


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("mysql://db", "URL must be the URL of a Postgres database"),
        ("postgresql://a:b@c@d/e", "the database URL cannot be read"),
        ("{own}", "this URL is that of the database in use"),
        ("{other}", "is not empty: it has a table that is not ours, public.invoices"),
    ],
)
def test_a_place_that_cannot_be_moved_to_ends_with_2(lab: Labs, empty_database_url: str, url: str, said: str) -> None:
    one = lab(histories={"main": []})
    with psycopg.connect(empty_database_url) as other:
        other.execute("CREATE TABLE invoices (id int)")
    done = one("db", "move-to", url.format(own=one.database_url, other=empty_database_url))
    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr


def test_a_history_that_fails_its_check_is_not_moved(lab: Labs, empty_database_url: str) -> None:
    broken = lab(histories={"main": []})
    assert broken("backfill").returncode == 0
    with psycopg.connect(broken.database_url) as hand:
        hand.execute("UPDATE coverage SET proven = proven + tstzmultirange(tstzrange('2200-01-01', '2200-01-02'))")
    done = broken("db", "move-to", empty_database_url)
    assert (done.returncode, done.stdout) == (1, "")
    assert "the database fails 'db check': it is not true that nothing is proven beyond now" in done.stderr
    assert tables(empty_database_url) == 0


def test_the_shell_is_psql_and_shows_no_password(lab: Labs) -> None:
    one = lab(histories={"main": []})
    done = shell(one, "SELECT current_user, current_setting('application_name');\n\\! ps -eo args | grep [p]sql\n")
    assert done.returncode == 0, done.stderr
    assert "force-orders shell" in done.stdout
    assert "service=force-orders" in done.stdout
    assert ROLE_PASSWORD not in done.stdout


def test_the_embedded_server_stays_up_for_the_shell_and_no_longer(lab: Labs, machine: Path) -> None:
    here = {"FORCE_ORDERS_DATABASE_URL": "", "FORCE_ORDERS_DATA_DIR": str(machine)}
    done = shell(lab(histories={"main": []}), "SELECT 40 + 2;\n", **here)
    assert (done.returncode, "42" in done.stdout) == (0, True)
    assert not (machine / "postgres" / "postmaster.pid").exists()


def test_a_shell_that_only_reads_refuses_to_write(lab: Labs) -> None:
    done = shell(lab(histories={"main": []}), "UPDATE runs SET error = '';\nSELECT 1;\n", "--read-only")
    assert done.returncode == 0
    assert "cannot execute UPDATE in a read-only transaction" in done.stderr


def shell(lab: Lab, typed: str, *arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        lab.command.words("db", "shell", *arguments),
        input=typed,
        cwd=lab.command.directory,
        env=lab.command.environment | environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
