"""Which failed requests are tried again, when, and for how long. A value: nothing here waits by itself."""

from collections.abc import Callable
from dataclasses import dataclass

from tenacity import RetryCallState, Retrying, retry_if_exception, stop_after_attempt
from tenacity.wait import wait_exponential_jitter

from etl.errors import ClockSkewError, ContractError, MaintenanceError, ThrottledError, TransientError
from etl.logs import logger
from etl.waits import REPORTED_AFTER_S, WAITS, Reason

CLOCK_RETRIES = 3
"""How often a refused timestamp is signed anew: it is right at once, or something else is wrong."""

_log = logger(__name__)


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How often a request is sent at most, and the waits in between in seconds: `first`, doubled, up to `longest`.

    An exchange that is being worked on is back after minutes: the waits for it are of their own.
    """

    attempts: int = 6
    first: float = 0.5
    longest: float = 30.0
    maintenance_first: float = 10.0
    maintenance_longest: float = 60.0

    def retrying(self, sleep: Callable[[float], object], waits_for_cooldown: Callable[[], bool]) -> Retrying:
        """The tenacity controller of one request. A throttled one is tried again while the gate's patience lasts."""
        backoff = wait_exponential_jitter(multiplier=self.first, max=self.longest, jitter=self.first)
        maintenance = wait_exponential_jitter(
            multiplier=self.maintenance_first, max=self.maintenance_longest, jitter=self.first
        )
        clock_retries = iter(range(CLOCK_RETRIES))
        failure = ""

        def wait(state: RetryCallState) -> float:
            # The gate itself waits out a silence, and a refused timestamp is signed anew at once.
            error = state.outcome.exception() if state.outcome else None
            if isinstance(error, ThrottledError | ClockSkewError):
                return 0.0
            return maintenance(state) if isinstance(error, MaintenanceError) else backoff(state)

        def again(error: BaseException) -> bool:
            nonlocal failure
            failure = str(error)
            if isinstance(error, ThrottledError):
                return waits_for_cooldown()
            if isinstance(error, ClockSkewError):
                return next(clock_retries, None) is not None
            return isinstance(error, TransientError | ContractError)

        def pause(seconds: float) -> None:
            if 0 < seconds <= REPORTED_AFTER_S:
                _log.info("trying again in %.1f s, as %s", seconds, failure)
            with WAITS.during(Reason.RETRY, failure, seconds):
                sleep(seconds)

        return Retrying(
            stop=stop_after_attempt(self.attempts),
            wait=wait,
            retry=retry_if_exception(again),
            sleep=pause,
            reraise=True,
        )
