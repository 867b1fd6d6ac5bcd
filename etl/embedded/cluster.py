"""The files of the embedded server and the programs of the wheel that work on them."""

import logging
import os
import re
import shlex
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import BinaryIO

import psycopg

from etl.embedded.file_locks import POLL_S, claimed, locked
from etl.embedded.programs import MAJOR, binaries, binaries_for_others, environment
from etl.embedded.system_user import SystemUser, give, refuse_closed, server_user
from etl.errors import StoreError
from etl.file_access import closed_above, is_root, make_data_directory, server_home

logger = logging.getLogger(__name__)

DATABASE = "force_orders"
SUPERUSER = "postgres"
PATIENCE_S = 60.0  # recovery after a crash may take this long
LINGER_S = 2.0  # the processes that a killed server leaves end within this
CONNECT_TIMEOUT_S = 5
SOCKET = ".s.PGSQL.5432"
SOCKET_LINE, STATUS_LINE = 4, 7  # of postmaster.pid, from 0
LOG_LIMIT = 1 << 20  # bytes; a larger log is emptied before the next start

# A socket's path has at most 103 bytes on macOS, 107 on Linux; libpq and SQLAlchemy split a host at `,` and `:`.
SOCKET_DIR_PREFIX = "force-orders-"
ANY_USERS_TEMPORARY = "/tmp"  # noqa: S108 – mkdtemp makes a private directory in it
PLAIN_SOCKET_DIR = re.compile(r"[\w./-]{1,85}", re.ASCII)

# Given on the command line, they win over an edited postgresql.conf. The log file is our lock, so no log collector
# may replace it.
SERVER_SETTINGS = {
    "listen_addresses": "",
    "port": "5432",
    "unix_socket_permissions": "0700",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_checkpoints": "off",
    "logging_collector": "off",
}


