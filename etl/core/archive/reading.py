"""Reads an order file line by line: every row is checked, the forced ones are kept, what is broken refuses the file."""

import csv
from collections.abc import Container, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, tzinfo

from etl.core.archive.formats import NO_DATA, Format, NoOrdersError, format_of
from etl.core.archive.plan import WIDEST
from etl.core.archive.rounded_ids import RoundedIds
from etl.core.archive.rows import ArchivedOrder, Row, close_type_in, read_order, read_row
from etl.core.orders import CloseType, Key
from etl.core.timeline import DAY, SECOND, Window, iso, window_or_none

LONGEST_LINE = 1 << 16
"""Characters of a line. Real ones have about 200."""


@dataclass
class ArchiveContent:
    """What a whole file says. `rows` counts all its orders, also those of the account's own."""

    format: Format
    rows: int = 0
    uid: str = ""
    first: int | None = None
    """The times of the oldest and the newest row, epoch milliseconds."""
    last: int | None = None
    updated: int | None = None
    """The newest update of a force order."""
    has_client_order_id: bool = False
    symbols: set[str] = field(default_factory=set)
    orders: dict[Key, ArchivedOrder] = field(default_factory=dict)
    """The force orders, each in its latest version."""

    @property
    def own_span(self) -> Window | None:
        """What the file's own rows bound, without the seconds at its edges, which may not be whole."""
        if self.first is None or self.last is None:
            return None
        return window_or_none(self.first + SECOND, self.last)

    @property
    def is_joined(self) -> bool:
        """Whether its rows span more than a file of the exchange can: what lies between them was not asked for."""
        return self.first is not None and self.last is not None and self.last - self.first > WIDEST + DAY

    @property
    def tells_all(self) -> bool:
        """Whether a force order of any kind would be recognized in it."""
        return self.format.has_client_order_ids


def read_file(
    lines: Iterable[str], zone: tzinfo | None = None, known: Container[Key] = (), *, is_whole: bool = True
) -> ArchiveContent:
    """The content of a file; `lines` with their ends. Raises ValueError with one line for whatever is wrong.

    `known`: orders that the API calls forced, whatever their client order id says.
    `zone`: of a file whose times are local. `is_whole`: whether what the file came in vouches for its length; if not,
    its last line must have an end, as the last column of a cut line would be a shorter order id.
    """
    numbered = _whole_lines(lines, is_whole=is_whole)
    reader = csv.reader(numbered, strict=True)
    try:
        header = next(reader, None)
        if header is None:
            raise ValueError("the file is empty")
        of = format_of(header)
        if zone is None and not of.is_utc:
            raise ValueError(
                "the times of this file are local, and nothing says of which time zone: add --time-zone, such as "
                "Europe/Berlin or UTC+8"
            )
        content = _read(of, reader, UTC if of.is_utc or zone is None else zone, known)
    except csv.Error as error:
        raise ValueError(f"the file is no CSV: {error}") from None
    _refuse_untold(content)
    return content


def _read(of: Format, reader: Iterable[list[str]], zone: tzinfo, known: Container[Key]) -> ArchiveContent:
    content, ids = ArchiveContent(of), RoundedIds()
    for number, cells in enumerate(reader, start=2):
        if not any(cells):
            continue
        if NO_DATA in cells[0]:
            raise NoOrdersError(f"the file has no orders: {NO_DATA[:-1]!r} is all that it says")
        if len(cells) != len(of.columns):
            raise ValueError(
                f"line {number} has {len(cells)} columns instead of {len(of.columns)}: the file is cut off or changed"
            )
        try:
            row = read_row(of, dict(zip(of.columns, cells, strict=True)), zone)
            _note(content, row)
            _keep(content, row, zone, known)
        except ValueError as error:
            raise ValueError(f"line {number}: {error}") from None
        ids.add(row.order_id, row.time)
    if ids.found():
        raise ValueError(
            f"order ids end in zeros, such as {ids.example}: a spreadsheet has rounded them; import the file as the "
            "exchange gave it"
        )
    return content


def _note(content: ArchiveContent, row: Row) -> None:
    if not row.uid:
        raise ValueError("it has no Uid, so nobody knows whose order it is")
    if not row.uid.isascii() or not row.uid.isdigit():
        raise ValueError(f"Uid {row.uid[:40]!r} is no whole number: the file was changed; export it again")
    if content.uid and row.uid != content.uid:
        raise ValueError("it has another Uid than the rows before: the file mixes accounts; import each by itself")
    content.uid = row.uid
    content.symbols.add(row.cells["Symbol"].strip())
    content.rows += 1
    content.first = row.time if content.first is None else min(content.first, row.time)
    content.last = row.time if content.last is None else max(content.last, row.time)
    if content.format.has_client_order_ids and row.cells["Client Order Id"].strip():
        content.has_client_order_id = True


def _keep(content: ArchiveContent, row: Row, zone: tzinfo, known: Container[Key]) -> None:
    """Of several rows of one order the last update counts; of equal ones that which is filled further, or the later."""
    close_type = close_type_in(content.format, row)
    if close_type is None and (row.cells["Symbol"].strip(), row.order_id) in known:
        close_type = CloseType.UNKNOWN
    if close_type is None:
        return
    order = read_order(content.format, row, close_type, zone)
    content.updated = max(content.updated or 0, order.update_time)
    former = content.orders.get(order.key)
    if former is None or order.version >= former.version:
        content.orders[order.key] = order


def _refuse_untold(content: ArchiveContent) -> None:
    """Raise ValueError where the file cannot show a force order: no rows is no answer."""
    if not content.rows:
        raise NoOrdersError("the file has a header and no orders; without one it says nothing of its time")
    if content.format.has_client_order_ids and not content.has_client_order_id:
        raise ValueError("no row has a Client Order Id, so force orders cannot be told from others")
    if not content.format.has_client_order_ids and not content.orders:
        raise ValueError(
            "the file has no client order ids and no row whose Type says Liquidation, so force orders cannot be told "
            "from others; ask for the file with: force-orders archive request"
        )


def _whole_lines(lines: Iterable[str], *, is_whole: bool) -> Iterator[str]:
    """The lines without a byte order mark. Raises ValueError for one that is too long, holds NUL or has no end."""
    line = "\n"
    for number, line in enumerate(lines, start=1):
        if len(line) > LONGEST_LINE:
            raise ValueError(f"line {number} is longer than {LONGEST_LINE} characters: this is no order file")
        if "\0" in line:
            raise ValueError(f"line {number} holds a NUL: this is no order file, or the file is damaged")
        yield line.removeprefix("\ufeff") if number == 1 else line
    if not is_whole and not line.endswith(("\n", "\r")):
        raise ValueError("the last line has no end: the file is cut off; copy or download it again")


def check_span(content: ArchiveContent, asked: Window, words: str = "for which the file was asked") -> None:
    """Raise ValueError where rows lie outside a span; `words`: what it is."""
    for time in (content.first, content.last):
        if time is not None and not asked.start - SECOND <= time <= asked.end + SECOND:
            raise ValueError(f"a row of {iso(time)} lies outside {asked}, {words}")
