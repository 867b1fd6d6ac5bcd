"""What all clients of a process share: a rate limiter for each pool of weight, and a clock for each API.

Both are made when they are first needed. A cooldown of one pool stops all of them: a ban is the address's.
"""

from collections.abc import Callable
from threading import Lock

from etl.core.markets.market import Api, Pool
from etl.exchange.clock import ExchangeClock
from etl.exchange.outcome_counts import Outcomes
from etl.exchange.rate_limiter import RateLimiter


class Access:
    """Safe to use from several threads."""

    def __init__(
        self,
        new_limiter: Callable[[Pool, Callable[[], int]], RateLimiter],
        new_clock: Callable[[], ExchangeClock] = ExchangeClock,
    ) -> None:
        """`new_limiter` takes a pool and the clock by whose minutes its weight is counted."""
        self._new_limiter = new_limiter
        self._new_clock = new_clock
        self._lock = Lock()
        self._clocks: dict[str, ExchangeClock] = {}
        self._limiters: dict[str, tuple[RateLimiter, ExchangeClock]] = {}
        self.outcomes = Outcomes()
        """How the requests that passed a rate limiter ended."""

    def clock(self, api: Api) -> ExchangeClock:
        """The clock of the API where a market's time is asked for."""
        with self._lock:
            return self._clocks.setdefault(api.name, self._new_clock())

    def limiter(self, pool: Pool, clock: ExchangeClock) -> RateLimiter:
        """The rate limiter of a pool; `clock` counts its minutes if the pool is used for the first time."""
        with self._lock:
            if pool.name not in self._limiters:
                self._limiters[pool.name] = self._new_limiter(pool, clock.now), clock
            return self._limiters[pool.name][0]

    def set_clock(self, clock: ExchangeClock, exchange_time: int) -> None:
        """Set a clock, read just now, and let the rate limiters know that count by it."""
        moved = clock.set(exchange_time)
        for limiter, own in self._known_limiters():
            if own is clock:
                limiter.clock_moved(moved)

    def start_cooldown(self, until: int, reason: str) -> None:
        """Let nothing pass before `until`, in any pool, here and in every process on the same egress."""
        for limiter, _ in self._known_limiters():
            limiter.start_cooldown(until, reason)

    @property
    def cooldown_until(self) -> int:
        """The end of the latest cooldown, epoch milliseconds; 0: there was none."""
        return max((limiter.cooldown_until for limiter, _ in self._known_limiters()), default=0)

    def _known_limiters(self) -> list[tuple[RateLimiter, ExchangeClock]]:
        with self._lock:
            return [*self._limiters.values()]
