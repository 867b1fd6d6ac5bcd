"""Windows as sets of milliseconds, and the two ways that people write time."""

from datetime import UTC, datetime, timedelta, timezone
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etl.core.timeline import (
    DAY,
    HOUR,
    MINUTE,
    Window,
    clip,
    divide,
    duration,
    iso,
    merge,
    parse_end,
    parse_instant,
    subtract,
    to_datetime,
    to_millis,
    window_or_none,
)

NOW = 1_790_000_000_000

windows = st.builds(lambda start, width: Window(start, start + width), st.integers(0, 40), st.integers(1, 15))
some_windows = st.lists(windows, max_size=6)
instants = st.integers(to_millis(datetime(1, 1, 1, tzinfo=UTC)), to_millis(datetime.max.replace(tzinfo=UTC)))


def milliseconds(of: list[Window]) -> set[int]:
    return {instant for window in of for instant in range(window.start, window.end)}


@pytest.mark.parametrize(("start", "end"), [(5, 5), (6, 5)])
def test_a_window_is_never_empty(start: int, end: int) -> None:
    with pytest.raises(ValueError, match="must not be empty"):
        Window(start, end)
    assert window_or_none(start, end) is None


def test_a_window_holds_its_start_and_not_its_end() -> None:
    window = Window(3, 6)
    assert [window.contains(instant) for instant in (2, 3, 5, 6)] == [False, True, True, False]
    assert window.width == 3


def test_on_the_wire_a_window_reaches_a_millisecond_before_itself_and_ends_where_it_ends() -> None:
    assert Window(10, 20).wire() == (9, 20)


def test_the_wire_ends_of_the_narrowest_window_differ() -> None:
    start, end = Window(10, 11).wire()
    assert start < end


@given(windows, st.booleans(), st.booleans())
def test_whether_the_ends_count_or_not_the_wire_covers_the_window(
    window: Window, counts_start: bool, counts_end: bool
) -> None:
    start, end = window.wire()
    answered = set(range(start if counts_start else start + 1, end + 1 if counts_end else end))
    assert milliseconds([window]) <= answered
    assert answered - milliseconds([window]) <= {window.start - 1, window.end}


def test_a_window_splits_into_two_that_touch() -> None:
    assert Window(0, 10).split(4) == (Window(0, 4), Window(4, 10))


@pytest.mark.parametrize("at", [0, 10, -1, 11])
def test_a_window_splits_strictly_inside_only(at: int) -> None:
    with pytest.raises(ValueError, match="must not be empty"):
        Window(0, 10).split(at)


def test_windows_that_touch_have_nothing_in_common() -> None:
    assert Window(0, 5).intersect(Window(5, 9)) is None
    assert Window(0, 6).intersect(Window(5, 9)) == Window(5, 6)


def test_merging_joins_what_overlaps_or_touches_and_nothing_else() -> None:
    assert merge([Window(7, 9), Window(0, 3), Window(3, 5), Window(1, 2)]) == [Window(0, 5), Window(7, 9)]


def test_subtracting_can_leave_two_pieces() -> None:
    assert subtract([Window(0, 10)], [Window(4, 6)]) == [Window(0, 4), Window(6, 10)]


@given(some_windows)
def test_merged_windows_are_the_same_instants_sorted_and_apart(some: list[Window]) -> None:
    merged = merge(some)
    assert milliseconds(merged) == milliseconds(some)
    assert all(a.end < b.start for a, b in pairwise(merged))


@given(some_windows, some_windows)
def test_subtracting_is_the_difference_of_the_instants(some: list[Window], taken: list[Window]) -> None:
    rest = subtract(some, taken)
    assert milliseconds(rest) == milliseconds(some) - milliseconds(taken)
    assert rest == merge(rest)


@given(some_windows, windows)
def test_clipping_is_the_intersection_of_the_instants(some: list[Window], to: Window) -> None:
    clipped = clip(some, to)
    assert milliseconds(clipped) == milliseconds(some) & milliseconds([to])
    assert clipped == merge(clipped)


