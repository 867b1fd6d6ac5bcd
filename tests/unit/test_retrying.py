"""Which failures are tried again, how often, and after which waits."""

from collections.abc import Callable

import pytest

from etl.errors import (
    BannedError,
    BeyondRetentionError,
    ClockSkewError,
    ContractError,
    CredentialsError,
    DoubtedKeyError,
    ForceOrdersError,
    MaintenanceError,
    RejectedError,
    StoppedError,
    ThrottledError,
    TransientError,
    UnknownSymbolError,
    WindowTooWideError,
)
from etl.exchange.retries import CLOCK_RETRIES, RetryPolicy

POLICY = RetryPolicy(attempts=5, first=1.0, longest=6.0)


class Attempts:
    """A call that fails with each of these errors in turn, then gives "done"; counts how often it was made."""

    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)
        self.made = 0

    def __call__(self) -> str:
        self.made += 1
        if self.errors:
            raise self.errors.pop(0)
        return "done"


def waiting() -> bool:
    return True


def outcome(
    attempts: Attempts, policy: RetryPolicy = POLICY, waits_for_cooldown: Callable[[], bool] = waiting
) -> tuple[str | Exception, list[float]]:
    """The result or the error that came out, and the waits."""
    waits: list[float] = []
    try:
        return policy.retrying(waits.append, waits_for_cooldown)(attempts), waits
    except ForceOrdersError as error:
        return error, waits


def test_what_works_at_once_is_not_waited_for() -> None:
    assert outcome(Attempts()) == ("done", [])


@pytest.mark.parametrize("error", [TransientError("x"), ContractError("x")])
def test_what_may_work_the_next_time_is_tried_again_after_a_wait(error: Exception) -> None:
    result, waits = outcome(Attempts(error))
    assert result == "done"
    assert len(waits) == 1
    assert 1.0 <= waits[0] <= 2.0


def test_the_waits_double_up_to_the_longest() -> None:
    _, waits = outcome(Attempts(*[TransientError("x")] * 4))
    assert len(waits) == 4
    for wait, shortest in zip(waits, (1, 2, 4, 6), strict=True):
        assert shortest <= wait <= min(shortest + 1, 6)


def test_an_exchange_that_is_under_maintenance_is_retried_slowly() -> None:
    _, waits = outcome(Attempts(*[MaintenanceError("x")] * 5), RetryPolicy())
    assert len(waits) == 5
    for wait, shortest in zip(waits, (10, 20, 40, 60, 60), strict=True):
        assert shortest <= wait <= min(shortest + 1, 60)


def test_after_the_last_attempt_the_last_error_itself_comes_out() -> None:
    errors = [TransientError(str(number)) for number in range(9)]
    attempts = Attempts(*errors)
    result, waits = outcome(attempts)
    assert result is errors[4]
    assert attempts.made == 5
    assert len(waits) == 4


def test_one_attempt_means_none_again() -> None:
    error = TransientError("x")
    assert outcome(Attempts(error), RetryPolicy(attempts=1)) == (error, [])


def test_a_refused_timestamp_is_signed_again_without_a_wait() -> None:
    assert outcome(Attempts(ClockSkewError("x"), ClockSkewError("x"))) == ("done", [0.0, 0.0])


def test_a_clock_that_stays_refused_comes_out_after_three_more_tries() -> None:
    attempts = Attempts(*[ClockSkewError("x")] * 9)
    result, waits = outcome(attempts, RetryPolicy(attempts=20))
    assert isinstance(result, ClockSkewError)
    assert attempts.made == 1 + CLOCK_RETRIES == 4
    assert waits == [0.0] * 3


def test_the_tries_for_a_refused_clock_count_for_one_request_only() -> None:
    for _ in range(3):
        assert outcome(Attempts(*[ClockSkewError("x")] * 3))[0] == "done"


def test_other_failures_in_between_leave_the_tries_for_a_refused_clock_as_they_are() -> None:
    attempts = Attempts(ClockSkewError("1"), TransientError("x"), *[ClockSkewError(n) for n in "234"])
    result, _ = outcome(attempts, RetryPolicy(attempts=20))
    assert str(result) == "4"


@pytest.mark.parametrize("error", [ThrottledError("x", 5), BannedError("x", 5), DoubtedKeyError("x", 5)])
def test_the_wait_for_a_cooldown_is_left_to_the_rate_limiter(error: Exception) -> None:
    assert outcome(Attempts(error)) == ("done", [0.0])
    assert outcome(Attempts(error), waits_for_cooldown=lambda: False) == (error, [])


@pytest.mark.parametrize(
    "error",
    [
        CredentialsError("x"),
        RejectedError("x"),
        WindowTooWideError("x"),
        BeyondRetentionError("x"),
        UnknownSymbolError("x"),
        StoppedError("x"),
    ],
)
def test_what_will_not_get_better_is_not_tried_again(error: Exception) -> None:
    attempts = Attempts(error)
    assert outcome(attempts) == (error, [])
    assert attempts.made == 1


def test_a_mistake_of_ours_is_not_tried_again() -> None:
    attempts = Attempts(KeyError("x"))
    with pytest.raises(KeyError):
        outcome(attempts)
    assert attempts.made == 1
