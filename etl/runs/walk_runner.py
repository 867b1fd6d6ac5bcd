"""Walks in flight: which one runs next, what happens when one fails, and when the run has to end."""

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from threading import Event

from etl.core.dialogue import Reply, Steps, SymbolsRequest
from etl.core.doubts import Doubts
from etl.core.findings import Finding, Verdict
from etl.core.observations import Observations
from etl.core.paging import Page, PageRequest, Refusal
from etl.core.sightings import Sightings
from etl.core.walking import Target, walk
from etl.errors import (
    ClockSkewError,
    ContractError,
    CredentialsError,
    ExchangeError,
    RejectedError,
    StoppedError,
    TransientError,
)
from etl.exchange.client import ExchangeClient
from etl.logs import log_context, logger
from etl.runs.account_failures import AccountFailures
from etl.runs.fetchers import STOPPED, TICK, Fetchers
from etl.runs.recorder import Received

Commit = Callable[[Sequence[Received]], None]
"""Stores what responses contain: all or nothing."""

_log = logger(__name__)


@dataclass(eq=False)
class Walk:
    """One target that is being read: its account, and the generator that decides the next request."""

    account: str
    client: ExchangeClient
    target: Target
    observations: Observations
    sightings: Sightings
    steps: Steps = field(init=False)

    def __post_init__(self) -> None:
        self.steps = walk(self.target, self.observations)


class WalkRunner:
    """Runs at most `concurrency` walks at once and passes each response to `commit`.

    Only the calling thread uses walks and the database; the fetchers only send requests.
    `tick` is called regularly with the number of finished walks.

    A crash at any instant repeats at most 2 x `concurrency` windows. Those in flight, or received and not yet written,
    are together at most `concurrency`, because no walk begins before all responses are written. At most `concurrency`
    more wait for a later page that settles a doubt. Each is continued after its last proven instant: one request if
    one page holds the rest.
    """

    def __init__(self, commit: Commit, concurrency: int, stop: Event, tick: Callable[[int], None]) -> None:
        self._commit = commit
        self._concurrency = concurrency
        self._stop = stop
        self._tick = tick
        self._fetchers: Fetchers[Walk, Reply] = Fetchers(concurrency)
        self._in_flight = 0
        self._finished = 0
        self._doubts: Doubts[Walk] = Doubts(concurrency)
        self._received: list[Received] = []
        self._failures = AccountFailures(())
        self._failed_windows: dict[str, ExchangeError] = {}
        self.unknown_symbols: set[str] = set()

    @property
    def lost_accounts(self) -> dict[str, ExchangeError]:
        """The accounts that were left out, and why."""
        return self._failures.left_out

    @property
    def last_failure(self) -> ExchangeError | None:
        """Why the last window failed of an account that was not left out."""
        own = [error for account, error in self._failed_windows.items() if account not in self.lost_accounts]
        return own[-1] if own else None

    def run(self, walks: Iterable[Walk]) -> None:
        """Finish every walk. A window that fails becomes a gap. An account that the exchange refuses is left out, and
        so is one of which several windows in a row fail.

        Raises StoppedError, ThrottledError and StoreError, and the error of the last account where the failures are
        not one account's own (see AccountFailures).
        """
        waiting = deque(walks)
        self._failures = AccountFailures({walk.account for walk in waiting})
        try:
            self._run(waiting)
        finally:
            self._fetchers.close()

    def _run(self, waiting: deque[Walk]) -> None:
        while waiting or self._in_flight or self._doubts:
            if self._stop.is_set():
                raise StoppedError(STOPPED)
            if waiting and self._in_flight < self._concurrency:
                self._advance(waiting.popleft(), None)
            elif self._in_flight:
                self._take_responses()
                self._tick(self._finished)
            else:
                self._advance(self._doubts.take_oldest(), None)
        self._write()
        self._tick(self._finished)

    def _take_responses(self) -> None:
        """Wait for a response, take those that arrived meanwhile as well, and write them together.

        The next requests are sent first, so that the exchange and the database work at the same time.
        """
        wait = TICK
        try:
            for _ in range(self._concurrency):
                done = self._fetchers.next_done(wait)
                if done is None:
                    break
                self._in_flight -= 1
                self._receive(*done)
                wait = 0
        finally:
            self._write()

    def _write(self) -> None:
        received, self._received = self._received, []
        if received:
            self._commit(received)

    def _receive(self, current: Walk, outcome: Reply | Exception) -> None:
        if isinstance(outcome, TransientError | ContractError):
            self._fail(current, outcome)
        elif isinstance(outcome, CredentialsError | RejectedError | ClockSkewError):
            _log.info("account %s: %s", current.account, outcome)
            self._finished += 1
            self._failures.failed(current.account, outcome)
        elif isinstance(outcome, Exception):
            raise outcome
        else:
            self._failures.answered(current.account)
            if outcome is Refusal.UNKNOWN_SYMBOL and current.target.symbol is not None:
                self.unknown_symbols.add(current.target.symbol)
            self._advance(current, outcome)
            for doubted in self._doubts.due():
                self._advance(doubted, None)

    def _advance(self, current: Walk, reply: Reply) -> None:
        """Submit the walk's next request, and keep what its last response contains for the next write.

        An account that is left out sends nothing more. What was in flight is still kept.
        """
        is_left_out = current.account in self.lost_accounts
        if is_left_out and reply is None:
            self._finished += 1
            return
        step = current.steps.send(reply)
        if step.request is not None and not is_left_out:
            self._in_flight += 1
            with log_context(account=current.account):
                self._fetchers.submit(current, _call(current.client, step.request))
        elif step.is_settled is not None and not is_left_out:
            self._doubts.add(current, step.is_settled)
        else:
            current.steps.close()  # releases its memory
            self._finished += 1
        page = reply if isinstance(reply, Page) else None
        if page is not None or step.findings:
            first = current.sightings.first(current.target, step.unseen)
            self._received.append(Received(current.account, page, step.findings, first))

    def _fail(self, current: Walk, error: ExchangeError) -> None:
        """Record the window as a gap, which the next run tries again."""
        self._finished += 1
        self._failed_windows.pop(current.account, None)
        self._failed_windows[current.account] = error
        need, symbol = current.target.need, current.target.symbol
        _log.info("account %s: %s: %s", current.account, need, error)
        self._received.append(Received(current.account, None, [Finding(need, Verdict.FAILED, symbol)]))
        self._failures.failed(current.account, error)


def _call(client: ExchangeClient, request: PageRequest | SymbolsRequest) -> Callable[[], Reply]:
    if isinstance(request, SymbolsRequest):
        return client.symbols
    return lambda: client.page(request)
