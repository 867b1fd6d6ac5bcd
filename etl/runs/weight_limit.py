"""What the exchange allows an address per minute: asked for once a day, remembered, corrected by a refusal."""

from threading import Event
from typing import NamedTuple

from sqlalchemy import Connection

from etl.core.markets.apis import FUTURES_POOL
from etl.core.markets.market import Market
from etl.exchange.budget import Budget
from etl.exchange.client import ExchangeClient
from etl.runs.fetchers import interruptibly
from etl.store import weight_limits


def learn(connection: Connection, client: ExchangeClient, stop: Event) -> None:
    """Let the client's rate limiter know the limit, before the first page. Asks only if no recent one is remembered.

    Never fails because of the exchange: without its word the documented limit counts. Raises StoppedError.
    """
    told_by, rate_limiter = told_as(client.market, client.host), client.limiter
    known = weight_limits.read(connection, told_by)
    connection.rollback()
    if known is not None:
        rate_limiter.allow(known.per_minute)
    is_needed = client.market.tells_weight_limit and not (known is not None and known.is_recent)
    if not is_needed or not rate_limiter.is_to_ask_for_limit():
        return
    told = interruptibly(client.weight_limit, stop)
    if told is not None:
        rate_limiter.allow(told)
        weight_limits.remember(connection, told_by, told, "exchangeInfo")
        connection.commit()


def remember_correction(connection: Connection, client: ExchangeClient) -> None:
    """Keep the limit that the text of a 429 named in this run, if one did. The caller commits."""
    corrected = client.limiter.take_corrected_limit()
    if corrected is not None:
        weight_limits.remember(connection, told_as(client.market, client.host), corrected, "429")


class Expected(NamedTuple):
    """What a run would find, as far as it is known without a request."""

    budget: int
    """Weight per minute."""
    asks: bool
    """Whether it would ask the exchange for its limit."""


def expected(connection: Connection, market: Market, host: str, chosen: int | None) -> Expected:
    """`host`: of the market's API. `chosen`: the budget in the settings, if there is one."""
    budget, known = Budget(chosen, market.api.pool.allowance), weight_limits.read(connection, told_as(market, host))
    connection.rollback()
    if known is not None:
        budget.allow(known.per_minute)
    is_known = budget.is_chosen or (known is not None and known.is_recent)
    return Expected(budget.per_minute, market.tells_weight_limit and not is_known)


def told_as(market: Market, host: str) -> str:
    """The name under which a limit is remembered: the host's and, as one host may serve several pools, the pool's."""
    return host if market.api.pool == FUTURES_POOL else f"{host}/{market.api.pool.name}"
