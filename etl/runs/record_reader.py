"""Reads a list of records of an account at the end of a run, such as its capital flows or its income of one type.

The walks of the orders are over and recorded by then. What fails here leaves the records unproven, never the orders.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Protocol, TypeVar

from sqlalchemy import Connection
from sqlalchemy.exc import DataError

from etl.core.dialogue import Step
from etl.core.findings import Finding, Verdict
from etl.core.markets.market import Records
from etl.core.observations import Observations, TruncationSide
from etl.core.orders import Reject
from etl.core.paging import PageRequest, Refusal
from etl.core.planning import Known, Rules
from etl.core.records import RecordPage, page_limits, rules_of
from etl.core.retention import Retention
from etl.core.timeline import Window, subtract
from etl.core.walking import Target, walk
from etl.core.wallets import Wallet
from etl.errors import ConfigError, ContractError, ExchangeError, ThrottledError, TransientError
from etl.exchange.client import ExchangeClient
from etl.exchange.question import Question
from etl.logs import logger
from etl.runs.account_failures import FAILURES_IN_A_ROW
from etl.runs.fetchers import interruptibly
from etl.runs.reader import Reader
from etl.runs.recorder import Recorder
from etl.runs.spans import Planner
from etl.store import quarantine, runs
from etl.store.quarantine import HasRaw
from etl.store.record_coverage import RecordCoverage

Record = TypeVar("Record", bound=HasRaw)

_log = logger(__name__)


class RecordList(Protocol[Record]):
    """One list of records of an account in a market: how it is asked for, and where it is stored."""

    @property
    def wallet(self) -> Wallet: ...

    @property
    def title(self) -> str:
        """What it lists, for people."""

    @property
    def scope(self) -> str | None:
        """What the requests name instead of a symbol; None: nothing."""

    @property
    def listed(self) -> Records: ...

    @property
    def quarantine(self) -> str:
        """The column `market` of `quarantined_orders` for a row of the list."""

    @property
    def coverage(self) -> RecordCoverage: ...

    def question(self, request: PageRequest) -> Question[RecordPage[Record]]: ...

    def add(self, connection: Connection, run_id: int, records: Sequence[Record]) -> list[Reject]:
        """Store what is not stored yet; returns what contradicts what is. Raises DataError."""

    def left_out(self, connection: Connection, window: Window, shown: Sequence[Record]) -> str | None:
        """The name of a stored record of a window that is not among those shown; None: all are."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a reading has left undone of a list."""

    unproven: int = 0
    """Milliseconds of what was to be read."""
    reasons: tuple[str, ...] = ()
    """Of the gaps in it."""
    error: ExchangeError | None = None
    """The last failure."""
    left_out: tuple[str, ...] = ()
    """The names of stored records that the exchange left out."""

    @property
    def why(self) -> str:
        """Why something is not proven, in a few words."""
        return str(self.error or ", ".join(self.reasons))


def plan_records(listed: Records, known: Known, planner: Planner, rules: Rules) -> list[Target]:
    """The walks through a list of one account; none where it is no longer kept in the span of the run."""
    own = rules_of(listed, rules)
    try:
        return planner({None: known.until(own.present)}, own)
    except ConfigError:
        return []


