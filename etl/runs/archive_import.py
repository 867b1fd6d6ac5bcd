"""Stores the orders of one archive file in one transaction, and holds them against what the API said of that time."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import tzinfo
from pathlib import Path

from sqlalchemy import Connection
from sqlalchemy.exc import DataError

from etl.core.archive.comparison import Comparison, compare
from etl.core.archive.formats import NoOrdersError
from etl.core.archive.plan import BLUR, archived_by
from etl.core.archive.reading import ArchiveContent, check_span, read_file
from etl.core.markets import market_named
from etl.core.orders import Key
from etl.core.planning import OPENED
from etl.core.timeline import HOUR, SECOND, Window, clip, iso, to_millis, window_or_none
from etl.core.wallets import Wallet
from etl.errors import ArchiveError, EmptyArchiveError
from etl.exchange.clock import local_now
from etl.runs.archive_content import Original, opened, original_of
from etl.store import archive_files, archived_orders, archived_time, coverage, orders, seals
from etl.store.archive_files import Imported
from etl.store.orders import Tally

_OF_COINM = re.compile(r".+USD_(PERP|[0-9]{6})")


@dataclass
class ImportResult:
    """What came of one file."""

    name: str
    wallet: Wallet
    content: ArchiveContent
    archived: Sequence[Window] = ()
    """What the file covers of the time that nothing proves."""
    tally: Tally = field(default_factory=Tally)
    of_api: int = 0
    """Orders of the file that stay as the API gave them."""
    comparison: Comparison = field(default_factory=Comparison)
    same_as: int | None = None
    """The file of the same bytes that was imported before; then nothing was done."""


@dataclass(frozen=True)
class AskedFile:
    """A file that the exchange was asked for, and its span."""

    id: int
    span: Window


def import_file(
    connection: Connection,
    wallet: Wallet,
    run_id: int,
    path: Path,
    zone: tzinfo | None = None,
    asked: AskedFile | None = None,
) -> ImportResult:
    """Store what a file holds; the caller commits. Raises ArchiveError for whatever is wrong with the file.

    `zone`: of a file whose times are local. `asked`: the request that the file answers; of a file brought by hand only
    the time between its own rows is bounded.
    """
    original = original_of(path)
    try:
        content = _read(path, wallet, zone, asked, archived_orders.keys_of_api(connection, *wallet))
    except ValueError as error:
        refuse = EmptyArchiveError if isinstance(error, NoOrdersError) else ArchiveError
        raise refuse(f"{path.name}: {error}; nothing of it was stored") from None
    result = ImportResult(path.name, wallet, content)
    result.same_as = archive_files.imported_before(connection, *wallet, original.sha256)
    if result.same_as is not None and asked is None:
        return result
    _refuse_other_account(connection, wallet, path, content)
    _store(connection, run_id, result, original, asked)
    return result


def _read(path: Path, wallet: Wallet, zone: tzinfo | None, asked: AskedFile | None, known: set[Key]) -> ArchiveContent:
    with opened(path) as (lines, is_whole):
        content = read_file(lines, zone, known, is_whole=is_whole or asked is not None)
    if asked is not None:
        check_span(content, asked.span)
    ever = Window(OPENED, local_now() + HOUR)
    check_span(content, ever, "that an order can be of")
    if content.updated is not None and not ever.contains(content.updated):
        raise ValueError(f"an update of {iso(content.updated)} lies outside {ever}, that it can be of")
    is_coinm = market_named(wallet.market).clock.api.name == "dapi"
    for symbol in sorted(content.symbols):
        if bool(_OF_COINM.fullmatch(symbol)) != is_coinm:
            kind = "COIN-M" if not is_coinm else "USDⓈ-M"
            raise ValueError(f"{symbol} is a symbol of {kind} futures, and --market is {wallet.market}")
    return content


def _refuse_other_account(connection: Connection, wallet: Wallet, path: Path, content: ArchiveContent) -> None:
    known, owner = (
        archive_files.uid_of(connection, wallet.account),
        archive_files.owner_of(connection, wallet.account, content.uid),
    )
    if known not in (None, content.uid) or owner not in (None, wallet.account):
        whose = f"of account {owner}" if owner not in (None, wallet.account) else "of another account"
        raise ArchiveError(
            f"{path.name}: its Uid is {whose}, by the files that were imported before; nothing of it was stored"
        )


def _store(
    connection: Connection, run_id: int, result: ImportResult, original: Original, asked: AskedFile | None
) -> None:
    wallet, content = result.wallet, result.content
    found = [*content.orders.values()]
    first, last = content.first or 0, content.last or 0
    span = asked.span if asked else Window(first, last + SECOND)
    imported = Imported(content.format.name, content.uid, *original, content.rows, len(found))
    if asked is None:
        file_id = archive_files.add_imported(connection, *wallet, run_id, span, imported)
    else:
        file_id = asked.id
        archive_files.finish(connection, file_id, run_id, imported)
    proven = archived_time.read(connection, *wallet).proven
    known = archived_orders.of_api(connection, *wallet, [*content.orders])
    covered = (archived_by(span) if asked else _until_now(content.own_span)) if content.tells_all else None
    if covered is not None:
        result.comparison = _compare(connection, wallet, content, covered, proven, known)
        if not result.comparison.lacking and (asked or not content.is_joined):
            archived_time.add(connection, *wallet, [covered])
            result.archived = [covered]
    try:
        changes = archived_orders.upsert(connection, *wallet, run_id, file_id, found)
    except DataError as error:
        raise ArchiveError(f"{result.name}: the database refuses a row ({type(error.orig).__name__})") from None
    if changes:
        sealed = seals.sealed_days(connection, *wallet)
        seals.seal_corrections(connection, *wallet, run_id, sealed, found, changes)
        coverage.name_symbols(connection, *wallet, {symbol for symbol, _ in changes})
    result.of_api = len(known)
    result.tally = orders.tally(changes, {key for key in content.orders if key not in known})
    if result.comparison.disagreed:
        lines = result.comparison.disagreed
        archive_files.note_error(connection, file_id, run_id, f"{len(lines)} orders differ from the API's: {lines[0]}")


def _until_now(span: Window | None) -> Window | None:
    """Rows may be of a clock that is ahead of ours; what is still to come is covered by no file."""
    return None if span is None else span.intersect(Window(OPENED, local_now()))


def _compare(
    connection: Connection,
    wallet: Wallet,
    content: ArchiveContent,
    covered: Window,
    proven: Sequence[Window],
    known: dict[Key, archived_orders.Columns],
) -> Comparison:
    """Compare in the time that the API proved and the file covers, without the seconds at the edges of either."""
    shared = [
        inner
        for piece in clip(proven, covered)
        if (inner := window_or_none(piece.start + BLUR, piece.end - BLUR)) is not None
    ]
    if not shared:
        return Comparison()
    of_api = archived_orders.of_api_within(connection, *wallet, shared) | known
    times = {key: to_millis(row["order_time"]) for key, row in of_api.items()}
    times |= {key: order.order_time for key, order in content.orders.items() if key not in times}
    inside = {key: any(window.contains(time) for window in shared) for key, time in times.items()}
    return compare(content.orders.values(), of_api, inside)
