"""One run of a command, from the plan to the ledger: what `backfill`, `sync` and `verify` have in common."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from threading import Event
from typing import Protocol

from sqlalchemy import Connection

from etl.core.observations import Beliefs, KeptEnd, PageSize
from etl.core.planning import Rules
from etl.core.retention import Retention
from etl.core.sightings import Sightings
from etl.core.timeline import SECOND, Window
from etl.core.walking import Target
from etl.errors import (
    BusyError,
    CredentialsError,
    ExitCode,
    ForceOrdersError,
    RejectedError,
    StoppedError,
    StoreError,
)
from etl.exchange.client import ExchangeClient
from etl.exchange.clock import ExchangeClock
from etl.exchange.rate_limiter import Gate
from etl.logs import logger
from etl.runs.fetchers import STOPPED, TICK, interruptibly
from etl.runs.recorder import Received, Recorder
from etl.runs.scheduler import Scheduler, Walk
from etl.runs.spans import Planner, SpanText
from etl.store import coverage, locks, runs
from etl.store.coverage import Gap
from etl.store.engine import store_errors
from etl.waits import WAITS, Reason

_log = logger(__name__)


@dataclass(frozen=True)
class Reader:
    """Everything that asks the exchange: one client an account, one gate and one clock for all of them."""

    market: str
    clients: dict[str, ExchangeClient]
    complaints: Sequence[str]
    """A line for each account that has no client, as its key cannot be used."""
    gate: Gate
    clock: ExchangeClock
    stop: Event
    patience: int
    """Milliseconds to wait for whatever is in the way: a silence of the exchange, another run of the same account."""
    concurrency: int
    page_limit: int
    rules_at: Callable[[int], Rules]

    def spent(self) -> tuple[int, int]:
        """Requests that were sent so far, and their weight."""
        spent = [client.spent() for client in self.clients.values()]
        return sum(requests for requests, _ in spent), sum(weight for _, weight in spent)


@dataclass(frozen=True)
class Progress:
    """Where a run stands; what it waits for stands in `etl.waits`."""

    walks_done: int
    walks: int
    said: str
    """What was found so far, in a few words."""


@dataclass
class Summary:
    """What a run did, and what is left."""

    command: str
    run_id: int
    status: str = "running"
    exit_code: ExitCode = ExitCode.DONE
    windows: int = 0
    counts: runs.Counts = field(default_factory=runs.Counts)
    gaps: list[Gap] = field(default_factory=list)
    unproven: int = 0
    """Milliseconds of the run's own span that are still unproven."""
    faults: list[str] = field(default_factory=list)
    span: Window | None = None
    """What was asked for, as instants by the exchange's clock; None: no span was."""
    clipped: str | None = None
    """One line where what was asked for begins before what the exchange keeps, and the run does not."""
    silent_until: int = 0
    """The exchange wants no request before, epoch milliseconds; 0: it never asked for silence."""
    seconds: float = 0.0


Watcher = Callable[[Progress], None]


def plan_only(
    connection: Connection, accounts: Sequence[str], market: str, planner: Planner, rules: Rules
) -> list[Target]:
    """What a run would ask for; nothing is asked and nothing is written."""
    with store_errors():
        known = [coverage.known(connection, account, market) for account in accounts]
        connection.rollback()
    return [target for of_account in known for target in planner(of_account, rules)]


class Purpose(Protocol):
    """What a run reads history for: to store it, or to hold it against the database."""

    @property
    def counts(self) -> runs.Counts:
        """What the ledger says of the run, but for requests and weight."""

    def begin(self, account: str, targets: Sequence[Target]) -> None:
        """Hear what is going to be read of an account; not committed yet."""

    def commit(self, received: Sequence[Received]) -> None:
        """Take answers and what they proved, all of it or nothing."""

    def said(self, walks_done: int) -> str:
        """What was found so far, in a few words for the progress line."""

    def judge(self, summary: Summary) -> None:
        """At the end say in the summary what is left; sets the exit code if it is not done."""


