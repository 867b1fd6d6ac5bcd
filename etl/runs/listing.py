"""What the exchange lists for the markets of a run: kept once a night, so that reports know each symbol's assets."""

from collections.abc import Iterable
from functools import partial
from threading import Event

from sqlalchemy import Connection

from etl.exchange.client import ExchangeClient
from etl.runs.fetchers import interruptibly
from etl.store import instruments


def keep_listings(connection: Connection, clients: Iterable[ExchangeClient], stop: Event, *, asks: bool) -> None:
    """Keep what was listed in this run. `asks`: request what was not listed for a night. The caller commits.

    One client of a market is asked, as the list is the same for all accounts. Raises StoppedError.
    """
    for market, client in {client.market: client for client in clients}.items():
        is_due = asks and market.listing is not None and not instruments.are_recent(connection, market.name)
        listed = interruptibly(partial(client.listed, asks=is_due), stop)
        instruments.remember(connection, market.name, listed.instruments or ())
