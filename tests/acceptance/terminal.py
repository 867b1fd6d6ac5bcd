"""The command under a pseudo-terminal, as a person sees it."""

import fcntl
import os
import re
import struct
import subprocess
import termios
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from select import select

from tests.command import Command

COLUMNS, LINES = 80, 24
PATIENCE_S = 20

_STEERING = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


@dataclass
class Terminal:
    """One that a process writes to."""

    process: "subprocess.Popen[bytes]"
    reading: int
    written: str = ""

    def read(self) -> bool:
        """Take what is there now, or wait a moment for it; False after the end."""
        if not select([self.reading], [], [], 0.1)[0]:
            return True
        some = b""
        with suppress(OSError):  # so Linux tells that nobody writes any more
            some = os.read(self.reading, 1 << 16)
        self.written += some.decode(errors="replace")
        return bool(some)

    def type(self, keys: str) -> None:
        """As a person at the keyboard does."""
        os.write(self.reading, keys.encode())

    def read_until(self, pattern: str) -> str:
        """Everything up to the first line that matches; that line."""
        deadline = time.monotonic() + PATIENCE_S
        while True:
            assert time.monotonic() < deadline, f"no {pattern!r} in:\n{self.written}"
            if found := [line for line in self.lines() if re.search(pattern, line)]:
                return found[0]
            assert self.read(), f"it ended without {pattern!r}:\n{self.written}"

    def read_all(self) -> int:
        """Everything to the end; the exit code."""
        while self.read():
            pass
        return self.process.wait(30)

    def lines(self) -> list[str]:
        """Whatever stood in a line at any time, without colours."""
        return [line.rstrip() for line in re.split(r"[\r\n]+", _STEERING.sub("", self.written))]


@contextmanager
def on_a_terminal(command: Command, *arguments: str, columns: int = COLUMNS, **environment: str) -> Iterator[Terminal]:
    """The command, which ends with the block at the latest."""
    reading, writing = os.openpty()
    fcntl.ioctl(writing, termios.TIOCSWINSZ, struct.pack("HHHH", LINES, columns, 0, 0))
    process = subprocess.Popen(
        command.words(*arguments),
        cwd=command.directory,
        env=command.environment | {"TERM": "xterm-256color"} | environment,
        stdin=writing,
        stdout=writing,
        stderr=writing,
        start_new_session=True,
    )
    os.close(writing)
    try:
        yield Terminal(process, reading)
    finally:
        process.kill()
        process.wait()
        os.close(reading)
