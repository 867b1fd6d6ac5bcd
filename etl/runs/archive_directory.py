"""The directory of downloaded archive files: this user's alone, and the exchange's answers that took quota."""

import os
import re
from contextlib import suppress
from pathlib import Path

from etl.errors import ConfigError
from etl.runs.archive_content import original_of
from etl.store.archive_files import ArchiveFile

_ENDINGS = {b"PK": ".zip", b"\x1f\x8b": ".csv.gz"}

_DIGITS = 12
"""Of a file's SHA-256 in its name."""


class ArchiveDirectory:
    """Keeps the bytes of each file as received, under the number of its row in `archive_files` and its own digest.

    The number alone names no file: a database that was restored counts from its own last. No file is ever removed here.

    An answer that names a file took quota, and must not be lost with the database's connection: it is written here
    before the database is told.
    """

    def __init__(self, data_dir: Path) -> None:
        self._path = data_dir / "archive"

    def make(self) -> None:
        """Raises ConfigError where it cannot be made, before any request."""
        try:
            self._path.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._path.chmod(0o700)
            if not os.access(self._path, os.W_OK | os.X_OK):
                raise PermissionError(None, "this user may not write to it")
        except OSError as error:
            raise ConfigError(f"the downloaded files cannot be stored in {self._path}: {error.strerror}") from None

    def partial(self, file: ArchiveFile) -> Path:
        """Where a file is written while it is downloaded."""
        return self._path / f".{file.id:06}.part"

    def keep(self, file: ArchiveFile) -> Path:
        """A download is whole: give it its name, for good."""
        partial = self.partial(file)
        with partial.open("rb") as content:
            ending = _ENDINGS.get(content.read(2), ".csv")
        digest = original_of(partial).sha256
        name = re.sub(r"[^\w.-]+", "_", f"{file.account}-{file.market}", flags=re.ASCII)
        target = self._path / f"{file.id:06}-{name}-{digest[:_DIGITS]}{ending}"
        partial.replace(target)
        for note in self._path.glob(f".{file.id:06}-*.id"):
            note.unlink()
        self._sync()
        return target

    def find(self, file: ArchiveFile) -> Path | None:
        """The file that was downloaded; None: not here."""
        if file.sha256 is None:
            return None
        return next(iter(sorted(self._path.glob(f"{file.id:06}-*-{file.sha256[:_DIGITS]}.*"))), None)

    def note_download_id(self, file: ArchiveFile, download_id: str) -> None:
        note = self._note(file)
        descriptor = os.open(note, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as content:
            content.write(f"{download_id}\n")
            content.flush()
            os.fsync(content.fileno())
        self._sync()

    def noted_download_id(self, file: ArchiveFile) -> str | None:
        with suppress(OSError, ValueError):
            return self._note(file).read_text().strip() or None
        return None

    def forget_note(self, file: ArchiveFile) -> None:
        """The database knows it."""
        self._note(file).unlink(missing_ok=True)

    def _note(self, file: ArchiveFile) -> Path:
        return self._path / f".{file.id:06}-{file.requested_at or 0}.id"

    def _sync(self) -> None:
        descriptor = os.open(self._path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
