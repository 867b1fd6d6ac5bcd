"""The client programs of Postgres, pg_dump, pg_restore and psql: which are there, and how to run them.

A program learns the database's address and password from files that only we can read. Its command line, which everybody
on the machine can see, names neither.
"""

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from etl.embedded.programs import INSTALLATIONS, MAJOR, binaries, environment
from etl.errors import BackupError, ConfigError
from etl.waits import WAITS, Reason

NAMES = ("pg_dump", "pg_restore", "psql")

SERVICE = "force-orders"
SERVICE_ARGUMENT = f"--dbname=service={SERVICE}"
"""How a program is told to use the address of `service_files`."""

TRANSACTION_TIMEOUT = b"SET transaction_timeout = 0;\n"
ONLY_WHERE_IT_EXISTS = b"""SELECT pg_catalog.set_config('transaction_timeout', '0', false)
 WHERE pg_catalog.current_setting('server_version_num')::int >= 170000;
"""
"""pg_restore 17 and newer set this at the start of every script; an older server refuses it."""

END_OF_PREAMBLE = b"SELECT pg_catalog.set_config('search_path'"


@dataclass(frozen=True)
class Programs:
    """The programs of one installation. `major`: the version of Postgres that they belong to."""

    major: int
    directory: Path

    def path(self, name: str) -> str:
        return str(self.directory / name)


def installed() -> list[Programs]:
    """All installations, those of the wheel first, then those on PATH."""
    return [*_of_the_wheel(), *_on_path()]


def for_dump(found: Sequence[Programs], server: int) -> Programs:
    """Those nearest to the server's major version; pg_dump refuses a newer server. Raises ConfigError where none fit.

    What a newer pg_dump writes, no older pg_restore can read.
    """
    if fitting := [one for one in found if one.major >= server]:
        return min(fitting, key=lambda one: one.major)
    there = ", ".join(f"{one.major} in {one.directory}" for one in found) or "none"
    raise ConfigError(
        f"the database is PostgreSQL {server}, and a backup needs pg_dump of PostgreSQL {server} or newer (found: "
        f"{there}); install {_how_to_install(server)}"
    )


def newest(found: Sequence[Programs]) -> Programs:
    """Those of the newest version, which read every backup that one of the others can. Raises ConfigError."""
    if not found:
        raise ConfigError(f"pg_restore and psql are needed, and not there; install {_how_to_install(int(MAJOR))}")
    return max(found, key=lambda one: one.major)


def _how_to_install(major: int) -> str:
    client = f"the client programs of PostgreSQL {major} (on Debian postgresql-client-{major})"
    return f"{client}, or force-orders-etl[embedded]" if major <= int(MAJOR) else client


def _of_the_wheel() -> Iterator[Programs]:
    with suppress(ConfigError):  # the wheel is not installed
        for major in (MAJOR, *INSTALLATIONS):
            if (directory := binaries(major)).joinpath(NAMES[0]).is_file():
                yield Programs(int(major), directory)


def _on_path() -> Iterator[Programs]:
    directories = dict.fromkeys(os.path.realpath(one) for one in os.get_exec_path() if Path(one).is_absolute())
    for directory in directories:
        if all(shutil.which(name, path=directory) for name in NAMES) and (major := _major_of(directory)):
            yield Programs(major, Path(directory))


def _major_of(directory: str) -> int | None:
    """What `pg_dump --version` says; None where it says nothing."""
    with suppress(OSError, subprocess.TimeoutExpired):
        said = subprocess.run(  # noqa: S603 – no shell
            [f"{directory}/{NAMES[0]}", "--version"],
            env=environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=10,
            check=False,
        )
        if found := re.search(rb"\(PostgreSQL\) (\d+)", said.stdout):
            return int(found[1])
    return None


@contextmanager
def program_errors() -> Iterator[None]:
    """Turn the system's errors around a program, such as a full disk, into BackupError."""
    try:
        yield
    except OSError as error:
        what = error.filename or "a temporary file"
        raise BackupError(f"a program of Postgres cannot do its work: {what}: {error.strerror}") from None


@contextmanager
def service_files(parameters: Mapping[str, str]) -> Iterator[dict[str, str]]:
    """Write libpq's parameters to files that only we can read, until the block ends; variables that name the files.

    The password has a file of its own, where any character can be written.
    """
    with tempfile.TemporaryDirectory(prefix="force-orders-") as directory:  # made with mode 0700
        service, password = Path(directory, "service"), Path(directory, "password")
        rest = {name: value for name, value in parameters.items() if name != "password"}
        if "password" in parameters:
            escaped = re.sub(r"([\\:])", r"\\\1", parameters["password"])
            _write_private(password, f"*:*:*:*:{escaped}\n")
            rest["passfile"] = str(password)
        lines = [f"[{SERVICE}]", *(f"{name}={value}" for name, value in rest.items())]
        _write_private(service, "\n".join([*lines, ""]))
        yield {"PGSERVICEFILE": str(service)}


