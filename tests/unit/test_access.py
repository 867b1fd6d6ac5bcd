"""What the clients of a process share: a rate limiter for each pool, a clock for each API, and every cooldown."""

from collections.abc import Callable
from threading import Event

from etl.core.markets.apis import DAPI, FAPI, FUTURES_POOL, MARGIN_POOL, PAPI, PORTFOLIO_POOL, SAPI
from etl.core.markets.market import Pool
from etl.core.timeline import MINUTE
from etl.exchange.access import Access
from etl.exchange.budget import Budget
from etl.exchange.clock import local_now
from etl.exchange.rate_limiter import RateLimiter
from tests.unit.alone import Alone


def access(made: list[Pool] | None = None) -> Access:
    def new_limiter(pool: Pool, now: Callable[[], int]) -> RateLimiter:
        if made is not None:
            made.append(pool)
        return RateLimiter(Alone(), Budget(None, pool.allowance), now, Event(), MINUTE)

    return Access(new_limiter)


def test_the_requests_of_a_pool_pass_one_rate_limiter_and_those_of_another_pool_another() -> None:
    made: list[Pool] = []
    shared = access(made)
    fapi, dapi = shared.clock(FAPI), shared.clock(DAPI)
    assert shared.limiter(FAPI.pool, fapi) is shared.limiter(DAPI.pool, dapi)
    assert shared.limiter(PAPI.pool, fapi) is not shared.limiter(FAPI.pool, fapi)
    assert shared.limiter(SAPI.pool, fapi) is not shared.limiter(PAPI.pool, fapi)
    assert made == [FUTURES_POOL, PORTFOLIO_POOL, MARGIN_POOL]


def test_each_api_has_a_clock_of_its_own() -> None:
    shared = access()
    assert shared.clock(FAPI) is shared.clock(FAPI)
    shared.set_clock(shared.clock(FAPI), 1_000_000)
    assert shared.clock(FAPI).now() < 2_000_000 < shared.clock(DAPI).now()


def test_a_cooldown_of_one_pool_is_one_of_all() -> None:
    shared = access()
    clock = shared.clock(FAPI)
    futures, portfolio = shared.limiter(FUTURES_POOL, clock), shared.limiter(PORTFOLIO_POOL, clock)
    assert shared.cooldown_until == 0
    until = local_now() + 5 * MINUTE
    shared.start_cooldown(until, "banned")
    assert futures.cooldown_until == portfolio.cooldown_until == shared.cooldown_until == until
    assert not futures.waits_for_cooldown
    assert not portfolio.waits_for_cooldown


def test_a_clock_that_is_corrected_moves_the_cooldowns_that_are_counted_by_it() -> None:
    shared = access()
    fapi, sapi = shared.clock(FAPI), shared.clock(SAPI)
    futures, margin = shared.limiter(FUTURES_POOL, fapi), shared.limiter(MARGIN_POOL, sapi)
    until = local_now() + 5 * MINUTE
    shared.start_cooldown(until, "banned")
    shared.set_clock(fapi, fapi.now() + 7 * MINUTE)
    assert futures.cooldown_until - until in range(7 * MINUTE - 50, 7 * MINUTE + 50)
    assert margin.cooldown_until == until
