"""Where a full page's window is cut. Small integers stand for milliseconds."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etl.core.observations import Truncation
from etl.core.timeline import Window, merge
from etl.core.window_splitting import MEDIAN_CUTS, NARROWEST, Piece, cut

WHOLE = Piece(Window(0, 1_000))

observations = st.sampled_from([None, *Truncation])
pieces = st.builds(
    lambda start, width, expects, depth: Piece(Window(start, start + width), expects, depth),
    st.integers(0, 50),
    st.integers(NARROWEST + 1, 60),
    observations,
    st.integers(0, MEDIAN_CUTS + 2),
)
times_around = st.lists(st.integers(-10, 120), max_size=20)


@given(pieces, times_around, observations)
def test_the_pieces_are_smaller_at_least_two_and_together_the_window(
    piece: Piece, times: list[int], belief: Truncation | None
) -> None:
    parts = cut(piece, times, belief)
    assert len(parts) >= 2
    assert all(part.window.width < piece.window.width for part in parts)
    assert sum(part.window.width for part in parts) == piece.window.width
    assert merge(part.window for part in parts) == [piece.window]


@given(pieces, st.lists(st.integers(0, 110), min_size=1, max_size=20), st.sampled_from(list(Truncation)))
def test_a_piece_that_expects_to_be_short_no_longer_reaches_the_row_it_was_cut_at(
    piece: Piece, times: list[int], belief: Truncation
) -> None:
    inside = [time for time in times if piece.window.contains(time)]
    for part in cut(piece, times, belief):
        start, end = part.window.wire()
        if part.expects is Truncation.KEEPS_OLDEST:
            assert end < max(inside)
        if part.expects is Truncation.KEEPS_NEWEST:
            assert start > min(inside)


def test_where_the_oldest_are_kept_the_part_before_the_latest_row_is_requested_first() -> None:
    assert cut(WHOLE, [300, 100, 200], Truncation.KEEPS_OLDEST) == [
        Piece(Window(0, 299), Truncation.KEEPS_OLDEST),
        Piece(Window(299, 1_000)),
    ]


def test_where_the_newest_are_kept_the_part_after_the_earliest_row_is_requested_first() -> None:
    assert cut(WHOLE, [700, 900, 800], Truncation.KEEPS_NEWEST) == [
        Piece(Window(702, 1_000), Truncation.KEEPS_NEWEST),
        Piece(Window(0, 702)),
    ]


@pytest.mark.parametrize(
    ("times", "kept"),
    [
        ([0, 10, 800], Truncation.KEEPS_OLDEST),
        ([200, 990, 999], Truncation.KEEPS_NEWEST),
        ([400, 500], Truncation.KEEPS_OLDEST),
    ],
)
def test_without_an_observation_rows_that_crowd_towards_one_end_decide(times: list[int], kept: Truncation) -> None:
    assert cut(WHOLE, times, None)[0].expects is kept


def test_rows_all_over_the_window_are_halved_at_their_median() -> None:
    assert [part.window for part in cut(WHOLE, [1, 300, 301, 302, 999], None)] == [
        Window(0, 301),
        Window(301, 1_000),
    ]


def test_a_truncation_side_that_has_just_failed_is_not_used_again() -> None:
    parts = cut(Piece(WHOLE.window, expects=Truncation.KEEPS_OLDEST), [100, 200, 300], Truncation.KEEPS_OLDEST)
    assert [part.expects for part in parts] == [None, None]
    assert parts[0].window.end == 200


def test_without_a_row_inside_the_time_is_halved() -> None:
    assert [part.window for part in cut(WHOLE, [-1, 1_000], Truncation.KEEPS_OLDEST)] == [
        Window(0, 500),
        Window(500, 1_000),
    ]


def test_a_crowd_in_the_first_millisecond_is_cut_off_by_itself() -> None:
    assert [part.window for part in cut(WHOLE, [0] * 100, Truncation.KEEPS_OLDEST)] == [
        Window(0, NARROWEST),
        Window(NARROWEST, 1_000),
    ]


def test_a_crowd_in_the_last_millisecond_is_cut_off_by_itself() -> None:
    assert [part.window for part in cut(WHOLE, [999] * 100, Truncation.KEEPS_NEWEST)] == [
        Window(1_000 - NARROWEST, 1_000),
        Window(0, 1_000 - NARROWEST),
    ]


def test_after_many_cuts_that_follow_the_rows_the_time_itself_is_halved() -> None:
    deep = Piece(WHOLE.window, depth=MEDIAN_CUTS)
    assert cut(deep, [1, 2, 3, 999], None)[0].window == Window(0, 500)


def test_cuts_that_follow_the_rows_are_counted() -> None:
    assert [part.depth for part in cut(Piece(WHOLE.window, depth=4), [1, 500, 999], None)] == [5, 5]