class Cluster:
    """The files of one server and the programs that work on them. Call its methods inside `turn`.

    A program runs in the data directory and calls it `.`, because `pg_ctl` puts paths into a shell command unescaped.
    It runs in a session of its own, so that Ctrl-C reaches only us.
    """

    def __init__(self, data_dir: Path) -> None:
        self.home = server_home(data_dir)
        self.data = self.home / "postgres"
        self.log = self.home / "postgres.log"
        self.users = self.home / "postgres.users"
        self.kept = self.home / "postgres.kept"

    def refuse_closed_directories(self) -> None:
        """Raise StoreError where a server that is not running yet could not reach its data. Creates nothing."""
        if is_root() and self.ready_socket_dir() is None:
            refuse_closed(self.data)

    def programs(self, major: str = MAJOR) -> Path:
        """The directory of the programs, where the server's user may run them."""
        return binaries_for_others(self.home / "programs", major) if is_root() else binaries(major)

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Exclude all other processes. An OSError inside (missing file or right, full disk) becomes a StoreError."""
        with self._store_errors():
            make_data_directory(self.home)
            with locked(self.home / "postgres.turn", 2 * PATIENCE_S):
                yield

    def was_ever_started(self) -> bool:
        with self._store_errors():
            return self.log.exists()

    @contextmanager
    def _store_errors(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            where, what = error.filename or self.home, error.strerror or error
            raise StoreError(f"the embedded Postgres cannot be used: {where}: {what}") from error

    def bring_up(self) -> Path:
        """Start the server unless one runs, wait until it answers, and return the directory of its socket."""
        deadline = time.monotonic() + PATIENCE_S
        log_begin = None
        while time.monotonic() < deadline:
            if log := claimed(self.log):
                with log:
                    if log_begin is not None:
                        raise self._failed("does not start", log_begin)
                    if log.tell() > LOG_LIMIT:
                        log.truncate(0)
                    log_begin = log.seek(0, os.SEEK_END)
                    self._launch(log)
                    deadline = time.monotonic() + PATIENCE_S
            if (socket_dir := self.ready_socket_dir()) and _answers(socket_dir):
                return socket_dir
            time.sleep(POLL_S)
        raise StoreError(
            f"the embedded Postgres in {self.data} does not answer after {PATIENCE_S:.0f} s; it may be recovering: "
            f"see {self.log} and try again"
        )

    def shut_down(self) -> bool:
        """Stop the server with all its sessions and wait for the end of its last process; False where none runs."""
        if log := claimed(self.log):
            log.close()
            return False
        status = self._lines()
        patience_s = LINGER_S
        # In another container this id may belong to another process: signal only a Postgres.
        if (pid := _pid(status)) and _is_postgres(pid):
            os.kill(pid, signal.SIGINT)  # "fast": https://www.postgresql.org/docs/18/server-shutdown.html
            patience_s = PATIENCE_S
        try:
            locked(self.log, patience_s).close()
        except TimeoutError:
            raise StoreError(
                f"the embedded Postgres in {self.data} cannot be stopped from here: see {self.log}"
            ) from None
        if len(status) > SOCKET_LINE and Path(status[SOCKET_LINE]).name.startswith(SOCKET_DIR_PREFIX):
            shutil.rmtree(status[SOCKET_LINE], ignore_errors=True)
        return True

    def _launch(self, log: BinaryIO) -> None:
        """Start the server without waiting. It holds the lock of the log from now on until it ends."""
        self.kept.unlink(missing_ok=True)  # it was about a server that has ended
        if not self.data.exists() or (self.data.is_dir() and not any(self.data.iterdir())):
            self._initialise(log)
        self._check_version()
        self._clear_stale_locks()
        user = server_user(self.data)
        socket_dir = "." if PLAIN_SOCKET_DIR.fullmatch(str(self.data)) else _temporary_dir(user)
        settings = SERVER_SETTINGS | {"unix_socket_directories": socket_dir}
        options = shlex.join(word for name, value in settings.items() for word in ("-c", f"{name}={value}"))
        self._run("pg_ctl", "start", "-D", ".", "-s", "-W", "-o", options, log=log)

    def _initialise(self, log: BinaryIO) -> None:
        """Create the data in another directory, then move it into place: an interrupted `initdb` leaves no half data.

        The collation is Postgres' own C.UTF-8: the same order on every machine, and a new C library breaks no index.
        `trust` admits every user who can open the socket, which is in a 0700 directory.
        """
        logger.info("the new embedded Postgres has its data in %s", self.home)
        fresh = self.home / "postgres.new"
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir(mode=0o700)
        give(fresh, server_user(fresh))
        locale = ("--encoding=UTF8", "--no-locale", "--locale-provider=builtin", "--builtin-locale=C.UTF-8")
        try:
            self._run(
                "initdb", "-D", ".", "-U", SUPERUSER, "--auth=trust", "--no-instructions", *locale, log=log, cwd=fresh
            )
            fresh.rename(self.data)
        finally:
            shutil.rmtree(fresh, ignore_errors=True)

    def _check_version(self) -> None:
        version = self.data / "PG_VERSION"
        if not version.is_file():
            raise StoreError(f"{self.data} is no Postgres database: move it away, or set FORCE_ORDERS_DATA_DIR")
        if (major := version.read_text().strip()) != MAJOR:
            raise StoreError(_how_to_move(self.data, self.programs, major))

    def _clear_stale_locks(self) -> None:
        """Remove lock files that would make Postgres believe that a server runs although none does.

        Postgres believes an empty file (after a power cut) and any process of its user with the recorded id (ids come
        again after a reboot, perhaps to a server of other data; a killed server is a zombie until it is reaped). A file
        whose id no process has stays: Postgres uses it to look for processes that a killed server left.
        """
        import psutil  # type: ignore[import-untyped]  # comes with the extra `embedded`

        for name in ("postmaster.pid", f"{SOCKET}.lock"):
            pid = _pid(self._lines(name))
            if pid is None or (psutil.pid_exists(pid) and not (_is_postgres(pid) and _works_in(pid, self.data))):
                (self.data / name).unlink(missing_ok=True)

    def _lines(self, name: str = "postmaster.pid") -> list[str]:
        """The lines of a file, none where it is missing. postmaster.pid grows to eight while a server starts."""
        try:
            return (self.data / name).read_text().splitlines()
        except (FileNotFoundError, NotADirectoryError):
            return []

    def has_lost_its_socket(self) -> bool:
        """Whether the server is up and nobody can reach it: something has emptied the directory for temporary files."""
        socket_dir = self.ready_socket_dir()
        return socket_dir is not None and not (socket_dir / SOCKET).exists()

    def ready_socket_dir(self) -> Path | None:
        status = self._lines()
        ready = len(status) > STATUS_LINE and status[STATUS_LINE].strip() == "ready"
        return self.data / status[SOCKET_LINE] if ready else None

    def _run(self, program: str, *arguments: str, log: BinaryIO, cwd: Path | None = None) -> None:
        where, binary = cwd or self.data, self.programs() / program
        user = server_user(where)
        begin = log.seek(0, os.SEEK_END)
        done = subprocess.run(  # noqa: S603 – a program of the wheel, no shell
            [binary, *arguments],
            cwd=where,
            env=environment(),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            user=user.uid,
            group=user.gid,
            extra_groups=None if user.uid is None else [],
            check=False,
        )
        if done.returncode:
            raise self._failed(f"fails in {program}", begin)

    def _failed(self, how: str, log_begin: int) -> StoreError:
        """An error with the first complaint in the log after `log_begin`, an offset in bytes."""
        with self.log.open("rb") as log:
            log.seek(log_begin)
            said = log.read().decode(errors="replace")
        # Some of initdb's own errors have its name in front only.
        complaint = re.search(r"(?:FATAL|PANIC|error): +(.+)", said) or re.search(r"(?m)^initdb: +(.+)", said)
        reason = f": {complaint[1]}" if complaint else ""
        return StoreError(f"the embedded Postgres in {self.data} {how}{reason}; see {self.log}")


def _how_to_move(data: Path, programs: Callable[[str], Path], major: str) -> str:
    """The commands that dump and restore older data. The wheel has PostgreSQL 16 too, but no other old version."""
    new, here = binaries(), shlex.quote(str(data))
    problem = f"{data} was made by PostgreSQL {major}, and this program needs PostgreSQL {MAJOR}"
    dump = f"{here}-{major}.sql"
    restore = f'mv {here} {here}-{major} && {new}/psql -q -d "$(force-orders db url)" -f {dump}; force-orders db stop'
    if not binaries(major).is_dir():
        return f"{problem}: write `pg_dump {DATABASE}` of a PostgreSQL {major} server on it to {dump}, then: {restore}"
    user = server_user(data)
    old = programs(major)
    own = "" if user.uid is None else f"setpriv --reuid {user.uid} --regid {user.gid} --clear-groups "
    pg_ctl = f"{own}{old}/pg_ctl -s -w -D ."
    return (
        f"{problem}; to dump and restore it: (umask 077 && cd {here} && {pg_ctl} -l log -o '-h \"\" -k .' start && "
        f"{new}/pg_dump -h {here} -U {SUPERUSER} -f {dump} {DATABASE} && {pg_ctl} stop) && {restore}"
    )


def user_of(data_dir: Path) -> str | None:
    """The name of the user who runs the server of a data directory; None: our own."""
    user = server_user(Cluster(data_dir).data)
    if user.uid is None:
        return None
    import pwd

    return pwd.getpwuid(user.uid).pw_name


def _temporary_dir(user: SystemUser) -> str:
    """A directory for the socket where the data's own path is too long for one or has special characters.

    It is in TMPDIR, unless the same is true of that, or the server's user may not pass to it.
    """
    path = Path(tempfile.mkdtemp(prefix=SOCKET_DIR_PREFIX))
    is_closed = user.uid is not None and closed_above(path, user.uid, user.gid)
    if is_closed or not PLAIN_SOCKET_DIR.fullmatch(str(path)):
        path.rmdir()
        path = Path(tempfile.mkdtemp(prefix=SOCKET_DIR_PREFIX, dir=ANY_USERS_TEMPORARY))
    give(path, user)
    return str(path)


def _answers(socket_dir: Path) -> bool:
    """Whether the server takes a connection. Also creates our database if it is missing."""
    try:
        connection = psycopg.connect(
            libpq_url(socket_dir, "postgres"), autocommit=True, connect_timeout=CONNECT_TIMEOUT_S
        )
    except psycopg.OperationalError:
        return False
    try:
        with closing(connection):
            if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]).fetchone():
                connection.execute(f"CREATE DATABASE {DATABASE}")
    except psycopg.Error as error:
        raise StoreError(f"the embedded Postgres has no database {DATABASE} and cannot make it: {error}") from error
    return True


def libpq_url(socket_dir: Path, database: str) -> str:
    """Names the port too, because PGPORT would change it otherwise."""
    return f"postgresql://{SUPERUSER}@/{database}?host={socket_dir}&port=5432"


def _pid(lines: list[str]) -> int | None:
    return int(lines[0]) if lines and lines[0].strip().isdigit() else None


def _is_postgres(pid: int) -> bool:
    import psutil

    try:
        process = psutil.Process(pid)
        return bool(process.name() == "postgres" and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.Error:
        return False


def _works_in(pid: int, directory: Path) -> bool:
    """Whether a process has this working directory. A Postgres works in its data."""
    import psutil

    try:
        return directory.samefile(psutil.Process(pid).cwd())
    except (psutil.Error, OSError):
        return False
