"""A cooldown's deadline in a file of the data directory: it holds also where the database is down when it is demanded.

The file has the deadline by this machine's wall clock, and when that was written. File and database are both read, and
the later deadline counts. A data directory may serve several exchanges, such as a test host: each has its own file.
"""

import hashlib
import json
import os
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from tempfile import mkstemp
from typing import NamedTuple
from urllib.parse import quote

from etl.core.egress import LONGEST_BAN, Egress, Taken
from etl.core.timeline import SECOND
from etl.file_access import make_data_directory
from etl.logs import logger

LONGEST_NAME = 100
"""Characters of host and egress in the name of a file; where they have more, it has their digest."""

_log = logger(__name__)


def wall_clock() -> int:
    """This machine's clock, epoch milliseconds."""
    return time.time_ns() // 1_000_000


class Deadline(NamedTuple):
    """A cooldown as it is written: both instants are epoch milliseconds of this machine's wall clock."""

    until: int
    written_at: int
    reason: str

    def left(self, now: int) -> int:
        """Milliseconds that it still lasts, 0 if it is over; never more than its length, however the clock was set."""
        return max(0, min(self.until - now, self.until - self.written_at))

    def moved_to(self, now: int) -> "Deadline":
        """The same with what is left of it, written at `now`."""
        return Deadline(now + self.left(now), now, self.reason)


class CooldownFile:
    """The file of one egress at one host, mode 600, replaced as a whole.

    A file that cannot be read or written is warned of once, and otherwise ignored: the database keeps the cooldown too.

    Where two processes write at the same time, one of their deadlines stays: the exchange gave both the same.
    """

    def __init__(self, directory: Path, host: str, egress: str, clock: Callable[[], int] = wall_clock) -> None:
        name = f"{quote(host, safe='')}-{quote(egress, safe='')}"
        name = name if len(name) <= LONGEST_NAME else hashlib.sha256(name.encode()).hexdigest()
        self.path = directory / f"cooldown-{name}.json"
        self._clock = clock
        self._seen: tuple[int, int, int] | None = None
        self._deadline: Deadline | None = None
        self._has_warned = False

    def running(self) -> Deadline | None:
        """The cooldown that lasts now, if there is one. Reads the file again only if it has changed."""
        now, deadline = self._clock(), self._read()
        if deadline is None or not deadline.left(now):
            return None
        if now < deadline.written_at - SECOND:  # the clock was set back: from here on its length counts, once
            self._deadline = deadline = deadline.moved_to(now)
            self._write(deadline)
        return deadline

    def start(self, milliseconds: int, reason: str) -> None:
        """Write a cooldown that begins now, unless a longer one lasts already. Never raises OSError."""
        now, running = self._clock(), self.running()
        if running is None or running.left(now) < milliseconds:
            self._write(Deadline(now + milliseconds, now, reason))

    def left(self) -> int:
        """Milliseconds that the cooldown still lasts; 0: there is none."""
        running = self.running()
        return running.left(self._clock()) if running else 0

    def _read(self) -> Deadline | None:
        try:
            found = self.path.stat()
            version = (found.st_mtime_ns, found.st_ino, found.st_size)
            if version != self._seen:
                self._seen, self._deadline = version, None
                self._deadline = _parsed(self.path.read_bytes())
        except FileNotFoundError:
            self._seen = self._deadline = None
        except (OSError, ValueError) as error:
            self._warn("read and is ignored", error)
        return self._deadline

    def _write(self, deadline: Deadline) -> None:
        try:
            make_data_directory(self.path.parent)
            descriptor, temporary = mkstemp(dir=self.path.parent, prefix=".cooldown-")  # mode 600
            try:
                with open(descriptor, "w", encoding="utf-8") as file:  # noqa: PTH123 - a descriptor
                    json.dump(deadline._asdict(), file)
                    file.flush()
                    os.fsync(file.fileno())
                Path(temporary).replace(self.path)
            except BaseException:
                with suppress(OSError):
                    Path(temporary).unlink()
                raise
        except OSError as error:
            self._warn("written, so only the database keeps the cooldown", error)

    def _warn(self, what: str, error: Exception) -> None:
        if not self._has_warned:
            self._has_warned = True
            reason = error.strerror if isinstance(error, OSError) else "it is not what this program writes"
            _log.warning("the file %s cannot be %s: %s", self.path, what, reason)


def _parsed(content: bytes) -> Deadline:
    """Raises ValueError for anything but what `_write` writes."""
    try:
        found = Deadline(**json.loads(content))
    except (TypeError, RecursionError):
        raise ValueError from None
    is_ours = type(found.until) is type(found.written_at) is int and isinstance(found.reason, str)
    if not is_ours or found.until - found.written_at > LONGEST_BAN:
        raise ValueError
    return found


class RememberingEgress:
    """An `Egress` whose cooldowns go to a file too, before anything else can fail."""

    def __init__(self, egress: Egress, file: CooldownFile) -> None:
        self._egress = egress
        self._file = file

    def take(self, weight: int, now: int, room: int) -> Taken:
        """During the file's cooldown nothing is granted; one that the others do not know of is told to them."""
        running, left = self._file.running(), self._file.left()
        if running is None or not left:
            return self._egress.take(weight, now, room)
        known = self._egress.take(0, now, 0)
        if left > known.cooldown + SECOND:
            self._egress.start_cooldown(left, running.reason)
        return Taken(False, known.spent, max(left, known.cooldown))

    def start_cooldown(self, milliseconds: int, reason: str) -> None:
        self._file.start(milliseconds, reason)
        self._egress.start_cooldown(milliseconds, reason)
