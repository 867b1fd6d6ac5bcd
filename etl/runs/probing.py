"""One run of `probe`: asks each account in each of its markets what nobody has published, and records the answers."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial

from sqlalchemy import Connection

from etl.core.probing.findings import ProbeFinding
from etl.core.probing.notebook import MOST_WEIGHT, ProbeAnswer, ProbeRequest
from etl.core.probing.probe import probe
from etl.core.retention import DOCUMENTED
from etl.core.wallets import Wallet
from etl.errors import (
    BusyError,
    ClockSkewError,
    ContractError,
    ExchangeError,
    ExitCode,
    ForceOrdersError,
    StoreError,
    ThrottledError,
    TransientError,
)
from etl.exchange.client import ExchangeClient
from etl.logs import log_context
from etl.runs import weight_limit
from etl.runs.account_locks import lock_wallets
from etl.runs.exchange_clock import set_clock
from etl.runs.exit_codes import RunResult, status_and_exit_code
from etl.runs.fetchers import interruptibly
from etl.runs.reader import Reader
from etl.runs.selection import select_wallets
from etl.store import probe_results, runs
from etl.store.engine import store_errors

COMMAND = "probe"


@dataclass(frozen=True)
class ProbeReport:
    """What was found out with one account in one market, and what that cost."""

    wallet: Wallet
    host: str
    findings: Sequence[ProbeFinding]
    requests: int
    weight: int
    probed_at: int
    """When it began by the exchange's clock, epoch milliseconds."""

    @property
    def settled(self) -> int:
        return sum(finding.is_settled for finding in self.findings)


@dataclass
class ProbeSummary:
    """What a run of `probe` found, and what stood in its way."""

    run_id: int
    reports: list[ProbeReport] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    """What is not wrong with this run and worth knowing, a line each."""
    exit_code: ExitCode = ExitCode.DONE
    seconds: float = 0.0


class ProbeRun:
    """A run that stores nothing but its row in `runs` and what it found out.

    It locks its accounts all the same, as every run does: `accounts forget` and `db move-to` would else miss its rows.
    """

    def __init__(self, connection: Connection, reader: Reader, version: str) -> None:
        """`version`: of the program."""
        self._connection = connection
        self._reader = reader
        self._version = version
        self._began = time.monotonic()
        with store_errors():
            run_id = runs.start(connection, COMMAND)
            connection.commit()
        self.summary = ProbeSummary(run_id, faults=[*reader.key_faults])

    def execute(self) -> ProbeSummary:
        """Probe one after the other, and record the end. Never raises an error of ours: the summary holds it."""
        with log_context(run=self.summary.run_id):
            try:
                with store_errors():
                    result = RunResult(unread_accounts=len(self._reader.key_faults) + self._probe_all())
            except ForceOrdersError as error:
                self.summary.faults.insert(0, str(error))
                result = RunResult(error=error)
            return self._close(result)

    def _probe_all(self) -> int:
        """Returns how many accounts and markets could not be probed. Raises what ends the run for all."""
        selection = select_wallets(self._connection, self._reader)
        self.summary.notes += selection.unread
        busy = lock_wallets(self._connection, self._reader, selection.wallets)
        if busy and len(busy) == len(selection.wallets):
            raise BusyError("; ".join(busy.values()))
        self.summary.faults += busy.values()
        left_out = len(busy)
        for wallet in selection.wallets:
            if wallet in busy:
                continue
            try:
                with log_context(account=wallet.account, market=wallet.market):
                    self._probe(wallet, self._reader.client(wallet))
            except ThrottledError:
                raise
            except ExchangeError as error:
                self.summary.faults.append(f"account {wallet}: {error}")
                left_out += 1
        return left_out

    def _probe(self, wallet: Wallet, client: ExchangeClient) -> None:
        """Carry the requests of one probe to the exchange and store what it found, in one transaction."""
        before = client.spent()
        set_clock(self._reader, client.market, [client])
        weight_limit.learn(self._connection, client, self._reader.stop)
        now = client.clock.now()
        stored = probe_results.order_times(self._connection, wallet, now - DOCUMENTED)
        self._connection.rollback()
        steps = probe(client.market, now, stored)
        answer: ProbeAnswer = None
        while True:
            try:
                request = steps.send(answer)
            except StopIteration as done:
                findings: Sequence[ProbeFinding] = done.value
                break
            answer = self._answer(client, request, before[1] + MOST_WEIGHT)
        after = client.spent()
        cost = (after[0] - before[0], after[1] - before[1])
        report = ProbeReport(wallet, client.host, findings, *cost, now)
        probe_results.record(self._connection, self.summary.run_id, wallet, client.host, self._version, findings)
        weight_limit.remember_correction(self._connection, client)
        runs.save(self._connection, self.summary.run_id, self._counts())
        self._connection.commit()
        self.summary.reports.append(report)

    def _answer(self, client: ExchangeClient, request: ProbeRequest, most: int) -> ProbeAnswer:
        """What comes back; None once another attempt might exceed `most`. The probe does not see what retries cost."""
        each = client.market.weights.of(request.symbol) + 1  # an attempt may read the clock as well

        def affordable() -> int:
            return (most - client.spent()[1]) // each

        if affordable() < 1:
            return None
        try:
            return interruptibly(partial(client.answer, request, affordable()), self._reader.stop)
        except (TransientError, ContractError, ClockSkewError):
            if affordable() < 1:
                return None
            raise

    def _counts(self) -> runs.Counts:
        requests, weight = self._reader.spent()
        return runs.Counts(requests=requests, weight=weight)

    def _close(self, result: RunResult) -> ProbeSummary:
        """Complete the summary and record it; if the database fails, only the summary says so."""
        summary = self.summary
        status, summary.exit_code = status_and_exit_code(result)
        try:
            with store_errors():
                self._connection.rollback()
                error = "; ".join(summary.faults) or None
                runs.finish(self._connection, summary.run_id, self._counts(), status, error)
                self._connection.commit()
        except StoreError as error:
            summary.exit_code = ExitCode.DATABASE
            if not isinstance(result.error, StoreError):
                summary.faults.append(str(error))
        summary.seconds = time.monotonic() - self._began
        return summary
