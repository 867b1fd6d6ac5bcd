"""Which walks wait because their first page is doubtful, and which continue."""

import pytest

from etl.core.doubts import Doubts
from etl.core.observations import PageSize
from etl.core.walking import VERIFY


def noted(page_size: PageSize, length: int) -> int:
    page_size.note(length, length, whole=True)
    return length


def test_a_walk_waits_as_long_as_no_longer_page_was_seen_and_then_goes_on_at_no_cost() -> None:
    doubts, page_size = Doubts[str](2), PageSize(100)
    doubts.add("short", noted(page_size, 30), page_size)
    assert doubts.due() == []
    doubts.add("longer", noted(page_size, 31), page_size)
    assert doubts.due() == [("short", None)]
    assert doubts.take_all() == ["longer"]
    assert len(doubts) == 0


def test_pages_of_another_scope_clear_no_doubt() -> None:
    doubts, page_size, other = Doubts[str](2), PageSize(100), PageSize(100)
    doubts.add("short", noted(page_size, 30), page_size)
    noted(other, 31)
    assert doubts.due() == []


@pytest.mark.parametrize("most", [1, 2, 8])
def test_beyond_the_most_that_may_wait_the_oldest_verifies_its_page(most: int) -> None:
    doubts, page_size = Doubts[int](most), PageSize(100)
    for number in range(most):
        doubts.add(number, noted(page_size, 30), page_size)
        assert doubts.due() == []
    for number in range(most, 3 * most):
        doubts.add(number, noted(page_size, 30), page_size)
        assert doubts.due() == [(number - most, VERIFY)]
        assert len(doubts) == most


def test_where_each_page_is_longer_than_the_one_before_a_single_walk_waits() -> None:
    doubts, page_size = Doubts[int](8), PageSize(100)
    for length in range(5, 100):
        doubts.add(length, noted(page_size, length), page_size)
        assert doubts.due() == ([(length - 1, None)] if length > 5 else [])
        assert len(doubts) == 1
