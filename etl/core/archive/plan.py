"""Which files to ask the exchange for, and how many of them this month's quota still allows. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from etl.core.timeline import DAY, MINUTE, SECOND, Window, clip, divide, subtract

WIDEST = 365 * DAY
"""The widest span of a file, milliseconds."""

BLUR = SECOND
"""How far the times of a file may be off: it has whole seconds."""

MONTH = 31 * DAY
"""Whether the exchange counts by the calendar is not documented. Its longest month, rolling, is safe either way."""

PER_MINUTE = 2
"""Requests for files that the exchange allows an address in a minute; a third is answered with a ban."""

KEPT = 7 * DAY
"""How long a finished file can be downloaded."""


class FileState(StrEnum):
    """The column `state` of `archive_files`."""

    PLANNED = "planned"
    REQUESTED = "requested"
    """Sent, or about to be: it is stored before. Without an answer nobody knows, and it is never sent again."""
    PROCESSING = "processing"
    COMPLETED = "completed"
    DOWNLOADED = "downloaded"
    IMPORTED = "imported"
    EXPIRED = "expired"
    FAILED = "failed"


OPEN = (FileState.PLANNED, FileState.PROCESSING, FileState.COMPLETED, FileState.DOWNLOADED)
"""What a later run goes on with."""

IN_VAIN = (FileState.REQUESTED, FileState.FAILED)
"""What is only asked for again when the operator says so: it took quota and gave nothing."""


@dataclass(frozen=True)
class KnownFile:
    """A file that was planned or asked for."""

    span: Window
    state: FileState
    requested_at: int | None = None
    """Epoch milliseconds."""


def archived_by(span: Window) -> Window:
    """What a file covers: its span without the edges that its seconds blur. A span has at least three seconds."""
    return Window(span.start + BLUR, span.end - BLUR)


def plan_files(
    wanted: Window,
    proven: Iterable[Window],
    archived: Iterable[Window],
    files: Sequence[KnownFile],
    kept_since: int,
    settled: int,
    *,
    again: bool = False,
) -> list[Window]:
    """The spans of the fewest files that cover what is wanted and neither proven nor archived, newest first.

    Newest first, so that the first file overlaps what the API proved and is compared with it before the others take
    quota: each last file of a hole reaches as far beyond it as its width allows. What the API keeps, since
    `kept_since`, is no hole: it is proven by reading it. Nothing reaches beyond `settled`. `again`: also what was asked
    for in vain.
    """
    forgotten = clip([wanted], Window(0, kept_since)) if kept_since > 0 else []
    waiting = [one.span for one in files if one.state in OPEN or (one.state in IN_VAIN and not again)]
    taken = [*proven, *archived, *map(archived_by, waiting)]
    holes = [hole for hole in subtract(forgotten, taken) if hole.width > 2 * BLUR]
    spans: list[Window] = []
    for hole in holes:
        pieces = divide(hole, WIDEST - 2 * BLUR)
        asked = [Window(piece.start - BLUR, piece.end + BLUR) for piece in pieces]
        last = asked[-1]
        asked[-1] = Window(last.start, max(last.end, min(last.start + WIDEST, settled)))
        spans += asked
    return sorted(spans, reverse=True)


def used(requested_at: Iterable[int], now: int) -> list[int]:
    """The requests that count against the quota at `now`, oldest first; epoch milliseconds."""
    return sorted(at for at in requested_at if at > now - MONTH)


def allowed_at(requested_at: Iterable[int], monthly: int, now: int) -> int:
    """From when on the quota has room for one more request, epoch milliseconds; `now` or earlier: it has."""
    counted = used(requested_at, now)
    return now if len(counted) < monthly else counted[-monthly] + MONTH


def next_in_minute(requested_at: Iterable[int], now: int) -> int:
    """From when on one more request may be sent, whichever minute the exchange counts by; epoch milliseconds."""
    recent = sorted(at for at in requested_at if at > now - MINUTE)
    return now if len(recent) < PER_MINUTE else recent[-PER_MINUTE] + MINUTE + SECOND
