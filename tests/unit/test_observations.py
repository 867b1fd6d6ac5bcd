"""What a run observes about the exchange, and what changes an observation."""

import pytest

from etl.core.observations import PageSize, Truncation, TruncationSide


def test_the_truncation_side_is_unknown_at_first() -> None:
    assert TruncationSide().observed is None


@pytest.mark.parametrize("kept", list(Truncation))
def test_a_short_page_where_one_was_expected_confirms_the_truncation_side(kept: Truncation) -> None:
    side = TruncationSide()
    side.confirmed(kept)
    assert side.observed is kept


def test_two_failures_in_a_row_drop_the_observation_and_one_does_not() -> None:
    side = TruncationSide()
    side.confirmed(Truncation.KEEPS_OLDEST)
    side.failed()
    assert side.observed is Truncation.KEEPS_OLDEST
    side.failed()
    assert side.observed is None


def test_a_success_in_between_forgives_a_failure() -> None:
    side = TruncationSide()
    side.confirmed(Truncation.KEEPS_OLDEST)
    side.failed()
    side.confirmed(Truncation.KEEPS_NEWEST)
    side.failed()
    assert side.observed is Truncation.KEEPS_NEWEST


def noted(limit: int, *lengths: int, largest_known: int = 0) -> PageSize:
    size = PageSize(limit, largest_known)
    for length in lengths:
        size.note(length, length, whole=True)
    return size


@pytest.mark.parametrize("length", [100, 101, 150])
def test_a_page_of_the_limit_or_more_may_be_cut(length: int) -> None:
    assert noted(100, length).may_be_truncated(length)


def test_a_page_shorter_than_one_seen_before_was_not_cut() -> None:
    size = noted(100, 60, 50)
    assert not size.may_be_truncated(50)
    assert size.may_be_truncated(60)


def test_a_page_shorter_than_one_of_an_earlier_run_was_not_cut() -> None:
    assert not noted(100, 50, largest_known=60).may_be_truncated(50)


@pytest.mark.parametrize(("length", "doubted"), [(0, False), (4, False), (19, False), (20, True), (99, True)])
def test_the_largest_page_yet_is_doubted_from_a_fifth_of_the_limit_on(length: int, doubted: bool) -> None:
    assert noted(100, length).may_be_truncated(length) is doubted


@pytest.mark.parametrize(("length", "times", "doubted"), [(7, 2, False), (7, 3, True), (5, 3, True), (4, 9, False)])
def test_a_length_that_comes_up_again_and_again_is_doubted(length: int, times: int, doubted: bool) -> None:
    assert noted(100, *[length] * times).may_be_truncated(length) is doubted


def test_only_first_pages_count_as_coming_up_again() -> None:
    size = PageSize(100)
    for _ in range(9):
        size.note(7, 7, whole=False)
    assert not size.may_be_truncated(7)


@pytest.mark.parametrize(("length", "doubted"), [(30, False), (49, False), (50, True)])
def test_in_a_narrow_window_fewer_than_the_documented_default_are_taken_at_their_word(
    length: int, doubted: bool
) -> None:
    assert noted(100, length).may_be_truncated(length, narrow=True) is doubted


@pytest.mark.parametrize(("length", "doubtful"), [(4, False), (5, True), (60, True), (100, False)])
def test_longer_pages_can_still_clear_a_largest_page_below_the_limit(length: int, doubtful: bool) -> None:
    assert noted(100, length).is_doubtful(length) is doubtful


def test_a_longer_page_clears_the_doubt() -> None:
    assert not noted(100, 30, 31).is_doubtful(30)


def test_an_empty_page_is_taken_at_its_word_under_the_smallest_limit() -> None:
    size = noted(1, 0, 0, 0, 0)
    assert not size.may_be_truncated(0)
    assert not size.is_doubtful(0)
    assert size.may_be_truncated(1)


def test_rows_that_were_not_requested_do_not_make_a_page_the_largest() -> None:
    size = PageSize(100)
    size.note(60, 40, whole=True)
    assert (size.seen, size.largest) == (40, 40)
    assert all(size.may_be_truncated(length) and size.is_doubtful(length) for length in (40, 60))


def test_what_an_earlier_run_knows_is_the_largest_but_was_not_seen() -> None:
    size = noted(100, 30, largest_known=60)
    assert (size.seen, size.largest) == (30, 60)
