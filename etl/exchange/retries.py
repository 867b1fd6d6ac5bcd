"""Which failed requests are retried, when, and how often. The caller passes the function that sleeps."""

from collections.abc import Callable
from dataclasses import dataclass

from tenacity import RetryCallState, Retrying, retry_if_exception, stop_after_attempt
from tenacity.wait import wait_exponential_jitter

from etl.errors import ClockSkewError, ContractError, MaintenanceError, ThrottledError, TransientError
from etl.logs import logger
from etl.waits import REPORTED_AFTER_S, WAITS, Reason

CLOCK_RETRIES = 3
"""How often a request with a refused timestamp is signed again: a new timestamp works at once or not at all."""

_log = logger(__name__)


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """The most attempts for a request, and the waits between them in seconds: `first`, doubled each time, to `longest`.

    Maintenance of the exchange takes minutes, so it has longer waits.
    """

    attempts: int = 6
    first: float = 0.5
    longest: float = 30.0
    maintenance_first: float = 10.0
    maintenance_longest: float = 60.0

    def retrying(self, sleep: Callable[[float], object], waits_for_cooldown: Callable[[], bool]) -> Retrying:
        """The tenacity controller of one request. A throttled request is retried if its cooldown is waited for."""
        backoff = wait_exponential_jitter(multiplier=self.first, max=self.longest, jitter=self.first)
        maintenance = wait_exponential_jitter(
            multiplier=self.maintenance_first, max=self.maintenance_longest, jitter=self.first
        )
        clock_retries = iter(range(CLOCK_RETRIES))
        failure = ""

        def wait(state: RetryCallState) -> float:
            # The rate limiter waits for the end of a cooldown; a refused timestamp is signed again at once.
            error = state.outcome.exception() if state.outcome else None
            if isinstance(error, ThrottledError | ClockSkewError):
                return 0.0
            return maintenance(state) if isinstance(error, MaintenanceError) else backoff(state)

        def is_retried(error: BaseException) -> bool:
            nonlocal failure
            failure = str(error)
            if isinstance(error, ThrottledError):
                return waits_for_cooldown()
            if isinstance(error, ClockSkewError):
                return next(clock_retries, None) is not None
            return isinstance(error, TransientError | ContractError)

        def pause(seconds: float) -> None:
            if 0 < seconds <= REPORTED_AFTER_S:
                _log.info("retry in %.1f s after an error: %s", seconds, failure)
            with WAITS.during(Reason.RETRY, failure, seconds):
                sleep(seconds)

        return Retrying(
            stop=stop_after_attempt(self.attempts),
            wait=wait,
            retry=retry_if_exception(is_retried),
            sleep=pause,
            reraise=True,
        )
