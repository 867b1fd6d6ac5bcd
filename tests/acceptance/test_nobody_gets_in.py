"""Nobody gets in: not through a directory, a query, a file, a log or a lock."""

import json
import os
import re
import shutil
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from etl.file_access import server_home
from etl.simulator.accounts import DEMO_KEY, DEMO_SECRET, MAIN, demo_account
from etl.simulator.scenario import Scenario
from tests.acceptance.endings import assert_one_line
from tests.acceptance.lab import Labs
from tests.acceptance.leaks import leaks
from tests.combining import few_of
from tests.command import Command
from tests.databases import data_directory
from tests.roles import ROLES, as_role

AS_ROOT = os.geteuid() == 0
NOBODY = 65534
only_as_root = pytest.mark.skipif(not AS_ROOT, reason="only root gives files away")

# Directories


def modes(directory: Path) -> dict[Path, int]:
    return {one: stat.S_IMODE(one.stat().st_mode) for one in (directory, *directory.parents)}


@only_as_root
def test_no_mode_above_the_data_of_root_ever_changes(command: Command, tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    before = modes(home)
    closed = {"HOME": str(home), "FORCE_ORDERS_DATA_DIR": str(home / "data")}
    try:
        for _ in range(2):
            assert command("db", "upgrade", **closed).returncode == 0
        assert modes(home) == before
        assert not (home / "data" / "postgres").exists(), "its Postgres may not pass there"
        home.chmod(0o755)
        found = command("db", "query", "SELECT count(*) FROM runs", **closed)
        assert (found.returncode, found.stderr) == (0, ""), "nor are the data lost when it may"
    finally:
        shutil.rmtree(server_home(home / "data"))


@only_as_root
def test_the_disk_that_is_watched_is_the_one_with_the_data_of_root(command: Command, tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    closed = {"HOME": str(home), "FORCE_ORDERS_DATA_DIR": str(home / "data")}
    place = server_home(home / "data")
    try:
        assert command("db", "upgrade", **closed).returncode == 0
        assert f'force_orders_disk_free_bytes{{directory="{place}"}} ' in command("metrics", **closed).stdout
        (disk,) = [one for one in json.loads(command("doctor", "--json", **closed).stdout) if one["check"] == "disk"]
        assert disk["detail"].endswith((f" free at {place}", f" free at {home / 'data'}"))
    finally:
        shutil.rmtree(place)


# Queries


@pytest.fixture(scope="module")
def embedded() -> Iterator[Path]:
    """The data directory of an embedded server, with a file beside the data."""
    with data_directory() as directory:
        yield directory


INTRUSIONS = {
    "a file": "SELECT pg_read_file('/etc/passwd')",
    "the environment": "SELECT pg_read_binary_file('/proc/self/environ')",
    "a directory": "SELECT pg_ls_dir('/')",
    "a program": "COPY (SELECT 1) TO PROGRAM 'touch {}'",
    "a new file": "COPY (SELECT 1) TO '{}'",
    "a large object": "SELECT lo_export(lo_from_bytea(0, 'x'), '{}')",
    "another role": "SELECT set_config('role', 'postgres', true)",
    "another session": "SELECT set_config('session_authorization', 'postgres', true)",
    "a table": "CREATE TABLE mine ()",
    "rows": "DELETE FROM runs RETURNING 1",
    "writing": "SELECT set_config('transaction_read_only', 'off', false)",
    "a second statement": "SELECT 1; COMMIT; DROP TABLE runs",
    "dynamic SQL": "SELECT query_to_xml('SELECT pg_read_file(''/etc/passwd'')', true, true, '')",
}


@pytest.mark.parametrize("sql", few_of(INTRUSIONS, 5))
def test_a_query_of_the_embedded_server_can_do_nothing_but_read(
    command: Command, embedded: Path, tmp_path: Path, sql: str
) -> None:
    here = {"FORCE_ORDERS_DATA_DIR": str(embedded)}
    assert_one_line(command("db", "query", sql.format(tmp_path / "new"), **here), 2, "the query cannot be run")
    assert not (tmp_path / "new").exists()
    asked = "SELECT session_user AS role, count(*) FROM force_orders"
    assert "force_orders_query" in command("db", "query", asked, **here).stdout


@pytest.mark.parametrize("intrusion", ["a file", "the environment", "a directory", "a program", "a new file"])
def test_a_query_as_a_superuser_gives_up_the_server_s_files_and_programs(
    command: Command, database_url: str, tmp_path: Path, intrusion: str
) -> None:
    there = {"FORCE_ORDERS_DATABASE_URL": database_url}
    sql = INTRUSIONS[intrusion].format(tmp_path / "new")
    assert_one_line(command("db", "query", sql, **there), 2, "permission denied")
    assert not (tmp_path / "new").exists()
    assert command("db", "query", "SELECT count(*) FROM force_orders", **there).returncode == 0


# Files that somebody else may have written

Making = Callable[[Path], str]


def of_another_user(file: Path) -> str:
    os.chown(file, NOBODY, NOBODY)
    return "owns it; if its content is yours: chown root "


def by_a_link_of_another_user(file: Path) -> str:
    target = file.rename(file.with_name("target"))
    file.symlink_to(target)
    os.chown(file, NOBODY, NOBODY, follow_symlinks=False)
    return "owns it; if its content is yours: chown -h root "


def writable_by_another_group(file: Path) -> str:
    os.chown(file, 0, NOBODY)
    file.chmod(file.stat().st_mode | 0o060)
    return "may write to it: chmod g-w "


def writable_by_all(file: Path) -> str:
    file.chmod(file.stat().st_mode | 0o002)
    return "every user may write to it: chmod o-w "


UNTRUSTED = [
    pytest.param(of_another_user, marks=only_as_root),
    pytest.param(by_a_link_of_another_user, marks=only_as_root),
    pytest.param(writable_by_another_group, marks=only_as_root),
    writable_by_all,
]


@pytest.mark.parametrize("making", UNTRUSTED)
def test_a_settings_file_that_another_may_have_written_sends_no_key_anywhere(lab: Labs, making: Making) -> None:
    mine = lab(histories={"main": []})
    file = mine.command.directory / "force-orders.toml"
    file.write_text(f'base_url = "{mine.command.environment.pop("FORCE_ORDERS_BASE_URL")}"\n')
    file.chmod(0o664)  # as a umask of 002 has it: the group is this user's own
    assert mine("backfill", "--since", "3d").returncode == 0
    mine.tell("reset-stats", {})
    remedy = making(file)
    assert_one_line(mine("backfill", "--since", "3d"), 2, "force-orders.toml is not used, because ", remedy)
    assert mine.stats()["requests"] == 0


@pytest.mark.parametrize("making", UNTRUSTED)
def test_a_key_file_or_an_account_of_another_is_not_used(lab: Labs, making: Making) -> None:
    mine = lab(histories={"main": []})
    secret, accounts = mine.command.directory / "secret", mine.command.directory / "accounts"
    secret.write_text(mine.command.environment.pop("BINANCE_API_SECRET"))
    secret.chmod(0o600)
    by_file = {"BINANCE_API_SECRET_FILE": str(secret)}
    assert mine("backfill", "--since", "3d", **by_file).returncode == 0
    remedy = making(secret)
    assert_one_line(mine("backfill", "--since", "3d", **by_file), 2, "is not used, because ", remedy)

    accounts.mkdir()
    (accounts / "fund.toml").write_text('api_key_variable = "K"\napi_secret_variable = "S"\n')
    making(accounts / "fund.toml")
    fund = {"FORCE_ORDERS_ACCOUNTS_DIR": str(accounts), "K": DEMO_KEY, "S": DEMO_SECRET}
    refused = mine("backfill", "--account", "fund", **fund)
    assert_one_line(refused, 2, "fund.toml is not used, because ")


@pytest.mark.parametrize("making", UNTRUSTED)
def test_a_settings_file_in_a_directory_of_another_sends_no_key_anywhere(lab: Labs, making: Making) -> None:
    mine = lab(histories={"main": []})
    directory = mine.command.directory / "etc"
    directory.mkdir()
    directory.chmod(0o775)  # as a umask of 002 has it
    file = directory / "force-orders.toml"
    file.write_text(f'base_url = "{mine.command.environment.pop("FORCE_ORDERS_BASE_URL")}"\n')
    nightly = ("--config", str(file), "backfill", "--since", "3d")
    assert mine(*nightly).returncode == 0
    mine.tell("reset-stats", {})
    remedy = making(directory)
    assert_one_line(mine(*nightly), 2, "force-orders.toml is not used, because of its directory: ", remedy)
    assert mine.stats()["requests"] == 0


@pytest.mark.parametrize("making", UNTRUSTED)
def test_a_directory_of_accounts_that_another_may_write_to_is_not_used(lab: Labs, making: Making) -> None:
    mine = lab(histories={"main": []})
    accounts = mine.command.directory / "accounts"
    accounts.mkdir()
    accounts.chmod(0o775)
    (accounts / "fund.toml").write_text('api_key_variable = "K"\napi_secret_variable = "S"\n')
    fund = {"FORCE_ORDERS_ACCOUNTS_DIR": str(accounts), "K": DEMO_KEY, "S": DEMO_SECRET}
    assert "fund" in mine("accounts", "list", **fund).stdout
    remedy = making(accounts)
    assert_one_line(mine("sync", **fund), 2, "accounts_dir: the directory ", " is not used, because ", remedy)


def test_a_directory_like_tmp_may_hold_settings_since_nobody_replaces_a_file_of_another_there(lab: Labs) -> None:
    mine = lab(histories={"main": []})
    (mine.command.directory / "force-orders.toml").write_text("retention_days = 90\n")
    mine.command.directory.chmod(0o1777)
    assert mine("backfill", "--since", "3d").returncode == 0


# Logs

HOST_PROGRAM = """
import http.client, logging, sys
logging.basicConfig(level=logging.{level})
http.client.HTTPConnection.debuglevel = 1
import etl, requests
for name in logging.root.manager.loggerDict:
    logging.getLogger(name).setLevel(logging.{level})
etl.run_sync(attempts=3)
loggers = [name for name in logging.root.manager.loggerDict if name.startswith("urllib3.")]
for name in loggers:
    logging.getLogger(name).error("GET /x?signature=%s", "planted")
print("searched", len(loggers), file=sys.stderr)
"""


@pytest.mark.parametrize("level", ["INFO", "DEBUG"])
def test_no_logger_of_a_host_program_gets_a_signed_url(lab: Labs, level: str) -> None:
    logged = lab(histories={"main": []})
    logged.tell("faults", [{"kind": kind, "at": at} for at, kind in enumerate(("reset", "close", "cut"), 3)])
    done = subprocess.run(
        [sys.executable, "-c", HOST_PROGRAM.format(level=level)],
        cwd=logged.command.directory,
        env=logged.command.environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert re.search(r"^searched \d+$", done.stderr, re.MULTILINE)
    assert ("/fapi/v1/time" in done.stderr) == (level == "DEBUG"), "the HTTP library's log is read"
    assert leaks(done.stdout + done.stderr) == set()


# Locks


def test_a_reading_role_that_holds_an_account_s_lock_is_named_at_once(lab: Labs, reader_url: str) -> None:
    hedge = demo_account("hedge")
    both = lab(Scenario(), accounts=[MAIN, hedge], histories={"main": [], "hedge": []})
    (both.command.directory / "force-orders.toml").write_text(
        '[accounts.hedge]\napi_key_variable = "HEDGE_KEY"\napi_secret_variable = "HEDGE_SECRET"\n'
    )
    both.command.environment.update(HEDGE_KEY=hedge.key, HEDGE_SECRET=hedge.secret)
    patient = {"FORCE_ORDERS_PATIENCE_SECONDS": "3600"}
    with psycopg.connect(reader_url, application_name="bi") as reader:
        reader.execute("SELECT pg_advisory_lock(hashtextextended('main/usdm', 0))")
        pid = reader.info.backend_pid
        named = f"account main is locked by pid {pid} ({ROLES['reader']}, bi), which is no run; to end that session: "
        both_asked = both("sync", **patient)
        assert both_asked.returncode == 1
        assert f"{named}SELECT pg_terminate_backend({pid})" in both_asked.stderr
        assert_one_line(both("sync", "--account", "main", **patient), 1, named)
    assert both.sql("SELECT DISTINCT account FROM coverage") == [{"account": "hedge"}]


def test_a_statement_that_waits_for_a_forgotten_lock_ends_and_names_who_holds_it(lab: Labs) -> None:
    blocked = lab(histories={"main": []})
    assert blocked("backfill").returncode == 0
    with psycopg.connect(as_role("owner", blocked.database_url), application_name="psql") as forgotten:
        forgotten.execute("SELECT FROM coverage FOR UPDATE")
        pid = forgotten.info.backend_pid
        done = blocked("sync", FORCE_ORDERS_PATIENCE_SECONDS="2")
    held = f"pid {pid} ({ROLES['owner']}, psql) has held a lock for more than 2 s; to end that session: "
    assert_one_line(done, 5, f"{held}SELECT pg_terminate_backend({pid})")
