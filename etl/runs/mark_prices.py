"""Reads the mark price at each order, for what its fill was worse than the market. Public, and cached for ever."""

from functools import partial

from sqlalchemy import Connection
from sqlalchemy.exc import DataError

from etl.core.mark_prices import PriceRequest, price_requests
from etl.core.markets.market import Market
from etl.core.paging import Refusal
from etl.core.planning import Rules
from etl.core.wallets import Wallet
from etl.errors import ContractError, ExchangeError, NotServedError, ThrottledError, TransientError
from etl.exchange.client import ExchangeClient
from etl.exchange.mark_prices import question
from etl.logs import logger
from etl.runs.fetchers import interruptibly
from etl.runs.reader import Reader
from etl.runs.readings import Left
from etl.runs.recorder import Recorder
from etl.runs.spans import Planner
from etl.store import mark_prices, runs

FAILURES = 3
"""After so many symbols that fail the rest is left to the next run: one that always fails keeps no other waiting."""

MOST_MINUTES = 2_000
"""Of an account and market in one run, the newest first."""

_log = logger(__name__)


class MarkPriceReader:
    """Asks for the minutes of the orders that the exchange still keeps. A minute without a price is asked again."""

    is_by_lot = False

    def __init__(self, connection: Connection, reader: Reader, recorder: Recorder) -> None:
        self._connection = connection
        self._reader = reader
        self._recorder = recorder
        self.left = Left()

    def concerns(self, market: Market) -> bool:
        return self._reader.costs.mark_prices and market.mark_prices is not None

    def read(self, wallet: Wallet, client: ExchangeClient, _planner: Planner, rules: Rules) -> None:
        """Raises ThrottledError, StoppedError and StoreError; what else fails is left to the next run.

        A host that does not have mark prices is only logged: it is the same every night.
        """
        missing = mark_prices.missing(self._connection, *wallet, rules.floor, MOST_MINUTES)
        self._connection.rollback()
        given_up: set[str] = set()
        failed: list[str] = []
        for request in price_requests(missing):
            if request.symbol in given_up:
                continue
            try:
                if not self._read_one(wallet, client, request):
                    given_up.add(request.symbol)
            except ThrottledError:
                raise
            except ExchangeError as error:
                _log.info("account %s: mark prices of %s: %s", wallet, request.symbol, error)
                if isinstance(error, NotServedError):
                    return
                given_up.add(request.symbol)
                failed.append(request.symbol)
                if len(failed) == FAILURES or not isinstance(error, TransientError | ContractError):
                    break
        if failed:
            self.left.faults.append(
                f"account {wallet}: mark prices of {', '.join(failed)} could not be read; the next run asks again"
            )

    def _read_one(self, wallet: Wallet, client: ExchangeClient, request: PriceRequest) -> bool:
        """Whether the exchange knows the symbol. Stores the prices and what the run has spent."""
        endpoint = client.market.mark_prices
        assert endpoint is not None  # noqa: S101 – `concerns` looks
        answer = interruptibly(partial(client.ask, question(endpoint, request)), self._reader.stop)
        if isinstance(answer, Refusal):
            return answer is not Refusal.UNKNOWN_SYMBOL
        wanted = set(request.wanted)
        prices = [one for one in answer if one.minute in wanted]
        try:
            mark_prices.add(self._connection, wallet.market, request.symbol, prices)
        except DataError:
            self._connection.rollback()
            raise ContractError("the exchange answered with a mark price that the database cannot keep") from None
        counts = self._recorder.counts
        counts.requests, counts.weight = self._reader.spent()
        runs.save(self._connection, self._recorder.run_id, counts)
        self._connection.commit()
        return True
