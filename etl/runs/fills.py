"""Reads the fills of force orders at the end of a run: what the orders cost.

The walks of the orders are over and recorded by then. What fails here leaves fills to be read by the next run, and
takes no proof of orders. A row that cannot be read goes to the quarantine, and counts there as any other.
"""

from functools import partial

from sqlalchemy import Connection

from etl.core.fill_requests import FillRequest, FillRequests
from etl.core.fills import DueOrder, FillPage, Reason, readable
from etl.core.markets.market import Market, Records
from etl.core.paging import Refusal
from etl.core.planning import Rules
from etl.core.text import many
from etl.core.timeline import Window
from etl.core.wallets import Wallet
from etl.errors import ContractError, ExchangeError, NotServedError, StoppedError, ThrottledError, TransientError
from etl.exchange.client import ExchangeClient
from etl.exchange.fills import question
from etl.logs import log_context, logger
from etl.runs.account_failures import FAILURES_IN_A_ROW
from etl.runs.fetchers import STOPPED, TICK, Fetchers
from etl.runs.fill_recorder import FillRecorder
from etl.runs.reader import Reader
from etl.runs.readings import Left
from etl.runs.recorder import Recorder
from etl.runs.spans import Planner
from etl.store import fills
from etl.waits import WAITS

CHUNK = 2_000
"""Orders that are planned at a time."""

_log = logger(__name__)

Outcome = FillPage | Refusal | Exception


class FillReader:
    """Reads one account after the other, several requests at once: a first night may have a thousand orders."""

    is_by_lot = False

    def __init__(self, connection: Connection, reader: Reader, recorder: Recorder, weight: int | None) -> None:
        """`weight`: the most that is spent on an account in a market; None: without bound."""
        self._connection = connection
        self._reader = reader
        self._recorder = recorder
        self._weight = weight
        self._unserved: set[str] = set()
        """Markets whose host does not serve fills."""
        self.left = Left()

    def concerns(self, market: Market) -> bool:
        return market.fills is not None and self._weight != 0 and market.name not in self._unserved

    def read(self, wallet: Wallet, client: ExchangeClient, planner: Planner, rules: Rules) -> None:
        """Read the fills that are due. A failure is noted, and the next run asks again.

        Raises ThrottledError, StoppedError and StoreError.
        """
        records = client.market.fills
        span = readable(rules, records.keeps) if records else None
        if records is None or span is None:
            return
        recorder = FillRecorder(self._connection, self._reader, self._recorder)
        account = _AccountFills(wallet, client, records, recorder, self._reader, self._weight)
        after, found = fills.Place(), False
        while account.goes_on and (chunk := self._due(wallet, span, after)):
            found = True
            account.read(FillRequests(chunk, records))
            last = chunk[-1]
            after = fills.Place(last.tries, last.order_time, last.symbol, last.order_id)
        if isinstance(account.error, NotServedError):
            _log.info("account %s: fills are not read: %s", wallet, account.error)
            self._unserved.add(wallet.market)
        elif found:
            self._say(account, span)

    def _due(self, wallet: Wallet, span: Window, after: fills.Place) -> list[DueOrder]:
        due = fills.due(self._connection, *wallet, self._recorder.run_id, span, after, CHUNK)
        self._connection.rollback()
        return due

    def _say(self, account: "_AccountFills", span: Window) -> None:
        """Say what is left to read, and why."""
        wallet = account.wallet
        count = fills.count_due(self._connection, *wallet, span)
        self._connection.rollback()
        why = account.error or (
            "the weight for it is spent" if account.is_spent else "what came does not add up to them"
        )
        if count:
            self.left.faults.append(
                f"account {wallet}: the fills of {many(count, 'order')} are still to be read ({why}); "
                "the next run goes on"
            )


class _AccountFills:
    """The requests for the fills of one account in one market, within the weight for them."""

    def __init__(
        self,
        wallet: Wallet,
        client: ExchangeClient,
        records: Records,
        recorder: FillRecorder,
        reader: Reader,
        weight: int | None,
    ) -> None:
        self.wallet = wallet
        self.recorder = recorder
        self.error: ExchangeError | None = None
        """The last failure, or the refusal that ended it."""
        self._client = client
        self._records = records
        self._reader = reader
        self._weight = weight
        self._spent_before = client.spent()[1]
        self._asked = 0
        self._failures_in_a_row = 0
        self._is_refused = False

    @property
    def is_spent(self) -> bool:
        """Whether another request would cost more than there is weight. Repeated attempts count as they are sent."""
        each = self._records.endpoint.weight
        spent = max(self._asked * each, self._client.spent()[1] - self._spent_before)
        return self._weight is not None and spent + each > self._weight

    @property
    def goes_on(self) -> bool:
        return not self.is_spent and not self._is_refused and self._failures_in_a_row < FAILURES_IN_A_ROW

    def read(self, requests: FillRequests) -> None:
        """Ask until nothing is left to ask, or `goes_on` is false."""
        fetchers: Fetchers[FillRequest, FillPage | Refusal] = Fetchers(self._reader.concurrency)
        in_flight = 0
        try:
            while True:
                while in_flight < self._reader.concurrency and self.goes_on and (request := requests.next()):
                    with log_context(account=self.wallet.account, market=self.wallet.market):
                        fetchers.submit(request, partial(self._client.ask, question(self._records, request)))
                    self._asked, in_flight = self._asked + 1, in_flight + 1
                if not in_flight:
                    return
                done = fetchers.next_done(TICK)
                WAITS.report()
                if self._reader.stop.is_set():
                    raise StoppedError(STOPPED)
                if done is not None:
                    in_flight -= 1
                    self._receive(requests, *done)
        finally:
            fetchers.close()

    def _receive(self, requests: FillRequests, request: FillRequest, outcome: Outcome) -> None:
        if isinstance(outcome, ThrottledError) or not isinstance(outcome, FillPage | Refusal | ExchangeError):
            raise outcome
        if isinstance(outcome, ExchangeError):
            _log.info("account %s: fills of %s in %s: %s", self.wallet, request.symbol, request.window, outcome)
            may_pass = isinstance(outcome, TransientError | ContractError)
            self.error = self.error if self._is_refused else outcome
            self._is_refused = self._is_refused or not may_pass
            self._failures_in_a_row += 1
            requests.give_up(request)
            return
        self._failures_in_a_row = 0
        if isinstance(outcome, FillPage):
            self.recorder.record(self.wallet, requests, request, outcome)
        elif outcome is Refusal.UNKNOWN_SYMBOL:
            self.recorder.refuse(self.wallet, requests.refused_symbol(request), Reason.SYMBOL)
        elif outcome is Refusal.TOO_WIDE:
            self.recorder.refuse(self.wallet, requests.too_wide(request), Reason.CROWDED)
        elif outcome is Refusal.BEYOND_RETENTION:
            self.recorder.refuse(self.wallet, requests.too_old(request), Reason.BEYOND_RETENTION)
        else:
            requests.give_up(request)
