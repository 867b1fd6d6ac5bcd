"""Windows as Postgres stores them, and back."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from sqlalchemy.dialects.postgresql import Range
from sqlalchemy.dialects.postgresql.ranges import MultiRange

from etl.core.timeline import Window, merge, to_datetime, to_millis


def multirange(windows: Iterable[Window]) -> MultiRange[datetime]:
    return MultiRange(Range(to_datetime(window.start), to_datetime(window.end)) for window in merge(windows))


def windows_of(pieces: Sequence[Range[datetime]]) -> list[Window]:
    """The pieces of a multirange; one without an end on either side is no window."""
    return [Window(to_millis(piece.lower), to_millis(piece.upper)) for piece in pieces if piece.lower and piece.upper]


def millis(moment: datetime | None) -> int | None:
    return None if moment is None else to_millis(moment)
