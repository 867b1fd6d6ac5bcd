"""Writes the files of an export, and what is said of each beside it."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

from sqlalchemy import Connection

from etl.core.completeness import Verdict
from etl.errors import OutputError
from etl.reporting.export.check import Calendar
from etl.reporting.export.content import Chunk, Content
from etl.reporting.export.orders import CHUNK_ROWS, changed_partitions, read_orders, read_partitions
from etl.reporting.export.partitions import FILE_STEM, Partition, by_partition, left_alone, left_alone_line
from etl.reporting.export.provenance import Provenance
from etl.reporting.export.request import ExportRequest
from etl.reporting.export.writing import Written, write_orders
from etl.reporting.files import atomic_write

Opener = Callable[[], AbstractContextManager[BinaryIO]]
"""Opens the output of an export without partitions."""


@dataclass(frozen=True)
class Files:
    """The files of an export, all from one snapshot."""

    connection: Connection
    request: ExportRequest
    calendar: Calendar | None
    program: str
    """Name and version."""
    schema: str
    """The revision of the database."""
    made_at: int
    """Epoch milliseconds."""

    def write_one(self, open_out: Opener) -> tuple[list[Written], list[str]]:
        """One file; returns it, and nothing to say."""
        request = self.request
        verdict = self.calendar.verdict(request.span) if self.calendar else None
        said = self._provenance(verdict, is_closed=request.chosen.until is not None)
        chunks = read_orders(self.connection, request.chosen, request.columns)
        written = Written()  # as it is for a reader of stdout who has left
        with open_out() as out:
            written = write_orders(Content(request.columns, chunks, said.inside()), request.file.encode, out)
        path = Path(request.out)
        self._write_beside(path.with_name(f"{path.name}.json"), path.name, said, written)
        return [written], []

    def write_each(self, partition: Partition) -> tuple[list[Written], list[str]]:
        """A file for each partition that has orders or, of changes, had some; returns them, and what to say."""
        chosen, directory = self.request.chosen, Path(self.request.out)
        begins = None if chosen.changed_since is None else changed_partitions(self.connection, chosen, partition)
        chunks = read_partitions(self.connection, chosen, self.request.columns, partition, begins)
        written: dict[str, Written] = {}
        with _output_errors(directory):
            if begins is None or begins:
                directory.mkdir(exist_ok=True)
            for begin, own in by_partition(chunks, partition, CHUNK_ROWS):
                written[partition.directory(begin)] = self._write_partition(directory, partition, begin, own)
            for begin in begins or ():
                if (name := partition.directory(begin)) not in written:
                    written[name] = self._write_partition(directory, partition, begin, ())
            found = [one.parent.name for one in directory.glob(f"{partition}=*/{self._file_name()}")]
        stay = left_alone(found, written, partition, self.request.span) if begins is None else []
        return [*written.values()], [left_alone_line(self.request.out, stay)] if stay else []

    def _write_partition(
        self, directory: Path, partition: Partition, begin: datetime, chunks: Iterable[Chunk]
    ) -> Written:
        request, window = self.request, partition.window(begin)
        is_closed = window.end <= request.span.end
        until = window.end if is_closed else None
        chosen = replace(request.chosen, since=window.start, until=until, changed_since=None)
        own = replace(self, request=replace(request, chosen=chosen))
        verdict = self.calendar.verdict(window) if self.calendar else None
        said = own._provenance(verdict, is_closed=is_closed)
        home = directory / partition.directory(begin)
        home.mkdir(exist_ok=True)
        path = home / self._file_name()
        try:
            with atomic_write(path) as out:
                written = write_orders(Content(request.columns, chunks, said.inside()), request.file.encode, out)
        except BaseException:
            with suppress(OSError):
                home.rmdir()  # which leaves alone what has a file
            raise
        # What begins with _ is no data to the readers of a lake.
        own._write_beside(home / f"_{path.name}.json", path.name, said, written)
        return written

    def _file_name(self) -> str:
        return f"{FILE_STEM}.{self.request.file.name}"

    def _provenance(self, verdict: Verdict | None, *, is_closed: bool) -> Provenance:
        completeness = verdict.line if verdict else None
        chosen, columns = self.request.chosen, self.request.columns
        return Provenance(self.program, self.schema, chosen, columns, completeness, is_closed)

    def _write_beside(self, path: Path, file: str, said: Provenance, written: Written) -> None:
        if self.request.with_provenance:
            with atomic_write(path) as out:
                out.write(said.beside(file, self.request.file.name, written, self.made_at).encode())


@contextmanager
def _output_errors(directory: Path) -> Iterator[None]:
    """The errors of the directory as OutputError."""
    try:
        yield
    except OSError as error:
        raise OutputError(f"{directory} cannot be written: {error.strerror}") from None