class RecordReader:
    """Reads one list after the other, one request at a time: a night needs one of each."""

    def __init__(self, connection: Connection, reader: Reader, recorder: Recorder) -> None:
        self._connection = connection
        self._reader = reader
        self._recorder = recorder
        self._quarantined: set[tuple[Wallet, str]] = set()
        self._left_out: list[str] = []
        """Of the list that is being read."""

    def read(self, one: RecordList[Record], client: ExchangeClient, planner: Planner, rules: Rules) -> Outcome:
        """Read what a run is to read of a list. A failure is part of the outcome, and the next run asks again.

        Raises ThrottledError, StoppedError and StoreError.
        """
        targets = plan_records(one.listed, one.coverage.known(self._connection), planner, rules)
        if not targets:
            self._connection.rollback()
            return Outcome()
        one.coverage.ask(self._connection, min(target.need.start for target in targets))
        self._connection.commit()
        own = rules_of(one.listed, rules)
        observations = Observations(TruncationSide(), page_limits(one.listed), Retention(own.keeps, own.now))
        self._left_out = []
        error = self._walk_all(one, client, targets, observations)
        return self._outcome(one, targets, error)

    def _walk_all(
        self, one: RecordList[Record], client: ExchangeClient, targets: Sequence[Target], observations: Observations
    ) -> ExchangeError | None:
        """Returns the last failure. Ends early where the exchange refuses, or where several windows in a row fail."""
        last, in_a_row = None, 0
        for target in targets:
            try:
                self._walk(one, client, replace(target, symbol=one.scope), observations)
                in_a_row = 0
            except ThrottledError:
                raise
            except ExchangeError as error:
                _log.info("account %s: %s of %s: %s", one.wallet, one.title, target.need, error)
                self._record(one, None, [Finding(target.need, Verdict.FAILED)])
                last, in_a_row = error, in_a_row + 1
                if in_a_row == FAILURES_IN_A_ROW or not isinstance(error, TransientError | ContractError):
                    break
        return last

    def _walk(
        self, one: RecordList[Record], client: ExchangeClient, target: Target, observations: Observations
    ) -> None:
        steps = walk(target, observations, by_symbol=False)
        answer: RecordPage[Record] | Refusal | None = None
        while True:
            step: Step = steps.send(answer)
            page = answer if isinstance(answer, RecordPage) else None
            self._record(one, page, [self._judged(one, finding) for finding in step.findings])
            if step.request is None and step.is_settled is None:
                return
            answer = None  # to a walk that waits for the pages of others: there are none
            if isinstance(step.request, PageRequest):
                question = one.question(step.request)
                answer = interruptibly(partial(client.ask, question), self._reader.stop)

    def _record(self, one: RecordList[Record], page: RecordPage[Record] | None, findings: Sequence[Finding]) -> None:
        """Store a page and what it proves, in one transaction."""
        records: Sequence[Record] = page.records if page else ()
        rejects: Sequence[Reject] = page.rejects if page else ()
        try:
            self._write(one, records, rejects, findings)
        except DataError:
            # Postgres refuses a row that passed every check: try them one by one and quarantine the refused ones.
            self._connection.rollback()
            write = partial(one.add, self._connection, self._recorder.run_id)
            records, refused = quarantine.sift(self._connection, records, write)
            rejects = quarantine.storable(self._connection, self._recorder.run_id, [*rejects, *refused])
            self._write(one, records, rejects, findings)

    def _write(
        self,
        one: RecordList[Record],
        records: Sequence[Record],
        rejects: Sequence[Reject],
        findings: Sequence[Finding],
    ) -> None:
        connection, run_id, counts = self._connection, self._recorder.run_id, self._recorder.counts
        contradictions = one.add(connection, run_id, records)
        kept = quarantine.keep(connection, one.wallet.account, one.quarantine, run_id, [*rejects, *contradictions])
        one.coverage.record(connection, findings)
        quarantined = self._quarantined | {(one.wallet, reject.raw) for reject in kept}
        counts = replace(counts, quarantined=counts.quarantined + len(quarantined - self._quarantined))
        counts.requests, counts.weight = self._reader.spent()
        runs.save(connection, run_id, counts)
        connection.commit()
        self._recorder.counts, self._quarantined = counts, quarantined

    def _judged(self, one: RecordList[Record], finding: Finding) -> Finding:
        """The finding, disputed where the pages of a proof lack a record that is stored."""
        if finding.verdict is not Verdict.PROVEN:
            return finding
        shown = [record for page in finding.pages if isinstance(page, RecordPage) for record in page.records]
        lacking = one.left_out(self._connection, finding.window, shown)
        if lacking is None:
            return finding
        self._left_out.append(lacking)
        return replace(finding, verdict=Verdict.DISPUTED)

    def _outcome(self, one: RecordList[Record], targets: Sequence[Target], error: ExchangeError | None) -> Outcome:
        """What of these targets is not proven, and why."""
        unproven = subtract([target.need for target in targets], one.coverage.known(self._connection).proven)
        gaps = one.coverage.gaps(self._connection)
        self._connection.rollback()
        reasons = {reason for gap, reason in gaps if any(gap.intersect(window) for window in unproven)}
        missing = sum(window.width for window in unproven)
        return Outcome(missing, tuple(sorted(reasons)), error, tuple(self._left_out))
