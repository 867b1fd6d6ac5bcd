"""Runs one job: the run that the command would make, with a rate limiter and a clock that all jobs share."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from threading import Event
from types import MappingProxyType
from typing import NamedTuple

from sqlalchemy import Connection

from etl.accounts.credentials import Keyring, read_keys
from etl.accounts.key_sources import key_sources
from etl.core.account_markets import readable
from etl.core.markets import market_named
from etl.core.text import many
from etl.core.timeline import duration
from etl.core.walking import Target
from etl.core.wallets import Wallet
from etl.errors import ExitCode, ForceOrdersError
from etl.exchange.access import Access
from etl.fleet.jobs import SYNC, ClaimedJob, Job, UnfinishedError, catch_up_jobs, retry_delay, sister_jobs
from etl.fleet.kept_connections import KeptConnections
from etl.fleet.queue import enqueue, is_superseded, join_night
from etl.logs import log_context, logger
from etl.reporting.lines import summary_line
from etl.runs import composition, from_settings
from etl.runs.ingest import IngestSpec
from etl.runs.market_finding import find_markets
from etl.runs.reader import Reader
from etl.runs.run import plan_only
from etl.runs.summary import Summary, unwatched
from etl.settings.model import Settings
from etl.store.engine import store_errors
from etl.store.runs import Assignment

_MS = timedelta(milliseconds=1)

_log = logger(__name__)


class _Outcome(NamedTuple):
    """What became of a job, in one line, its exit code, and the run that it made as a field of the log."""

    text: str
    exit_code: ExitCode
    run: Mapping[str, int] = MappingProxyType({})


@dataclass(frozen=True)
class WorkerContext:
    """What all jobs of a worker share. Several jobs may run at once, each in a thread."""

    settings: Settings
    """Their database is up."""
    access: Access
    stop: Event
    worker: str
    """A name for the log and the table `runs`."""
    connections: KeptConnections = field(default_factory=KeptConnections)

    def run_job(self, claimed: ClaimedJob) -> None:
        """Run a job; raises UnfinishedError if it did not succeed, with the delay before it is retried, if it is."""
        job = claimed.job
        with log_context(worker=self.worker, job=claimed.id, account=job.account, market=job.market):
            try:
                outcome = self._outcome(claimed)
            except ForceOrdersError as error:
                outcome = _Outcome(str(error), error.exit_code)
            with log_context(**outcome.run):
                self._conclude(claimed, outcome)

    def _conclude(self, claimed: ClaimedJob, outcome: _Outcome) -> None:
        if outcome.exit_code in (ExitCode.DONE, ExitCode.INCOMPLETE):
            _log.info("%s", outcome.text)
            return
        cooldown = self.access.cooldown_until - self._now(claimed.job)
        retry_in = retry_delay(outcome.exit_code, claimed.attempts, cooldown)
        if outcome.exit_code is not ExitCode.STOPPED:
            retry = "no retry before the next run" if retry_in is None else f"retry in {duration(retry_in / _MS)}"
            _log.warning("%s; %s", outcome.text, retry)
        raise UnfinishedError(retry_in)

    def _outcome(self, claimed: ClaimedJob) -> _Outcome:
        job = claimed.job
        with self.connections.of_job(self.settings) as connection:
            if is_superseded(connection, claimed):
                return _Outcome("skipped: a later sync of this account is queued", ExitCode.DONE)
            job = self._with_market(connection, job)
            if jobs := self._catch_up_jobs(connection, job):
                count = enqueue(connection, jobs)
                return _Outcome(f"several weeks behind: enqueued {many(count, 'job')}", ExitCode.DONE)
            summary = self._run(connection, replace(claimed, job=job))
        text = "; ".join([summary_line(summary), *summary.notes, *summary.faults])
        return _Outcome(text, summary.exit_code, {"run": summary.run_id})

    def _catch_up_jobs(self, connection: Connection, job: Job) -> Sequence[Job]:
        if job.command != SYNC:
            return []
        rules = from_settings.rules(self.settings, self._now(job), market_named(job.market).weights)
        targets: list[Target] = plan_only(connection, [Wallet(job.account, job.market)], job.planner(), rules)
        return catch_up_jobs(job, targets, rules)

    def _with_market(self, connection: Connection, job: Job) -> Job:
        """The job with a market that its account has. Where the settings name none, enqueues those of the others.

        Finds the account's markets for that, once a night. Raises StoreError, and what ends a run for all accounts.
        """
        if job.command != SYNC or self.settings.markets_of(job.account):
            return job
        reader = self._reader(job)
        if not reader.accounts:  # the run says what is wrong with the key
            return job
        with store_errors():
            found = readable(find_markets(connection, reader, job.account))
        if found and job.market not in found:
            job = replace(job, market=found[0])
        join_night(connection, sister_jobs(job, found))
        return job

    def _now(self, job: Job) -> int:
        """By the clock of the job's market, epoch milliseconds."""
        return self.access.clock(market_named(job.market).clock.api).now()

    def _run(self, connection: Connection, claimed: ClaimedJob) -> Summary:
        job = claimed.job
        spec = IngestSpec(job.command, self._keys(job), job.planner(), job.symbols)
        assignment = Assignment(claimed.id, self.worker)
        return composition.ingest_with(connection, self._reader(job), spec, unwatched, assignment)

    def _reader(self, job: Job) -> Reader:
        return composition.reader(self.settings, self._keys(job), self.access, self.stop, [job.market])

    def _keys(self, job: Job) -> Keyring:
        """Read for each job, so that a new key takes effect."""
        return read_keys(key_sources(self.settings, (job.account,)))
