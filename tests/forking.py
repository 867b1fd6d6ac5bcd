"""Starts the command quickly, by forking a process that has already imported everything.

Imports take half a second of each start. The forked command is an ordinary process: it has its own process id,
directory, environment, arguments and streams, and receives signals. It runs the module `etl` as
`python -W error -m etl` does, and ends as tests/leaving.py says.

Each process that runs tests starts one server. For each command the server forks a supervisor, which forks the command,
waits for its end and reports the exit code. None of them has a second thread.
"""

import atexit
import gc
import importlib
import io
import json
import os
import pkgutil
import runpy
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from select import select
from selectors import EVENT_READ, DefaultSelector
from typing import IO, Any

from etl.cli.garbage import THRESHOLD
from tests.environment import ROOT, bare_environment
from tests.leaving import leave

STARTUP_VARIABLES = ("PYTHON", "LANG", "LC_", "LD_")
"""Prefixes of variables that a process reads only as it starts: every command has the server's."""

STATUS_BYTES = 4
TIMEOUT_S = 120.0

ALSO_IMPORTED = (
    "alembic.command",
    "alembic.script",
    "cryptography.hazmat.primitives.asymmetric.ed25519",
    "cryptography.hazmat.primitives.asymmetric.padding",
    "cryptography.hazmat.primitives.asymmetric.rsa",
    "cryptography.hazmat.primitives.serialization",
    "procrastinate",
    "prometheus_client",
    "rich.console",
    "rich.progress",
    "sqlalchemy.dialects.postgresql.psycopg",
)
"""What the modules of `etl` import inside functions."""

Preparation = tuple[str, list[Any]]
"""A function as `package.module:name`, and its arguments."""


class Process:
    """A running command, with the attributes and methods of `subprocess.Popen` in text mode.

    stdout and stderr are pipes, or file descriptors of the caller. The process calls `prepare` just before the command
    begins. Raises ValueError for an environment that needs a new interpreter.
    """

    def __init__(
        self,
        arguments: Sequence[str],
        directory: Path,
        environment: Mapping[str, str],
        *,
        stdout: int | None = None,
        stderr: int | None = None,
        prepare: Preparation | None = None,
    ) -> None:
        if odd := {name for name, _ in _startup_variables(environment) ^ _startup_variables(bare_environment(ROOT))}:
            raise ValueError(f"{', '.join(sorted(odd))}: read only at startup; use Command.cold")
        self.args = arguments
        self.returncode: int | None = None
        self.stdout: IO[str] | None
        self.stderr: IO[str] | None
        self.stdout, out = _pipe() if stdout is None else (None, os.dup(stdout))
        self.stderr, err = _pipe() if stderr is None else (None, os.dup(stderr))
        nothing = os.open(os.devnull, os.O_RDONLY)
        self._supervisor, its_end = socket.socketpair()
        socket.send_fds(_server(), [b"\0"], [its_end.fileno(), nothing, out, err])
        for handed_over in (nothing, out, err):
            os.close(handed_over)
        its_end.close()
        self._supervisor.sendall(json.dumps([arguments, str(directory), environment, prepare]).encode())
        self._supervisor.shutdown(socket.SHUT_WR)
        self.pid = self._reported()

    def poll(self) -> int | None:
        """The exit code, or minus the number of the signal that ended it; None while it runs."""
        return self.ends_within(0)

    def ends_within(self, seconds: float | None) -> int | None:
        """As `poll`, but waits up to `seconds` for the end; None waits for ever."""
        if self.returncode is None and select([self._supervisor], [], [], seconds)[0]:
            self.returncode = self._reported()
            self._supervisor.close()
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        if (code := self.ends_within(timeout)) is None:
            raise subprocess.TimeoutExpired(self.args, timeout or 0)
        return code

    def communicate(self, timeout: float | None = None) -> tuple[str, str]:
        """Wait for the end and return the rest of both pipes, which this closes; empty strings the second time."""
        deadline = None if timeout is None else time.monotonic() + timeout
        pipes = [pipe for pipe in (self.stdout, self.stderr) if pipe is not None and not pipe.closed]
        said = dict.fromkeys(pipes, b"")
        with DefaultSelector() as unread:
            for pipe in pipes:
                unread.register(pipe, EVENT_READ, pipe)
            while unread.get_map():
                ready = unread.select(_left(deadline))
                if not ready:
                    raise subprocess.TimeoutExpired(self.args, timeout or 0, *said.values())
                for key, _ in ready:
                    if chunk := os.read(key.fd, 1 << 16):
                        said[key.data] += chunk
                    else:
                        unread.unregister(key.fileobj)
        self.wait(_left(deadline))
        for pipe in pipes:
            pipe.close()
        out, err = (_text(said.get(pipe, b"")) if pipe else "" for pipe in (self.stdout, self.stderr))
        return out, err

    def end(self, within: float = TIMEOUT_S) -> "subprocess.CompletedProcess[str]":
        """Wait for its end. After `within` seconds, kill it and raise TimeoutExpired."""
        try:
            stdout, stderr = self.communicate(within)
        except subprocess.TimeoutExpired:
            self.kill()
            self.communicate()
            raise
        assert self.returncode is not None
        return subprocess.CompletedProcess(self.args, self.returncode, stdout, stderr)

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def _reported(self) -> int:
        said = self._supervisor.recv(STATUS_BYTES, socket.MSG_WAITALL)
        if len(said) < STATUS_BYTES:
            raise RuntimeError("the server that forks commands has ended")
        return int.from_bytes(said, "big", signed=True)


