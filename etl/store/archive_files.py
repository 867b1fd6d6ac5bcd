"""The table `archive_files`: every file of past orders that was asked for or imported, and what became of it."""

from collections.abc import Collection, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection, func, insert, select, text, update
from sqlalchemy.dialects.postgresql import Range

from etl.core.archive.plan import FileState
from etl.core.timeline import Window, to_datetime, to_millis
from etl.store.ranges import millis
from etl.store.schema import archive_files


class ArchiveFile(NamedTuple):
    """A row of the table. Instants are epoch milliseconds."""

    id: int
    account: str
    market: str
    span: Window
    state: FileState
    format: str | None
    download_id: str | None
    requested_at: int | None
    expires_at: int | None
    sha256: str | None
    rows: int | None
    forced_orders: int | None
    error: str | None


class Imported(NamedTuple):
    """What a file held, when its orders are stored."""

    format: str
    uid: str
    sha256: str
    bytes: int
    rows: int
    forced_orders: int


def read(connection: Connection, accounts: Collection[str] = (), market: str | None = None) -> list[ArchiveFile]:
    """The files of these accounts, or of all, oldest span first."""
    own = archive_files.c
    query = select(archive_files).order_by(own.account, own.market, func.lower(own.span), own.id)
    if accounts:
        query = query.where(own.account.in_(accounts))
    if market is not None:
        query = query.where(own.market == market)
    return [_file(row) for row in connection.execute(query)]


def imported_before(connection: Connection, account: str, market: str, sha256: str) -> int | None:
    """The file of the same bytes that was imported for an account in a market."""
    own = archive_files.c
    of_scope = (own.account == account, own.market == market, own.sha256 == sha256)
    found: int | None = connection.scalar(
        select(func.min(own.id)).where(*of_scope, own.state == FileState.IMPORTED.value)
    )
    return found


def owner_of(connection: Connection, account: str, uid: str) -> str | None:
    """The account whose files have this number, another one first; None: no imported file has it."""
    own = archive_files.c
    query = select(own.account).where(own.uid == uid).order_by(own.account == account, own.id).limit(1)
    found: str | None = connection.scalar(query)
    return found


def uid_of(connection: Connection, account: str) -> str | None:
    """The exchange's number of the account in the files that were imported for it. None: none was."""
    own = archive_files.c
    found: str | None = connection.scalar(
        select(own.uid).where(own.account == account, own.uid.is_not(None)).order_by(own.id).limit(1)
    )
    return found


def add(connection: Connection, account: str, market: str, run_id: int, spans: Sequence[Window]) -> None:
    """Plan files of these spans."""
    rows = [
        {"account": account, "market": market, "run_id": run_id, "span": _range(span), "state": FileState.PLANNED.value}
        for span in spans
    ]
    if rows:
        connection.execute(insert(archive_files), rows)


def add_imported(
    connection: Connection, account: str, market: str, run_id: int, span: Window, imported: Imported
) -> int:
    """Add a file that was brought by hand; returns its id."""
    values = {"account": account, "market": market, "run_id": run_id, "span": _range(span)}
    done = {"state": FileState.IMPORTED.value, "imported_at": func.now(), **imported._asdict()}
    row = connection.execute(insert(archive_files).values(**values, **done).returning(archive_files.c.id))
    return int(row.scalar_one())


def finish(connection: Connection, file_id: int, run_id: int, imported: Imported) -> None:
    """The orders of a file that was asked for are stored."""
    _change(
        connection,
        file_id,
        run_id,
        state=FileState.IMPORTED.value,
        imported_at=func.now(),
        error=None,
        **imported._asdict(),
    )


def note_error(connection: Connection, file_id: int, run_id: int, error: str) -> None:
    """What an imported file contradicts."""
    _change(connection, file_id, run_id, error=error)


def hold(connection: Connection) -> None:
    """Until the transaction ends no other run requests a file, so that none exceeds the quota or the minute."""
    connection.execute(text("LOCK TABLE archive_files IN SHARE ROW EXCLUSIVE MODE"))


def requests(connection: Connection, account: str | None = None, market: str | None = None) -> list[int]:
    """When files were asked for: of an account in a market, or of all. Epoch milliseconds."""
    own = archive_files.c
    query = select(own.requested_at).where(own.requested_at.is_not(None))
    if account is not None:
        query = query.where(own.account == account, own.market == market)
    return [to_millis(moment) for moment in connection.scalars(query)]


def requested(connection: Connection, file_id: int, run_id: int, at: int) -> None:
    """It is about to be asked for, at an instant of the exchange's clock."""
    _change(connection, file_id, run_id, state=FileState.REQUESTED.value, requested_at=to_datetime(at), error=None)


def not_sent(connection: Connection, file_id: int, run_id: int, error: str) -> None:
    """The request did not leave, or was refused before it counted: it may be sent again."""
    _change(connection, file_id, run_id, state=FileState.PLANNED.value, requested_at=None, error=error)


def accepted(connection: Connection, file_id: int, run_id: int, download_id: str) -> None:
    _change(connection, file_id, run_id, state=FileState.PROCESSING.value, download_id=download_id)


def completed(connection: Connection, file_id: int, run_id: int, expires_at: int | None) -> None:
    expires = None if expires_at is None else to_datetime(expires_at)
    _change(connection, file_id, run_id, state=FileState.COMPLETED.value, expires_at=expires)


def downloaded(connection: Connection, file_id: int, run_id: int, sha256: str, size: int) -> None:
    _change(connection, file_id, run_id, state=FileState.DOWNLOADED.value, sha256=sha256, bytes=size)


def ended(connection: Connection, file_id: int, run_id: int, state: FileState, error: str) -> None:
    """It expired or failed."""
    _change(connection, file_id, run_id, state=state.value, error=error)


def _change(connection: Connection, file_id: int, run_id: int, **values: Any) -> None:
    connection.execute(update(archive_files).where(archive_files.c.id == file_id).values(run_id=run_id, **values))


def _range(span: Window) -> Range[Any]:
    return Range(to_datetime(span.start), to_datetime(span.end))


def _file(row: Any) -> ArchiveFile:
    return ArchiveFile(
        row.id,
        row.account,
        row.market,
        Window(to_millis(row.span.lower), to_millis(row.span.upper)),
        FileState(row.state),
        row.format,
        row.download_id,
        millis(row.requested_at),
        millis(row.expires_at),
        row.sha256,
        row.rows,
        row.forced_orders,
        row.error,
    )
