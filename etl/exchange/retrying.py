"""Which failed requests are tried again, when, and for how long. A value: nothing here waits by itself."""

from collections.abc import Callable
from dataclasses import dataclass

from tenacity import RetryCallState, Retrying, before_sleep_log, retry_if_exception, stop_after_attempt
from tenacity.wait import wait_exponential_jitter

from etl.errors import ClockSkewError, ContractError, ThrottledError, TransientError
from etl.logs import INFO, logger

_log = logger(__name__)


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How often a request is sent at most, and the waits in between in seconds: `first`, doubled, up to `longest`."""

    attempts: int = 6
    first: float = 0.5
    longest: float = 30.0

    def retrying(self, sleep: Callable[[float], object], is_patient: Callable[[], bool]) -> Retrying:
        """The tenacity controller. A throttled request is tried again only while the gate's patience lasts."""
        backoff = wait_exponential_jitter(multiplier=self.first, max=self.longest, jitter=self.first)

        def wait(state: RetryCallState) -> float:
            # The gate itself waits out a silence, and a refused timestamp is signed anew at once.
            error = state.outcome.exception() if state.outcome else None
            return 0.0 if isinstance(error, ThrottledError | ClockSkewError) else backoff(state)

        def again(error: BaseException) -> bool:
            if isinstance(error, ThrottledError):
                return is_patient()
            return isinstance(error, TransientError | ContractError | ClockSkewError)

        def pause(seconds: float) -> None:
            sleep(seconds)

        return Retrying(
            stop=stop_after_attempt(self.attempts),
            wait=wait,
            retry=retry_if_exception(again),
            sleep=pause,
            before_sleep=before_sleep_log(_log, INFO),
            reraise=True,
        )
