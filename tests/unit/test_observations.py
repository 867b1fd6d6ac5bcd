"""What a run observes about the exchange, and what changes an observation."""

import pytest

from etl.core.observations import Truncation, TruncationSide


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