def _write_private(file: Path, text: str) -> None:
    with open(file, "x", encoding="utf-8", opener=lambda name, flags: os.open(name, flags, 0o600)) as new:
        new.write(text)


def dump(programs: Programs, variables: Mapping[str, str], options: Sequence[str], into: IO[bytes]) -> None:
    """Write a dump in the custom format into an open file. Raises BackupError."""
    words = [programs.path("pg_dump"), SERVICE_ARGUMENT, "--no-password", "--format=custom", *options]
    _run("pg_dump", words, variables, into)


def restored_text(programs: Programs, file: Path, *options: str) -> bytes:
    """What pg_restore makes of a dump, as SQL. Raises BackupError."""
    with tempfile.TemporaryFile() as sql:
        _run("pg_restore", [programs.path("pg_restore"), "--file=-", *options, str(file)], {}, sql)
        sql.seek(0)
        return sql.read()


def _run(name: str, words: Sequence[str], variables: Mapping[str, str], into: IO[bytes]) -> None:
    with WAITS.blocking(Reason.PROGRAM, name):
        done = subprocess.run(  # noqa: S603 – no shell
            words,
            env={**environment(), **variables},
            stdin=subprocess.DEVNULL,
            stdout=into,
            stderr=subprocess.PIPE,
            check=False,
        )
    if done.returncode:
        raise BackupError(f"{name} fails: {_complaint(done.stderr)}")


def restore(programs: Programs, variables: Mapping[str, str], options: Sequence[str], file: Path) -> None:
    """Restore a dump in one transaction: all of it, or nothing. Raises BackupError.

    pg_restore writes a script, and psql runs it. The transaction is committed only after pg_restore has read the whole
    file, so that a damaged one leaves nothing behind.
    """
    reading = [programs.path("pg_restore"), "--file=-", *options, str(file)]
    running = [programs.path("psql"), SERVICE_ARGUMENT, "--no-password", "-X", "-q", "-v", "ON_ERROR_STOP=1"]
    with (
        WAITS.blocking(Reason.PROGRAM, "pg_restore"),
        _started(reading, {}, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE) as (reader, of_reader),
        _started(running, variables, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL) as (psql, of_psql),
    ):
        assert reader.stdout is not None and psql.stdin is not None  # noqa: S101, PT018 – both are pipes
        try:
            _copy_script(reader.stdout, psql.stdin)
            if reader.wait():
                raise BackupError(f"the backup cannot be restored: {_complaint(_read(of_reader))}")
            psql.stdin.write(b"COMMIT;\n")
            psql.stdin.close()
        except BrokenPipeError:
            pass  # psql has ended, and says why
        if psql.wait():
            raise BackupError(f"the backup cannot be restored: {_complaint(_read(of_psql))}")


def _copy_script(script: IO[bytes], into: IO[bytes]) -> None:
    into.write(b"BEGIN READ WRITE;\n")
    for line in script:
        into.write(ONLY_WHERE_IT_EXISTS if line == TRANSACTION_TIMEOUT else line)
        if line.startswith(END_OF_PREAMBLE):
            break
    shutil.copyfileobj(script, into, 1 << 20)


@contextmanager
def _started(
    words: Sequence[str], variables: Mapping[str, str], *, stdin: int, stdout: int
) -> Iterator[tuple["subprocess.Popen[bytes]", IO[bytes]]]:
    """A running program and the file of its complaints. It is killed if it has not ended with the block."""
    with tempfile.TemporaryFile() as complaints:
        process = subprocess.Popen(  # noqa: S603 – no shell
            words, env={**environment(), **variables}, stdin=stdin, stdout=stdout, stderr=complaints
        )
        try:
            yield process, complaints
        finally:
            process.kill()
            for pipe in (process.stdin, process.stdout):
                if pipe:
                    with suppress(BrokenPipeError):
                        pipe.close()
            process.wait()


def _read(complaints: IO[bytes]) -> bytes:
    complaints.seek(0)
    return complaints.read()


def _complaint(said: bytes) -> str:
    """The first error of a program, on one line, without the detail that may quote rows."""
    text = said.decode(errors="replace")
    found = re.search(r"(?:error|ERROR|FATAL): +(.+)", text)
    return (found[1] if found else text.strip().partition("\n")[0]) or "it does not say why"