@given(windows, st.integers(1, 20))
def test_dividing_gives_the_fewest_windows_of_almost_equal_width(window: Window, widest: int) -> None:
    parts = divide(window, widest)
    assert milliseconds(parts) == milliseconds([window])
    assert sum(part.width for part in parts) == window.width
    assert max(part.width for part in parts) <= widest
    assert len(parts) == -(-window.width // widest)
    assert max(part.width for part in parts) - min(part.width for part in parts) <= 1


@given(instants)
def test_milliseconds_survive_the_way_through_a_datetime(instant: int) -> None:
    assert to_millis(to_datetime(instant)) == instant


def test_parts_of_a_millisecond_are_cut_off_downwards() -> None:
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    assert to_millis(epoch + timedelta(microseconds=1_999)) == 1
    assert to_millis(epoch - timedelta(microseconds=1)) == -1


def test_a_datetime_is_an_instant_whatever_its_zone() -> None:
    assert to_millis(datetime(1970, 1, 1, 2, tzinfo=timezone(timedelta(hours=2)))) == 0
    assert to_datetime(0).tzinfo is UTC


def test_a_datetime_without_a_zone_is_no_instant() -> None:
    with pytest.raises(TypeError):
        to_millis(datetime(2026, 9, 1))  # noqa: DTZ001


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-09-01", datetime(2026, 9, 1, tzinfo=UTC)),
        ("2026-09-01T12:00Z", datetime(2026, 9, 1, 12, tzinfo=UTC)),
        ("2026-09-01T12:00", datetime(2026, 9, 1, 12, tzinfo=UTC)),
        ("2026-09-01 12:00:30.250", datetime(2026, 9, 1, 12, 0, 30, 250_000, tzinfo=UTC)),
        ("2026-09-01T12:00+02:00", datetime(2026, 9, 1, 10, tzinfo=UTC)),
    ],
)
def test_a_date_or_a_moment_is_read_as_utc(text: str, expected: datetime) -> None:
    assert parse_instant(text, NOW) == to_millis(expected)


@pytest.mark.parametrize(
    ("text", "ago"),
    [("90d", 90 * DAY), ("2w", 14 * DAY), ("36h", 36 * HOUR), ("5m", 5 * MINUTE), ("30s", 30_000), ("0d", 0)],
)
def test_a_time_ago_is_counted_from_now(text: str, ago: int) -> None:
    assert parse_instant(text, NOW) == NOW - ago


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-08-31", "2026-09-01T00:00Z"),
        (" 20260831 ", "2026-09-01T00:00Z"),
        ("2026-09-01", "2026-09-01T18:00Z"),
        ("2026-09-02", "2026-09-02T00:00Z"),
        ("9999-12-31", "9999-12-31T00:00Z"),
        ("2026-08-31T00:00", "2026-08-31T00:00Z"),
        ("1d", "2026-08-31T18:00Z"),
    ],
    ids=["a date", "a short date", "today", "a day to come", "the last day", "a moment", "a time ago"],
)
def test_a_bare_date_as_an_end_includes_its_day_as_far_as_now(text: str, expected: str) -> None:
    now = to_millis(datetime(2026, 9, 1, 18, tzinfo=UTC))
    assert iso(parse_end(text, now)) == expected


@pytest.mark.parametrize("text", ["999999w", "999999d", "3000w"])
def test_a_time_longer_ago_than_1970_is_1970(text: str) -> None:
    assert iso(parse_instant(text, NOW)) == "1970-01-01T00:00Z"


def test_thirteen_digits_are_epoch_milliseconds() -> None:
    assert parse_instant(" 1591702613943\n", NOW) == 1_591_702_613_943


@pytest.mark.parametrize(
    "text",
    [
        *("", "yesterday", "1591702613", "90", "-90d", "1.5d", "2026-13-01", "2026-09-01T25:00Z", "90 d\nx"),
        *("١d", "1000000w", "１５９１７０２６１３９４３"),
    ],
)
def test_anything_else_is_refused_in_one_line_that_names_the_forms(text: str) -> None:
    with pytest.raises(ValueError, match=r"\A[^\n]*write 2026-09-01, 2026-09-01T12:00Z, 90d or epoch[^\n]*\Z"):
        parse_instant(text, NOW)


@pytest.mark.parametrize(
    ("instant", "text"),
    [
        (1_788_264_000_000, "2026-09-01T12:00Z"),
        (1_788_264_030_000, "2026-09-01T12:00:30Z"),
        (1_788_264_030_007, "2026-09-01T12:00:30.007Z"),
        (-1, "1969-12-31T23:59:59.999Z"),
    ],
)
def test_an_instant_is_shown_as_short_as_it_is_exact(instant: int, text: str) -> None:
    assert iso(instant) == text


@given(instants)
def test_what_is_shown_can_be_typed_again(instant: int) -> None:
    assert parse_instant(iso(instant), NOW) == instant


def test_a_window_is_shown_by_its_ends() -> None:
    assert str(Window(0, MINUTE)) == "1970-01-01T00:00Z … 1970-01-01T00:01Z"


@pytest.mark.parametrize(
    ("length", "text"),
    [
        (0, "0 s"),
        (999, "0 s"),
        (59_999, "59 s"),
        (250_000, "4 min 10 s"),
        (HOUR + 1_000, "1 h"),
        (12 * DAY + 3 * HOUR + 59 * MINUTE, "12 d 3 h"),
        (DAY, "1 d"),
        (-5_000, "0 s"),
    ],
)
def test_a_duration_shows_its_two_greatest_units(length: int, text: str) -> None:
    assert duration(length) == text
