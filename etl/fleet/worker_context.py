"""What a worker does with a job: the run that the command would make, with a gate and a clock that all jobs share."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from threading import Event

from sqlalchemy import Connection

from etl.accounts.credentials import Keyring, read_keys
from etl.accounts.key_sources import key_sources
from etl.core.text import many
from etl.core.timeline import duration
from etl.core.walking import Target
from etl.errors import ExitCode, ForceOrdersError
from etl.exchange.clock import ExchangeClock
from etl.exchange.rate_limiter import Gate
from etl.fleet.jobs import SYNC, Doing, Job, UnfinishedError, night_in_pieces, rest_before_retry
from etl.fleet.queue import hand_out, is_superseded
from etl.reporting.lines import summary_line
from etl.runs import composition
from etl.runs.ingest import Storing
from etl.runs.run import Run, Summary, plan_only
from etl.settings.model import Settings
from etl.store.runs import Assignment


@dataclass(frozen=True)
class Workplace:
    """Everything that a job needs and that is not its own. Several jobs may be done at once, each in a thread."""

    settings: Settings
    """They name a database that is up."""
    gate: Gate
    clock: ExchangeClock
    stop: Event
    worker: str
    say: Callable[[str], None]
    """Takes a line about each job."""

    def do(self, doing: Doing) -> None:
        """Do a job to its end; raises UnfinishedError where it is to be done again, or has failed for good."""
        try:
            said, exit_code = self._do(doing)
        except ForceOrdersError as error:
            said, exit_code = str(error), error.exit_code
        if exit_code in (ExitCode.DONE, ExitCode.INCOMPLETE):
            self.say(f"account {doing.job.account}: {said}")
            return
        silent = self.gate.closed_until - self.clock.now()
        rest = rest_before_retry(exit_code, doing.attempts, silent)
        if exit_code is not ExitCode.STOPPED:
            self.say(f"account {doing.job.account}: {said}; {_again(rest)}")
        raise UnfinishedError(rest)

    def _do(self, doing: Doing) -> tuple[str, ExitCode]:
        job = doing.job
        with composition.store(self.settings) as connection:
            if is_superseded(connection, doing):
                return "left to a later night, which waits already", ExitCode.DONE
            if pieces := self._pieces(connection, job):
                count = hand_out(connection, pieces)
                return f"several weeks to make up for: handed out {many(count, 'job')}", ExitCode.DONE
            summary = self._run(connection, doing)
        return "; ".join([summary_line(summary), *summary.faults]), summary.exit_code

    def _pieces(self, connection: Connection, job: Job) -> Sequence[Job]:
        """What a night hands out in its own place."""
        if job.command != SYNC:
            return []
        rules = composition.rules(self.settings, self.clock.now())
        targets: list[Target] = plan_only(connection, [job.account], job.market, job.planner(), rules)
        return night_in_pieces(job, targets, rules)

    def _run(self, connection: Connection, doing: Doing) -> Summary:
        job, keys = doing.job, self._keys(doing.job.account)
        reader = composition.reader(self.settings, keys, self.gate, self.clock, self.stop, job.market)
        run = Run(connection, reader, job.command, lambda standing: None, Assignment(doing.id, self.worker))
        if not keys.usable:
            return run.refuse()
        return run.execute(job.planner(), Storing(connection, run.recorder, job.symbols))

    def _keys(self, account: str) -> Keyring:
        """Read anew for each job, so that a key that was changed is taken up."""
        return read_keys(key_sources(self.settings, (account,)))


def _again(rest: timedelta | None) -> str:
    return "left to the next night" if rest is None else f"again in {duration(rest / timedelta(milliseconds=1))}"
