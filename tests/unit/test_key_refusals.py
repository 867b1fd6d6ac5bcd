"""Which refusals of a key are doubted and which are final. Times are epoch milliseconds, small ones."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

from hypothesis import given
from hypothesis import strategies as st

from etl.exchange.key_refusals import KeyRefusals


def refusals(*accepted: int, doubted: int = 0) -> KeyRefusals:
    key = KeyRefusals()
    for sent in accepted:
        key.accepted(sent)
    if doubted:
        key.doubt(doubted)
    return key


def test_a_key_that_never_worked_is_refused_for_good() -> None:
    assert not refusals().is_doubtful(10)


def test_a_refusal_is_doubted_once_the_key_has_worked() -> None:
    assert refusals(5).is_doubtful(10)


def test_a_refusal_after_the_wait_is_final() -> None:
    doubted = refusals(5, doubted=60)
    assert not doubted.is_doubtful(60)
    assert not doubted.is_doubtful(10_000)


@given(st.lists(st.integers(0, 59), min_size=1))
def test_of_requests_in_flight_at_once_none_is_refused_for_good(sent: list[int]) -> None:
    key = refusals(0)
    for at in sent:
        assert key.is_doubtful(at)
        key.doubt(60)
    assert not key.is_doubtful(60)


def test_the_latest_wait_counts() -> None:
    doubted = refusals(5, doubted=120)
    doubted.doubt(60)
    assert doubted.is_doubtful(119)
    assert not doubted.is_doubtful(120)


def test_an_answer_to_what_was_sent_before_the_doubt_does_not_end_it() -> None:
    doubted = refusals(5, doubted=60)
    doubted.accepted(59)
    assert not doubted.is_doubtful(60)


def test_after_a_key_works_again_its_next_refusal_is_doubted() -> None:
    doubted = refusals(5, doubted=60)
    doubted.accepted(60)
    assert doubted.is_doubtful(61)


def test_a_refusal_that_is_read_before_an_earlier_success_is_doubted_too() -> None:
    key = KeyRefusals()
    with ThreadPoolExecutor() as threads:
        with key.in_flight():
            verdict = threads.submit(key.is_doubtful, 10)
            key.accepted(9)
        assert verdict.result(timeout=60)


def test_a_refusal_is_final_once_no_request_in_flight_could_show_otherwise() -> None:
    key = KeyRefusals()
    with ThreadPoolExecutor() as threads:
        with key.in_flight():
            verdict = threads.submit(key.is_doubtful, 10)
            assert not verdict.done()
        assert not verdict.result(timeout=60)


def test_requests_that_are_all_refused_do_not_wait_for_one_another() -> None:
    key, together = KeyRefusals(), Barrier(8)

    def refused(sent: int) -> bool:
        with key.in_flight():
            together.wait(10)
        return key.is_doubtful(sent)

    with ThreadPoolExecutor(8) as threads:
        assert not any(threads.map(refused, range(8), timeout=60))
