"""Time: epoch milliseconds, half-open windows and their set operations.

Every instant inside the program is an `int` of epoch milliseconds, UTC. Only this module converts to and from
`datetime` and to the two ends of a request.
"""

import itertools
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

SECOND = 1_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DATES = range(-62_135_596_800_000, 253_402_300_800_000)  # the years 1 to 9999, which a datetime holds
_UNITS = {"s": SECOND, "m": MINUTE, "h": HOUR, "d": DAY, "w": 7 * DAY}


@dataclass(frozen=True, slots=True, order=True)
class Window:
    """The instants start ≤ t < end, in epoch milliseconds. Never empty."""

    start: int
    end: int

    def __post_init__(self) -> None:
        if self.start >= self.end:
            raise ValueError(f"a window must not be empty: {self.start} … {self.end}")

    @property
    def width(self) -> int:
        """Milliseconds in the window."""
        return self.end - self.start

    def wire(self) -> tuple[int, int]:
        """`startTime` and `endTime` of a request that covers the window however the exchange reads its ends.

        Whether the ends are inclusive is not documented. Inclusive, these cover a millisecond more on either side;
        exclusive, exactly the window. So they lie `width + 1` apart and are never equal.
        """
        return self.start - 1, self.end

    def contains(self, instant: int) -> bool:
        return self.start <= instant < self.end

    def intersect(self, other: "Window") -> "Window | None":
        return window_or_none(max(self.start, other.start), min(self.end, other.end))

    def split(self, at: int) -> tuple["Window", "Window"]:
        """The part before `at` and the part from it on; `at` must lie strictly inside."""
        return Window(self.start, at), Window(at, self.end)

    def __str__(self) -> str:
        return f"{iso(self.start)} … {iso(self.end)}"


def window_or_none(start: int, end: int) -> Window | None:
    return Window(start, end) if start < end else None


def merge(windows: Iterable[Window]) -> list[Window]:
    """The same instants as sorted windows that neither overlap nor touch."""
    merged: list[Window] = []
    for window in sorted(windows):
        if merged and window.start <= merged[-1].end:
            merged[-1] = Window(merged[-1].start, max(merged[-1].end, window.end))
        else:
            merged.append(window)
    return merged


def subtract(windows: Iterable[Window], taken: Iterable[Window]) -> list[Window]:
    """The instants of `windows` that lie in none of `taken`, merged. In one pass, as there may be thousands of each."""
    rest: list[Window] = []
    holes, place = merge(taken), 0
    for window in merge(windows):
        start = window.start
        while place < len(holes) and holes[place].start < window.end:
            if (before := window_or_none(start, holes[place].start)) is not None:
                rest.append(before)
            start = max(start, holes[place].end)
            if start > window.end:  # the hole may reach into the next window
                break
            place += 1
        if (after := window_or_none(start, window.end)) is not None:
            rest.append(after)
    return rest


def overlaps(windows: Iterable[Window]) -> list[Window]:
    """The instants that lie in at least two of `windows`, merged."""
    doubled: list[Window] = []
    reached: int | None = None
    for window in sorted(windows):
        if reached is not None and window.start < reached:
            doubled.append(Window(window.start, min(window.end, reached)))
        reached = window.end if reached is None else max(reached, window.end)
    return merge(doubled)


def clip(windows: Iterable[Window], to: Window) -> list[Window]:
    """The instants of `windows` inside `to`, merged."""
    return [piece for window in merge(windows) if (piece := window.intersect(to)) is not None]


def divide(window: Window, widest: int) -> list[Window]:
    """The fewest windows of at most `widest` milliseconds that make up `window`, of equal width except for rounding."""
    count = -(-window.width // widest)
    cuts = [window.start + window.width * i // count for i in range(count + 1)]
    return [Window(a, b) for a, b in itertools.pairwise(cuts)]


def fill(window: Window, widest: int) -> list[Window]:
    """The fewest windows of at most `widest` milliseconds that make up `window`, all but the last of full width."""
    starts = range(window.start, window.end, widest)
    return [Window(start, min(start + widest, window.end)) for start in starts]


def to_datetime(instant: int) -> datetime:
    """Exact to the millisecond, in UTC."""
    return _EPOCH + timedelta(milliseconds=instant)


def to_millis(moment: datetime) -> int:
    """Epoch milliseconds of an aware datetime, rounded down."""
    return (moment - _EPOCH) // timedelta(milliseconds=1)


def iso(instant: int) -> str:
    """For users: `2026-09-01T12:00Z`, with seconds and milliseconds only where they are not 0."""
    moment = to_datetime(instant)
    timespec = "milliseconds" if instant % SECOND else "seconds" if instant % MINUTE else "minutes"
    return moment.replace(tzinfo=None).isoformat(timespec=timespec) + "Z"


def to_the_second(instant: int | None) -> str | None:
    """As `iso`, without the milliseconds; None stays None."""
    return None if instant is None else iso(instant // SECOND * SECOND)


def duration(milliseconds: float) -> str:
    """For users: the two greatest units, `12 d 3 h`, `4 min 10 s`, `0 s`."""
    left = int(milliseconds) // SECOND
    parts = []
    for name, size in (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1)):
        if left >= size:
            parts.append(f"{left // size} {name}")
            left %= size
        elif parts:
            break
    return " ".join(parts[:2]) or "0 s"


def parse_instant(text: str, now: int) -> int:
    """A time as a user types it: `2026-09-01`, `2026-09-01T12:00Z`, `90d` (before `now`), epoch milliseconds; all UTC.

    Raises ValueError with one line that lists the accepted forms.
    """
    text = text.strip()
    if re.fullmatch(r"[0-9]{1,6}[smhdw]", text):
        return max(0, now - int(text[:-1]) * _UNITS[text[-1]])
    if re.fullmatch(r"[0-9]{12,14}", text):
        return int(text)
    unreadable = ValueError(
        f"{text!r} is not a time; write 2026-09-01, 2026-09-01T12:00Z, 90d or epoch milliseconds (UTC)"
    )
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise unreadable from None
    instant = to_millis(moment if moment.tzinfo else moment.replace(tzinfo=UTC))
    if instant not in _DATES:
        raise unreadable
    return instant


def parse_end(text: str, now: int) -> int:
    """The end of a span as a user types it: as `parse_instant`, but a bare date includes its day, today up to `now`.

    Raises ValueError as `parse_instant` does.
    """
    instant = parse_instant(text, now)
    return min(instant + DAY, now) if is_bare_date(text) and instant <= now else instant


def is_bare_date(text: str) -> bool:
    """Whether a time as it is typed names a whole day."""
    try:
        date.fromisoformat(text.strip())
    except ValueError:
        return False
    return True
