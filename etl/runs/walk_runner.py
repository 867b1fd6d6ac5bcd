"""Walks in flight: which one runs next, what happens when one fails, and when the run has to end."""

from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from threading import Event

from etl.core.dialogue import Reply, Steps, SymbolsRequest
from etl.core.doubts import Doubts
from etl.core.findings import Finding, Verdict
from etl.core.hints import HintRequest
from etl.core.markets.market import Pager
from etl.core.numbered_walk import numbered_walk
from etl.core.observations import Observations
from etl.core.paging import Page, PageRequest, Refusal
from etl.core.sightings import Sightings
from etl.core.walking import Target, walk
from etl.core.wallets import Wallet
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
from etl.runs.account_failures import RunFailures
from etl.runs.fetchers import STOPPED, TICK, Fetchers
from etl.runs.recorder import Received

Commit = Callable[[Sequence[Received]], None]
"""Stores what responses contain: all or nothing."""

_log = logger(__name__)


@dataclass(eq=False)
class Walk:
    """One target that is being read: its account and market, and the generator that decides the next request."""

    wallet: Wallet
    client: ExchangeClient
    target: Target
    observations: Observations
    sightings: Sightings
    steps: Steps = field(init=False)

    def __post_init__(self) -> None:
        market = self.client.market
        if market.pager is Pager.NUMBERED:
            self.steps = numbered_walk(self.target, self.observations, by_symbol=market.is_split_by_symbol)
        else:
            self.steps = walk(self.target, self.observations)

    @property
    def pool(self) -> str:
        """Whose weight its requests use."""
        return self.client.market.api.pool.name


class WalkRunner:
    """Runs at most `concurrency` walks at once of each pool of weight, and passes each response to `commit`.

    Only the calling thread uses walks and the database; the fetchers only send requests.
    `tick` is called regularly with the number of finished walks.

    A crash at any instant repeats at most 2 x `concurrency` windows of a pool. Those in flight, or received and not yet
    written, are together at most `concurrency`, because no walk begins before all responses are written. At most
    `concurrency` more wait for a later page that settles a doubt. Each is continued after its last proven instant: one
    request if one page holds the rest.
    """

    def __init__(self, commit: Commit, concurrency: int, stop: Event, tick: Callable[[int], None]) -> None:
        self._commit = commit
        self._concurrency = concurrency
        self._stop = stop
        self._tick = tick
        self._waiting: dict[str, deque[Walk]] = {}
        """By pool."""
        self._in_flight: Counter[str] = Counter()
        """By pool."""
        self._finished = 0
        self._doubts: Doubts[Walk] = Doubts(concurrency)
        self._received: list[Received] = []
        self._failures = RunFailures(())
        self._failed_windows: dict[Wallet, ExchangeError] = {}
        self.unknown_symbols: set[tuple[str, str]] = set()
        """Each with its market."""

    @property
    def left_out(self) -> Mapping[Wallet, ExchangeError]:
        """What was left out by its own fault, and why."""
        return self._failures.left_out

    @property
    def silent_hosts(self) -> Mapping[str, ExchangeError]:
        """The hosts from which no more was read, and why."""
        return self._failures.silent_hosts

    @property
    def last_failure(self) -> ExchangeError | None:
        """Why the last window failed of an account that was not left out."""
        own = [error for wallet, error in self._failed_windows.items() if wallet not in self.left_out]
        return own[-1] if own else None

    def run(self, walks: Iterable[Walk]) -> None:
        """Finish every walk. A window that fails becomes a gap. An account that the exchange refuses is left out, and
        so is one of which several windows in a row fail.

        Raises StoppedError, ThrottledError and StoreError, and the last error where the failures are not one account's
        own and concern every host (see RunFailures).
        """
        self._waiting = {}
        for one in walks:
            self._waiting.setdefault(one.pool, deque()).append(one)
        self._failures = RunFailures((one.wallet, one.client.host) for of in self._waiting.values() for one in of)
        self._fetchers: Fetchers[Walk, Reply] = Fetchers(self._concurrency * len(self._waiting))
        try:
            self._run()
        finally:
            self._fetchers.close()

    def _run(self) -> None:
        while any(self._waiting.values()) or self._in_flight.total() or self._doubts:
            if self._stop.is_set():
                raise StoppedError(STOPPED)
            if (following := self._next()) is not None:
                self._advance(following, None)
            elif self._in_flight.total():
                self._take_responses()
                self._tick(self._finished)
            else:
                self._advance(self._doubts.take_oldest(), None)
        self._write()
        self._tick(self._finished)

    def _next(self) -> Walk | None:
        """A walk to begin, of a pool that has room for another one in flight."""
        for pool, waiting in self._waiting.items():
            if waiting and self._in_flight[pool] < self._concurrency:
                return waiting.popleft()
        return None

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
                self._in_flight[done[0].pool] -= 1
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
            _log.info("account %s: %s", current.wallet, outcome)
            self._finished += 1
            self._failures.failed(current.wallet, outcome)
        elif isinstance(outcome, Exception):
            raise outcome
        else:
            self._failures.answered(current.wallet)
            if outcome is Refusal.UNKNOWN_SYMBOL and current.target.symbol is not None:
                self.unknown_symbols.add((current.wallet.market, current.target.symbol))
            self._advance(current, outcome)
            for doubted in self._doubts.due():
                self._advance(doubted, None)

    def _advance(self, current: Walk, reply: Reply) -> None:
        """Submit the walk's next request, and keep what its last response contains for the next write.

        An account that is left out sends nothing more. What was in flight is still kept.
        """
        is_left_out = self._failures.is_left_out(current.wallet)
        if is_left_out and reply is None:
            self._finished += 1
            return
        step = current.steps.send(reply)
        if step.request is not None and not is_left_out:
            self._in_flight[current.pool] += 1
            with log_context(account=current.wallet.account, market=current.wallet.market):
                self._fetchers.submit(current, call_of(current.client, step.request))
        elif step.is_settled is not None and not is_left_out:
            self._doubts.add(current, step.is_settled)
        else:
            current.steps.close()  # releases its memory
            self._finished += 1
        page = reply if isinstance(reply, Page) else None
        if page is not None or step.findings:
            first = current.sightings.first(current.target, step.unseen)
            self._received.append(Received(current.wallet, page, step.findings, first))

    def _fail(self, current: Walk, error: ExchangeError) -> None:
        """Record the window as a gap, which the next run tries again."""
        self._finished += 1
        self._failed_windows.pop(current.wallet, None)
        self._failed_windows[current.wallet] = error
        need, symbol = current.target.need, current.target.symbol
        _log.info("account %s: %s: %s", current.wallet, need, error)
        self._received.append(Received(current.wallet, None, [Finding(need, Verdict.FAILED, symbol)]))
        self._failures.failed(current.wallet, error)


def call_of(client: ExchangeClient, request: PageRequest | SymbolsRequest | HintRequest) -> Callable[[], Reply]:
    """Sends what a walk asks for."""
    if isinstance(request, SymbolsRequest):
        return client.symbols
    if isinstance(request, HintRequest):
        return lambda: client.hint(request.window)
    return lambda: client.page(request)