class Run:
    """One run: its row in the ledger, its walks, its end."""

    def __init__(
        self,
        connection: Connection,
        reader: Reader,
        command: str,
        watch: Watcher,
        assignment: runs.Assignment | None = None,
    ) -> None:
        self.connection = connection
        self._reader = reader
        self._watch = watch
        self._began = time.monotonic()
        self._walks = 0
        self._clients: dict[str, ExchangeClient] = {}
        with store_errors():
            run_id = runs.start(connection, command, assignment)
            connection.commit()
        self.recorder = Recorder(connection, reader.market, run_id, reader.spent)
        self.summary = Summary(command, run_id, faults=[*reader.complaints])

    def execute(self, planner: Planner, purpose: Purpose, span: SpanText | None = None) -> Summary:
        """Plan, walk and close the ledger; the summary tells how it went, whatever it was.

        `span` is what the planner plans for, where somebody asked for one: the summary says which instants it meant.
        """
        fault: ForceOrdersError | None = None
        try:
            with store_errors():
                self._walk(planner, purpose, span)
        except ForceOrdersError as error:
            fault = error
        return self._close(fault, purpose.counts)

    def refuse(self) -> Summary:
        """End before it began, where no key can be used: the summary says why."""
        self.summary.exit_code = ExitCode.WRONG_INPUT
        return self._close(None, runs.Counts())

    def _walk(self, planner: Planner, purpose: Purpose, span: SpanText | None) -> None:
        reader = self._reader

        def tick(walks_done: int) -> None:
            WAITS.tell()
            self._watch(Progress(walks_done, self._walks, purpose.said(walks_done)))

        self._hold_accounts()
        self._set_clock()
        walks = self._plan(planner, purpose, span)
        self.connection.commit()
        self._walks = self.summary.windows = len(walks)
        scheduler = Scheduler(purpose.commit, reader.concurrency, reader.stop, tick)
        try:
            scheduler.run(walks)
        finally:
            self.summary.faults += [f"account {name}: {error}" for name, error in scheduler.lost_accounts.items()]
            self.connection.rollback()
        purpose.judge(self.summary)
        self._weigh(scheduler)
        self.connection.commit()

    def _set_clock(self) -> None:
        """Read the exchange's clock, unless that was done not long ago."""
        if self._reader.clock.is_fresh:
            return
        try:
            interruptibly(next(iter(self._clients.values())).set_clock, self._reader.stop)
        except (RejectedError, CredentialsError) as error:
            _log.warning("the exchange's clock cannot be read, this machine's is taken instead: %s", error)

    def _hold_accounts(self) -> None:
        """Be the only run of each account until the end. One that stays busy is left to the run that has it.

        Two runs that hold an account each and want the other's both give up in the end: nobody waits for ever.
        """
        reader = self._reader
        waiting = dict(reader.clients)
        deadline = time.monotonic() + reader.patience / SECOND
        began = time.monotonic()
        with WAITS.place() as place:
            while waiting:
                for account in list(waiting):
                    if locks.hold_account(self.connection, account, reader.market):
                        self._clients[account] = waiting.pop(account)
                self.connection.commit()
                if time.monotonic() >= deadline:
                    break
                if waiting:
                    place.put(Reason.ACCOUNT, self._who_has(next(iter(waiting))), since=began)
                    if reader.stop.wait(TICK):
                        raise StoppedError(STOPPED)
        if not self._clients:
            raise BusyError("; ".join(f"{self._who_has(account)}; try again when it is done" for account in waiting))
        self.summary.faults += [f"{self._who_has(account)} and was left out" for account in waiting]

    def _who_has(self, account: str) -> str:
        holder = locks.holder(self.connection, account, self._reader.market)
        self.connection.rollback()
        return f"account {account} is being read by {holder or 'another program'}"

    def _plan(self, planner: Planner, purpose: Purpose, span: SpanText | None) -> list[Walk]:
        reader = self._reader
        rules = reader.rules_at(reader.clock.now())
        if span is not None:
            self.summary.span, self.summary.clipped = span.readable(rules), span.clipped(rules)
        largest = runs.largest_page(self.connection)
        walks: list[Walk] = []
        for account, client in self._clients.items():
            targets = planner(coverage.known(self.connection, account, reader.market), rules)
            purpose.begin(account, targets)
            beliefs = {
                symbol: Beliefs(KeptEnd(), PageSize(reader.page_limit, largest), Retention(rules.keeps, rules.now))
                for symbol in {target.symbol for target in targets}
            }
            sightings = Sightings(targets)
            walks += [Walk(account, client, target, beliefs[target.symbol], sightings) for target in targets]
        return walks

    def _weigh(self, scheduler: Scheduler) -> None:
        """What went wrong on the way counts more than what is left."""
        summary = self.summary
        if scheduler.last_failure is not None:
            summary.faults.append(f"a window could not be read: {scheduler.last_failure}")
        for unknown in sorted(scheduler.unknown_symbols):
            forgotten = [coverage.forget(self.connection, name, self._reader.market, unknown) for name in self._clients]
            summary.faults.append(f"the exchange does not know the symbol {unknown}; it is written like BTCUSDT")
            if any(forgotten):
                summary.exit_code = ExitCode.WRONG_INPUT
                summary.gaps = [gap for gap in summary.gaps if gap.symbol != unknown]
        reader = self._reader
        if reader.complaints or scheduler.lost_accounts or len(self._clients) < len(reader.clients):
            summary.exit_code = ExitCode.FAILED

    def _close(self, fault: ForceOrdersError | None, counts: runs.Counts) -> Summary:
        """The last row of the ledger; where the database itself failed, only the summary says so."""
        summary = self.summary
        if fault is not None:
            summary.exit_code = fault.exit_code
            summary.faults.insert(0, str(fault))
        summary.status = _STATUS.get(summary.exit_code, "failed")
        summary.counts = counts
        counts.requests, counts.weight = self._reader.spent()
        summary.silent_until = self._reader.gate.closed_until
        summary.seconds = time.monotonic() - self._began
        try:
            with store_errors():
                self.connection.rollback()
                runs.finish(self.connection, summary.run_id, counts, summary.status, "; ".join(summary.faults) or None)
                self.connection.commit()
        except StoreError as error:
            if not isinstance(fault, StoreError):
                summary.exit_code = error.exit_code
                summary.faults.append(str(error))
        return summary


_STATUS = {
    ExitCode.DONE: "succeeded",
    ExitCode.INCOMPLETE: "incomplete",
    ExitCode.BANNED: "banned",
    ExitCode.STOPPED: "stopped",
}
