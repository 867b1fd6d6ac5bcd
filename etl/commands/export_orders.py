"""`export`: writes orders to a file or to partitions, and remembers how far it came."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

from sqlalchemy import Connection

from etl.core.completeness import Verdict
from etl.errors import ConfigError, OutputError
from etl.exchange.clock import local_now
from etl.reporting.export.check import Calendar, check_export, read_calendar
from etl.reporting.export.content import Chunk, Content
from etl.reporting.export.formats import EXCEL
from etl.reporting.export.orders import (
    CHUNK_ROWS,
    begin_snapshot,
    changed_partitions,
    count_orders,
    read_orders,
    read_partitions,
)
from etl.reporting.export.partitions import FILE_STEM, Partition, by_partition, left_alone, left_alone_line
from etl.reporting.export.provenance import Provenance
from etl.reporting.export.request import ExportRequest, check_selection
from etl.reporting.export.writing import Written, write_orders
from etl.reporting.export.xlsx import too_many
from etl.reporting.files import atomic_write
from etl.reporting.queries import select_accounts
from etl.store import migrate
from etl.store.export_marks import (
    ExportMark,
    SafeUntil,
    check_marks_writable,
    read_mark,
    safe_until,
    write_mark,
)

Opener = Callable[[], AbstractContextManager[BinaryIO]]
"""Opens the output of an export without partitions."""


@dataclass(frozen=True)
class Exported:
    """What was written, and what to say about it."""

    orders: int
    partitions: int | None
    """None: it is one file."""
    changed_since: int | None
    doubted: int
    """The days that may lack an order because a row could not be read."""
    verdict: Verdict | None
    notes: tuple[str, ...]


def export_orders(connection: Connection, request: ExportRequest, open_out: Opener, program: str) -> Exported:
    """Write the orders, whole or not at all; then, under the name of `request.mark`, how far the export came.

    Raises ConfigError for orders that nobody ever asked for, OutputError and StoreError. A mark that was there stays if
    anything fails.
    """
    if request.chosen.accounts:
        select_accounts(connection, request.chosen.accounts)
    mark, reached = _read_mark(connection, request)
    if mark is not None:
        request = replace(request, chosen=replace(request.chosen, changed_since=mark.changed_until))
    doubted = check_export(connection, request.chosen, request.span)
    # Before the orders: what is proven now is stored now.
    calendar = read_calendar(connection, request.chosen, request.span)
    schema = migrate.current(connection) or ""
    begin_snapshot(connection)
    _check_size(connection, request)
    files = _Files(connection, request, calendar, f"force-orders-etl {program}", schema)
    written, notes = files.write_one(open_out) if request.partition is None else files.write_each(request.partition)
    connection.rollback()
    orders = sum(one.orders for one in written)
    if reached is not None and request.mark is not None:
        notes += _remember(connection, request, mark, reached, orders)
    return Exported(
        orders=orders,
        partitions=None if request.partition is None else len(written),
        changed_since=request.chosen.changed_since,
        doubted=doubted,
        verdict=calendar.verdict(request.span) if calendar else None,
        notes=tuple(notes),
    )


def _read_mark(connection: Connection, request: ExportRequest) -> tuple[ExportMark | None, SafeUntil | None]:
    """How far the export came before, and how far it comes now; the latter before anything is read."""
    if request.mark is None:
        return None, None
    check_marks_writable(connection)
    mark = read_mark(connection, request.mark)
    if mark is not None:
        check_selection(request, mark.selection)
    return mark, safe_until(connection)


def _remember(
    connection: Connection, request: ExportRequest, before: ExportMark | None, reached: SafeUntil, orders: int
) -> list[str]:
    """Write the mark; returns what to say about it."""
    notes = [] if before else [f"no export was called {request.mark!r} before: these are all orders"]
    until = reached.instant
    if until is None:
        until = before.changed_until if before else 0
        notes.append(
            f"{reached.session} may write orders and has begun nobody can see when: the next export of the name "
            "delivers these changes again"
        )
    write_mark(connection, str(request.mark), ExportMark(until, request.selection()), request.out, orders)
    return notes


def _check_size(connection: Connection, request: ExportRequest) -> None:
    """Raise ConfigError if the orders do not fit into the format."""
    if request.file.name != EXCEL:
        return
    chosen = replace(request.chosen, changed_since=None) if request.partition else request.chosen
    if fault := too_many(count_orders(connection, chosen, request.partition)):
        raise ConfigError(fault)


@dataclass(frozen=True)
class _Files:
    """The files of an export, all from one snapshot."""

    connection: Connection
    request: ExportRequest
    calendar: Calendar | None
    program: str
    schema: str

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
                out.write(said.beside(file, self.request.file.name, written, local_now()).encode())


@contextmanager
def _output_errors(directory: Path) -> Iterator[None]:
    """The errors of the directory as OutputError."""
    try:
        yield
    except OSError as error:
        raise OutputError(f"{directory} cannot be written: {error.strerror}") from None
