"""The command as a process that is up at once: forked from one that has imported everything and done nothing else.

Half a second of every start goes into imports. What is forked is a process like any other: it has a number, signals
reach it, and its directory, environment, arguments and streams are its own. It runs the module `etl` as
`python -W error -m etl` does, from there to the interpreter's shutdown.

A server, one for each process that runs tests, forks a keeper for every command; the keeper forks the command, waits
for its end and reports it. None of them has a second thread.
"""

import atexit
import gc
import importlib
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

from tests.environment import ROOT, bare_environment

READ_AT_THE_START = ("PYTHON", "LANG", "LC_", "LD_")
"""How variables begin that count while a process starts and never again: those of the server hold for every command."""

STATUS_BYTES = 4
LONGEST_S = 120.0

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
"""What the modules of `etl` import inside of functions."""

Preparation = tuple[str, list[Any]]
"""A function as `package.module:name` and its arguments."""


class Process:
    """A command under way, its attributes and methods those of `subprocess.Popen` in text mode.

    stdout and stderr are pipes, or file descriptors of the caller's. `prepare` is called in the process just before the
    command begins. Raises ValueError for an environment with which only a real start can be tried.
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
        if odd := {name for name, _ in _read_at_the_start(environment) ^ _read_at_the_start(bare_environment(ROOT))}:
            raise ValueError(f"{', '.join(sorted(odd))}: this is read as a process starts: use Command.cold")
        self.args = arguments
        self.returncode: int | None = None
        self.stdout: IO[str] | None
        self.stderr: IO[str] | None
        self.stdout, out = _pipe() if stdout is None else (None, os.dup(stdout))
        self.stderr, err = _pipe() if stderr is None else (None, os.dup(stderr))
        nothing = os.open(os.devnull, os.O_RDONLY)
        self._keeper, its_end = socket.socketpair()
        socket.send_fds(_server(), [b"\0"], [its_end.fileno(), nothing, out, err])
        for handed_over in (nothing, out, err):
            os.close(handed_over)
        its_end.close()
        self._keeper.sendall(json.dumps([arguments, str(directory), environment, prepare]).encode())
        self._keeper.shutdown(socket.SHUT_WR)
        self.pid = self._reported()

    def poll(self) -> int | None:
        """The exit code, minus the number of the signal that ended it; None while it runs."""
        return self.ends_within(0)

    def ends_within(self, seconds: float | None) -> int | None:
        """As `poll`, after so many seconds at the latest."""
        if self.returncode is None and select([self._keeper], [], [], seconds)[0]:
            self.returncode = self._reported()
            self._keeper.close()
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        if (code := self.ends_within(timeout)) is None:
            raise subprocess.TimeoutExpired(self.args, timeout or 0)
        return code

    def communicate(self, timeout: float | None = None) -> tuple[str, str]:
        """What is left to read of both pipes, once the process has ended; closes them. A second time it is nothing."""
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

    def end(self, within: float = LONGEST_S) -> "subprocess.CompletedProcess[str]":
        """Wait for its end. Raises TimeoutExpired where it does not come, and ends it."""
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
        said = self._keeper.recv(STATUS_BYTES, socket.MSG_WAITALL)
        if len(said) < STATUS_BYTES:
            raise RuntimeError("the process that commands are forked from is gone")
        return int.from_bytes(said, "big", signed=True)


def _read_at_the_start(environment: Mapping[str, str]) -> set[tuple[str, str]]:
    return {(name, value) for name, value in environment.items() if name.startswith(READ_AT_THE_START)}


def _pipe() -> tuple[IO[str], int]:
    """The end to read from, and the descriptor of the other one."""
    reading, writing = os.pipe()
    return open(reading, encoding="utf-8"), writing  # noqa: PTH123 – a descriptor; closed by its process


def _left(deadline: float | None) -> float | None:
    return None if deadline is None else max(0, deadline - time.monotonic())


def _text(said: bytes) -> str:
    return said.decode().replace("\r\n", "\n").replace("\r", "\n")


@cache
def _server() -> socket.socket:
    """The socket that a server listens to, which ends with it."""
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
    """Every module of the command, and what those import late. Raises AssertionError where that starts a thread."""
    import etl

    found = (module.name for module in pkgutil.walk_packages(etl.__path__, "etl."))
    for name in (*(one for one in found if not one.endswith("__main__")), *ALSO_IMPORTED):
        importlib.import_module(name)
    assert threading.active_count() == 1
    gc.collect()
    gc.freeze()  # else every child copies what its garbage collection looks at


def serve(listening: int) -> None:
    """Fork a keeper for every command that is asked for, until nobody is left to ask. Returns in a command as well."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal sends it to all; what is forked minds it
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for keepers
    with socket.socket(fileno=listening) as requests:
        while True:
            asked, handed, *_ = socket.recv_fds(requests, 1, 4)
            if not asked:
                return
            if os.fork() == 0:
                break
            for one in handed:
                os.close(one)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    keeper, *streams = handed
    for number, one in enumerate(streams):
        os.dup2(one, number)
        os.close(one)
    with socket.socket(fileno=keeper) as caller:
        pid = os.fork()
        if pid == 0:
            request = b"".join(iter(lambda: caller.recv(1 << 16), b""))
        else:
            _keep(pid, caller)
    run(*json.loads(request))


def _keep(pid: int, caller: socket.socket) -> None:
    """In the keeper: tell the number of the command, and how it ended."""
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
    """In the command: what `python -m etl` does there."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.chdir(directory)
    os.environ.clear()
    os.environ.update(environment)
    time.tzset()
    sys.path[0] = directory
    sys.argv[1:] = arguments
    if prepare is not None:
        name, values = prepare
        pkgutil.resolve_name(name)(*values)
    runpy.run_module("etl", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    import_everything()
    serve(int(sys.argv[1]))
