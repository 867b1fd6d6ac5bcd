"""What the exchange allows an address per minute: asked for once a day, remembered, corrected by a refusal."""

from threading import Event
from typing import NamedTuple

from sqlalchemy import Connection

from etl.exchange.budget import Budget
from etl.exchange.client import ExchangeClient
from etl.runs.fetchers import interruptibly
from etl.store import weight_limits


def learn(connection: Connection, client: ExchangeClient, stop: Event) -> None:
    """Let the client's rate limiter know the limit, before the first page. Asks only if no recent one is remembered.

    Never fails because of the exchange: without its word the documented limit counts. Raises StoppedError.
    """
    known, rate_limiter = weight_limits.read(connection, client.host), client.limiter
    connection.rollback()
    if known is not None:
        rate_limiter.allow(known.per_minute)
    if (known is not None and known.is_recent) or not client.market.tells_weight_limit:
        return
    if not rate_limiter.is_to_ask_for_limit():
        return
    told = interruptibly(client.weight_limit, stop)
    if told is not None:
        rate_limiter.allow(told)
        weight_limits.remember(connection, client.host, told, "exchangeInfo")
        connection.commit()


def remember_correction(connection: Connection, client: ExchangeClient) -> None:
    """Keep the limit that the text of a 429 named in this run, if one did. The caller commits."""
    corrected = client.limiter.take_corrected_limit()
    if corrected is not None:
        weight_limits.remember(connection, client.host, corrected, "429")


class Expected(NamedTuple):
    """What a run would find, as far as it is known without a request."""

    budget: int
    """Weight per minute."""
    asks: bool
    """Whether it would ask the exchange for its limit."""


def expected(connection: Connection, host: str, chosen: int | None) -> Expected:
    """`chosen`: the budget in the settings, if there is one."""
    budget, known = Budget(chosen), weight_limits.read(connection, host)
    connection.rollback()
    if known is not None:
        budget.allow(known.per_minute)
    return Expected(budget.per_minute, not (budget.is_chosen or (known is not None and known.is_recent)))
