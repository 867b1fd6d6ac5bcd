"""Which refusals of a key are doubted and which are final. Times are epoch milliseconds, small ones."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

from hypothesis import given
from hypothesis import strategies as st

from etl.exchange.key_refusals import KeyRefusals


def trust(*accepted: int, doubted: int = 0) -> KeyRefusals:
    trusted = KeyRefusals()
    for sent in accepted:
        trusted.accepted(sent)
    if doubted:
        trusted.doubt(doubted)
    return trusted


def test_a_key_that_never_worked_is_refused_for_good() -> None:
    assert not trust().is_doubtful(10)


def test_a_refusal_is_doubted_once_the_key_has_worked() -> None:
    assert trust(5).is_doubtful(10)


def test_a_refusal_after_the_wait_is_final() -> None:
    doubted = trust(5, doubted=60)
    assert not doubted.is_doubtful(60)
    assert not doubted.is_doubtful(10_000)


@given(st.lists(st.integers(0, 59), min_size=1))
def test_of_requests_in_flight_at_once_none_is_refused_for_good(sent: list[int]) -> None:
    trusted = trust(0)
    for at in sent:
        assert trusted.is_doubtful(at)
        trusted.doubt(60)
    assert not trusted.is_doubtful(60)


def test_the_latest_wait_counts() -> None:
    doubted = trust(5, doubted=120)
    doubted.doubt(60)
    assert doubted.is_doubtful(119)
    assert not doubted.is_doubtful(120)


def test_an_answer_to_what_was_sent_before_the_doubt_does_not_end_it() -> None:
    doubted = trust(5, doubted=60)
    doubted.accepted(59)
    assert not doubted.is_doubtful(60)


def test_a_key_that_works_again_is_trusted_again() -> None:
    doubted = trust(5, doubted=60)
    doubted.accepted(60)
    assert doubted.is_doubtful(61)


def test_a_refusal_that_is_read_before_an_earlier_answer_is_doubted_all_the_same() -> None:
    trusted = KeyRefusals()
    with ThreadPoolExecutor() as threads:
        with trusted.in_flight():
            verdict = threads.submit(trusted.is_doubtful, 10)
            trusted.accepted(9)
        assert verdict.result(timeout=10)


def test_a_refusal_is_final_once_nothing_is_under_way_that_could_tell_otherwise() -> None:
    trusted = KeyRefusals()
    with ThreadPoolExecutor() as threads:
        with trusted.in_flight():
            verdict = threads.submit(trusted.is_doubtful, 10)
            assert not verdict.done()
        assert not verdict.result(timeout=10)


def test_requests_that_are_all_refused_do_not_wait_for_one_another() -> None:
    trusted, together = KeyRefusals(), Barrier(8)

    def refused(sent: int) -> bool:
        with trusted.in_flight():
            together.wait(10)
        return trusted.is_doubtful(sent)

    with ThreadPoolExecutor(8) as threads:
        assert not any(threads.map(refused, range(8), timeout=10))
