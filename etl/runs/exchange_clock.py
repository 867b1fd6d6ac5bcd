"""Reads the exchange's clock before the first page of a market, with whichever account gets an answer."""

from collections.abc import Sequence
from functools import partial

from etl.core.markets.market import Market
from etl.errors import CredentialsError, ExchangeError, RejectedError, ThrottledError
from etl.exchange.client import ExchangeClient
from etl.logs import logger
from etl.runs.account_failures import FAILURES_IN_A_ROW
from etl.runs.fetchers import interruptibly
from etl.runs.reader import Reader

_log = logger(__name__)


def set_clock(reader: Reader, market: Market, clients: Sequence[ExchangeClient]) -> None:
    """Read the clock of a market, unless it was read recently. `clients`: those of the market.

    Where it is refused, this machine's clock is used. Raises the error of a host that does not answer.
    """
    if reader.clock(market).is_fresh:
        return
    failures: list[ExchangeError] = []
    for client in clients[:FAILURES_IN_A_ROW]:
        try:
            interruptibly(partial(client.set_clock, briefly=bool(failures)), reader.stop)
        except ThrottledError:
            raise
        except ExchangeError as error:
            failures.append(error)
        else:
            return
    refusals = [error for error in failures if isinstance(error, RejectedError | CredentialsError)]
    if not refusals:
        raise failures[0]
    _log.warning("the exchange's clock cannot be read, this machine's clock is used instead: %s", refusals[0])