def _startup_variables(environment: Mapping[str, str]) -> set[tuple[str, str]]:
    return {(name, value) for name, value in environment.items() if name.startswith(STARTUP_VARIABLES)}


def _pipe() -> tuple[IO[str], int]:
    """The end to read from, and the descriptor to write to."""
    reading, writing = os.pipe()
    return open(reading, encoding="utf-8"), writing  # noqa: PTH123 – a descriptor; closed by its process


def _left(deadline: float | None) -> float | None:
    return None if deadline is None else max(0, deadline - time.monotonic())


def _text(said: bytes) -> str:
    return said.decode().replace("\r\n", "\n").replace("\r", "\n")


@cache
def _server() -> socket.socket:
    """The socket of this process's server, which ends when the socket is closed."""
    ours, its = socket.socketpair()
    server = subprocess.Popen(
        [sys.executable, "-W", "error", "-m", "tests.forking", str(its.fileno())],
        cwd=ROOT,
        env=bare_environment(ROOT),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        pass_fds=[its.fileno()],
    )
    its.close()

    def end() -> None:
        ours.close()
        server.wait()

    atexit.register(end)
    return ours


def import_everything() -> None:
    """Import every module of the command, and what they import late. Raises AssertionError if that starts a thread."""
    import etl

    found = (module.name for module in pkgutil.walk_packages(etl.__path__, "etl."))
    for name in (*(one for one in found if not one.endswith("__main__")), *ALSO_IMPORTED):
        importlib.import_module(name)
    assert threading.active_count() == 1
    gc.collect()
    gc.freeze()  # otherwise garbage collection in a child copies every page that it visits
    gc.set_threshold(THRESHOLD)  # as in the command's own process


def serve(listening: int) -> None:
    """Fork a supervisor for each request until the socket is closed. Returns in each command as well."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal sends it to all; commands restore it
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nothing waits for supervisors
    with socket.socket(fileno=listening) as requests:
        while True:
            request, descriptors, *_ = socket.recv_fds(requests, 1, 4)
            if not request:
                return
            if os.fork() == 0:
                break
            for descriptor in descriptors:
                os.close(descriptor)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    supervisor, *streams = descriptors
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    with socket.socket(fileno=supervisor) as caller:
        pid = os.fork()
        if pid == 0:
            command = b"".join(iter(lambda: caller.recv(1 << 16), b""))
        else:
            _supervise(pid, caller)
    run(*json.loads(command))


def _supervise(pid: int, caller: socket.socket) -> None:
    """In the supervisor: report the command's process id, and its exit code at the end."""
    null = os.open(os.devnull, os.O_RDWR)
    for number in range(3):
        os.dup2(null, number)
    try:
        caller.sendall(pid.to_bytes(STATUS_BYTES, "big", signed=True))
        _, status = os.waitpid(pid, 0)
        caller.sendall(os.waitstatus_to_exitcode(status).to_bytes(STATUS_BYTES, "big", signed=True))
    finally:
        os._exit(0)


def run(arguments: list[str], directory: str, environment: dict[str, str], prepare: Preparation | None) -> None:
    """In the command: do what `python -m etl` does."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.chdir(directory)
    os.environ.clear()
    os.environ.update(environment)
    time.tzset()
    _open_streams()
    sys.path[0] = directory
    sys.argv[1:] = arguments
    try:
        if prepare is not None:
            name, values = prepare
            pkgutil.resolve_name(name)(*values)
        runpy.run_module("etl", run_name="__main__", alter_sys=True)
    except SystemExit as ended:
        if isinstance(ended.code, int):
            leave(ended.code)
        raise


def _open_streams() -> None:
    """As a new interpreter does: those of the server remember that its own could seek."""
    for number, (name, mode) in enumerate({"stdin": "r", "stdout": "w", "stderr": "w"}.items()):
        before = getattr(sys, name)
        stream = os.fdopen(number, mode, encoding=before.encoding, errors=before.errors, closefd=False)
        assert isinstance(stream, io.TextIOWrapper)
        stream.reconfigure(line_buffering=before.line_buffering)
        setattr(sys, name, stream)


if __name__ == "__main__":
    import_everything()
    serve(int(sys.argv[1]))
