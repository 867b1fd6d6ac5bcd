"""What a random sample of windows says about all of them."""

from random import Random

import pytest

from etl.core.sampling import Sample, SampleResult


def test_a_sample_is_drawn_without_repetition_and_is_all_where_there_is_no_more() -> None:
    drawn = Sample(5, Random(1)).choose(range(13))
    assert len(set(drawn)) == 5
    assert sorted(Sample(50, Random(1)).choose(range(13))) == [*range(13)]
    assert Sample().choose(range(13)) == [*range(13)]


@pytest.mark.parametrize(
    ("result", "bound"),
    [
        (SampleResult(13, 5, 5, 0), 0.451),
        (SampleResult(13, 5, 4, 0), 0.527),
        (SampleResult(13, 13, 13, 0), 0.0),
        (SampleResult(13, 13, 12, 0), 0.221),
        (SampleResult(13, 5, 0, 0), 1.0),
        (SampleResult(13, 5, 5, 5), 1.0),
        (SampleResult(0, 0, 0, 0), 0.0),
    ],
)
def test_only_windows_that_were_read_bound_the_share_that_differs(result: SampleResult, bound: float) -> None:
    assert round(result.upper_bound, 3) == bound
