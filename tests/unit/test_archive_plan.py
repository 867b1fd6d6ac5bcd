"""Which files are asked for, and when: never more than the quota, never what is known, never beyond now."""

from hypothesis import given
from hypothesis import strategies as st

from etl.core.archive.plan import (
    KEPT,
    MONTH,
    WIDEST,
    FileState,
    KnownFile,
    allowed_at,
    archived_by,
    next_in_minute,
    plan_files,
    used,
)
from etl.core.timeline import DAY, MINUTE, SECOND, Window, merge, subtract

NOW = 1_700_000_000_000
YEARS = Window(NOW - 1_096 * DAY, NOW)
PROVEN = Window(NOW - 90 * DAY, NOW)


def test_three_years_beyond_what_is_proven_are_three_files_newest_first() -> None:
    spans = plan_files(YEARS, [PROVEN], [], [], NOW, NOW)
    assert len(spans) == 3
    assert spans == sorted(spans, reverse=True)
    assert merge([PROVEN, *map(archived_by, spans)]) == [YEARS]
    assert all(span.width <= WIDEST for span in spans)


def test_the_newest_file_reaches_into_what_is_proven_as_far_as_its_width_allows() -> None:
    newest = plan_files(YEARS, [PROVEN], [], [], NOW, NOW)[0]
    assert newest.end > PROVEN.start + 20 * DAY
    assert plan_files(Window(NOW - 100 * DAY, NOW), [PROVEN], [], [], NOW, NOW)[0].end == NOW


def test_what_is_proven_or_archived_is_not_asked_for() -> None:
    assert plan_files(YEARS, [PROVEN], [Window(YEARS.start, PROVEN.start)], [], NOW, NOW) == []


def test_a_file_that_waits_is_not_planned_again() -> None:
    spans = plan_files(YEARS, [PROVEN], [], [], NOW, NOW)
    for state in FileState:
        files = [KnownFile(span, state, NOW) for span in spans]
        replanned = plan_files(YEARS, [PROVEN], [], files, NOW, NOW)
        is_done = state in (FileState.IMPORTED, FileState.EXPIRED)  # an imported one counts by what is archived
        assert replanned == (spans if is_done else [])


def test_what_was_asked_for_in_vain_is_only_asked_for_again_on_demand() -> None:
    spans = plan_files(YEARS, [PROVEN], [], [], NOW, NOW)
    for state in (FileState.REQUESTED, FileState.FAILED):
        files = [KnownFile(span, state, NOW) for span in spans]
        assert plan_files(YEARS, [PROVEN], [], files, NOW, NOW, again=True) == spans


def test_what_the_api_still_keeps_is_no_hole() -> None:
    assert plan_files(Window(NOW - 80 * DAY, NOW), [], [], [], NOW - 90 * DAY, NOW) == []
    (span,) = plan_files(Window(NOW - 100 * DAY, NOW), [], [], [], NOW - 90 * DAY, NOW)
    assert span.start == NOW - 100 * DAY - SECOND
    assert span.end == NOW


def test_nothing_is_asked_for_that_has_not_happened() -> None:
    assert plan_files(Window(NOW + DAY, NOW + 2 * DAY), [], [], [], NOW, NOW) == []
    assert plan_files(Window(NOW - DAY, NOW + DAY), [], [], [], NOW, NOW)[0].end <= NOW + SECOND


_SPANS = st.tuples(st.integers(0, 2_000), st.integers(1, 900)).map(
    lambda one: Window(NOW - (one[0] + one[1]) * DAY, NOW - one[0] * DAY)
)


@given(_SPANS, st.lists(_SPANS, max_size=3), st.lists(_SPANS, max_size=3))
def test_the_files_cover_exactly_what_is_missing(wanted: Window, proven: list[Window], archived: list[Window]) -> None:
    spans = plan_files(wanted, proven, archived, [], NOW, NOW)
    covered = [archived_by(span) for span in spans]
    assert subtract([wanted], [*proven, *archived, *covered]) == []
    assert all(0 < span.width <= WIDEST and span.end <= NOW + SECOND for span in spans)
    missing = subtract([wanted], [*proven, *archived])
    assert len(spans) <= sum(-(-hole.width // (WIDEST - 2 * SECOND)) for hole in missing)


def test_the_quota_counts_the_last_31_days() -> None:
    requests = [NOW - MONTH, NOW - MONTH + 1, NOW - DAY]
    assert used(requests, NOW) == [NOW - MONTH + 1, NOW - DAY]
    assert allowed_at(requests, 3, NOW) == NOW
    assert allowed_at(requests, 2, NOW) == NOW + 1
    assert allowed_at(requests, 1, NOW) == NOW - DAY + MONTH
    assert KEPT < MONTH


@given(st.lists(st.integers(0, 90 * DAY), max_size=60), st.integers(1, 10))
def test_whoever_waits_for_the_quota_never_exceeds_it(gaps: list[int], monthly: int) -> None:
    now, sent = NOW, list[int]()
    for gap in gaps:
        now = max(now + gap, allowed_at(sent, monthly, now + gap))
        sent.append(now)
        assert len([at for at in sent if at > now - MONTH]) <= monthly


@given(st.lists(st.integers(0, 2 * MINUTE), max_size=60))
def test_no_minute_has_a_third_request(gaps: list[int]) -> None:
    now, sent = NOW, list[int]()
    for gap in gaps:
        now = max(now + gap, next_in_minute(sent, now + gap))
        sent.append(now)
    assert all(later - earlier > MINUTE for earlier, later in zip(sent, sent[2:], strict=False))
