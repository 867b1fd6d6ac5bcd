"""One run of `archive request`: goes through the files of each account, and records its end."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from sqlalchemy import Connection

from etl.core.archive.plan import FileState
from etl.core.findings import Finding, Verdict
from etl.core.timeline import Window, clip, window_or_none
from etl.core.wallets import Wallet
from etl.errors import (
    ArchiveError,
    BusyError,
    ConfigError,
    EmptyArchiveError,
    ExchangeError,
    ExitCode,
    ForceOrdersError,
    StoppedError,
    StoreError,
    ThrottledError,
)
from etl.exchange.client import ExchangeClient
from etl.logs import log_context
from etl.runs import weight_limit
from etl.runs.account_locks import lock_wallets
from etl.runs.archive_import import ImportResult
from etl.runs.archive_preview import ArchivePlan, WalletPlan, plan_wallet
from etl.runs.archive_steps import DownloadOptions, FileSteps, LeftToLaterError, Pace
from etl.runs.exchange_clock import set_clock
from etl.runs.exit_codes import RunResult, status_and_exit_code
from etl.runs.identities import IdentityCheck
from etl.runs.reader import Reader
from etl.store import archive_files, coverage, runs
from etl.store.archive_files import ArchiveFile
from etl.store.engine import store_errors

COMMAND = "archive request"

Refused = dict[Wallet, ForceOrdersError]


@dataclass
class ArchiveSummary:
    """What a run did, and what stood in its way."""

    run_id: int
    results: list[ImportResult] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    left: list[str] = field(default_factory=list)
    """A line for each thing that a later run is to do."""
    exit_code: ExitCode = ExitCode.DONE


class ArchiveRun:
    """After the first file that is broken, contradicts the API or holds nothing, nothing more is asked for in that
    account and market: the quota is not spent on files of an unknown kind.
    """

    def __init__(self, connection: Connection, reader: Reader, options: DownloadOptions, pace: Pace) -> None:
        self._connection = connection
        self._reader = reader
        with store_errors():
            run_id = runs.start(connection, COMMAND)
            connection.commit()
        self._directory = options.directory
        self._steps = FileSteps(connection, run_id, reader, options, pace)
        self.summary = ArchiveSummary(run_id, faults=[*reader.key_faults])

    def execute(self, plan: ArchivePlan) -> ArchiveSummary:
        """Do what is planned, and record the end. Never raises an error of ours: the summary holds it."""
        with log_context(run=self.summary.run_id):
            try:
                with store_errors():
                    result = self._work(plan)
            except ForceOrdersError as error:
                self.summary.faults.insert(0, str(error))
                result = RunResult(error=error)
            return self._close(result)

    def _work(self, plan: ArchivePlan) -> RunResult:
        wallets = [one.wallet for one in plan.wallets]
        busy = lock_wallets(self._connection, self._reader, wallets)
        if busy and len(busy) == len(wallets):
            raise BusyError("; ".join(busy.values()))
        self.summary.faults += busy.values()
        clients = {wallet: self._reader.client(wallet) for wallet in wallets if wallet not in busy}
        refused = self._prepare(clients)
        disagreed = 0
        for one in plan.wallets:
            if one.wallet in busy or one.wallet in refused:
                continue
            try:
                with log_context(account=one.wallet.account, market=one.wallet.market):
                    disagreed += self._of_wallet(one, plan, clients[one.wallet])
            except (ThrottledError, StoppedError, StoreError, ConfigError):
                raise
            except (ExchangeError, ArchiveError) as error:
                self._connection.rollback()
                refused[one.wallet] = error
        self.summary.faults += [f"account {wallet}: {error}" for wallet, error in refused.items()]
        left_out = len(self._reader.key_faults) + len(busy) + len(refused)
        return RunResult(unread_accounts=left_out, disputed=disagreed, unread=len(self.summary.left))

    def _prepare(self, clients: dict[Wallet, ExchangeClient]) -> Refused:
        """Learn clocks and limits, and whether each key is that of its account. Returns the accounts to leave out."""
        identity = IdentityCheck(self._connection, self._reader.page_limit)
        refused: Refused = {**identity.without_requests(clients)}
        for wallet, client in clients.items():
            try:
                set_clock(self._reader, client.market, [client])
                weight_limit.learn(self._connection, client, self._reader.stop)
            except ThrottledError:
                raise
            except ExchangeError as error:
                refused[wallet] = error
        if not {*clients} <= {*refused}:
            refused |= identity.by_evidence(self._reader.rules, self._reader.stop)
        self.summary.faults += identity.unchecked
        return refused

    def _of_wallet(self, plan: WalletPlan, of: ArchivePlan, client: ExchangeClient) -> int:
        """Returns on how many orders files and API disagree. Raises the error that ends the work on the account."""
        wallet, archive, disagreed = plan.wallet, client.market.archive, 0
        if archive is None:
            return 0
        plan = self._still_needed(plan, of.span, of.again, client)
        self._record_plan(plan, of.span, client)
        for file in [*plan.under_way, *self._planned(wallet)]:
            try:
                result = self._steps.advance(file, archive, client)
            except EmptyArchiveError as error:
                self._leave(wallet, f"{error}; nothing more was asked for: run the command again for what is older")
                break
            except LeftToLaterError as error:
                self._leave(wallet, str(error))
                continue
            self.summary.results.append(result)
            disagreed += len(result.comparison.disagreed)
            if result.comparison.disagreed:
                self._leave(wallet, "the file and the API disagree, so nothing more was asked for")
                break
        for file in plan.in_vain:
            said = file.error or "no answer came to the request; the web page's list of exports may show it"
            self._leave(wallet, f"the file of {file.span} gave nothing: {said}; to ask for it anew, add --again")
        return disagreed

    def _still_needed(self, plan: WalletPlan, wanted: Window, again: bool, client: ExchangeClient) -> WalletPlan:
        """What of the plan another run has not done since it was made, now that no other run has the account."""
        rules = self._reader.rules(client.market)
        now = plan_wallet(self._connection, self._directory, plan.wallet, wanted, rules, again=again)
        self._connection.rollback()
        now.spans = [span for span in plan.spans if clip(now.spans, span)]
        return now

    def _record_plan(self, plan: WalletPlan, wanted: Window, client: ExchangeClient) -> None:
        """What is asked for, so that what neither API nor archive covers is a gap."""
        wallet, run_id = plan.wallet, self.summary.run_id
        archive_files.add(self._connection, *wallet, run_id, plan.spans)
        for file in plan.given_up:
            archive_files.ended(self._connection, file.id, run_id, FileState.FAILED, "no answer came; asked for anew")
        rules = self._reader.rules(client.market)
        coverage.ask(self._connection, *wallet, None, wanted.start)
        if lost := window_or_none(wanted.start, min(wanted.end, rules.floor)):
            coverage.record(self._connection, *wallet, [Finding(lost, Verdict.BEYOND_RETENTION)])
        self._connection.commit()

    def _planned(self, wallet: Wallet) -> Sequence[ArchiveFile]:
        """The files to ask for, the newest span first."""
        files = archive_files.read(self._connection, [wallet.account], wallet.market)
        self._connection.rollback()
        planned = [file for file in files if file.state is FileState.PLANNED]
        return sorted(planned, key=lambda file: file.span, reverse=True)

    def _leave(self, wallet: Wallet, line: str) -> None:
        self.summary.left.append(f"account {wallet}: {line}")

    def _close(self, result: RunResult) -> ArchiveSummary:
        """Complete the summary and record it; if the database fails, only the summary says so."""
        summary, counts = self.summary, self._steps.counts
        status, summary.exit_code = status_and_exit_code(result)
        counts.requests, counts.weight = self._reader.spent()
        try:
            with store_errors():
                self._connection.rollback()
                error = "; ".join([*summary.faults, *summary.left]) or None
                runs.finish(self._connection, summary.run_id, counts, status, error)
                self._connection.commit()
        except StoreError as failure:
            summary.exit_code = ExitCode.DATABASE
            if not isinstance(result.error, StoreError):
                summary.faults.append(str(failure))
        return summary
