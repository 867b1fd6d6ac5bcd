"""Which walks wait because of a doubt, and which continue."""

from collections.abc import Callable

import pytest

from etl.core.doubts import Doubts


def never() -> bool:
    return False


def once(settled: set[str], name: str) -> Callable[[], bool]:
    return lambda: name in settled


def test_a_walk_waits_until_its_doubt_is_settled() -> None:
    settled: set[str] = set()
    doubts = Doubts[str](2)
    doubts.add("first", once(settled, "first"))
    doubts.add("second", once(settled, "second"))
    assert doubts.due() == []
    settled.add("second")
    assert doubts.due() == ["second"]
    assert len(doubts) == 1


@pytest.mark.parametrize("most", [1, 2, 8])
def test_beyond_the_most_that_may_wait_the_oldest_continues(most: int) -> None:
    doubts = Doubts[int](most)
    for number in range(most):
        doubts.add(number, never)
        assert doubts.due() == []
    for number in range(most, 3 * most):
        doubts.add(number, never)
        assert doubts.due() == [number - most]
        assert len(doubts) == most


def test_at_the_end_they_continue_one_by_one_as_what_one_requests_may_settle_the_others() -> None:
    settled: set[str] = set()
    doubts = Doubts[str](8)
    for name in ("first", "second", "third"):
        doubts.add(name, once(settled, name))
    assert doubts.take_oldest() == "first"
    settled.update({"second", "third"})
    assert doubts.due() == ["second", "third"]
    assert len(doubts) == 0
