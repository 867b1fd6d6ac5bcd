"""One run: lock the accounts, plan, walk, record the end. `backfill`, `sync`, `verify` and `reconcile` share it."""

import shlex
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from random import shuffle

from sqlalchemy import Connection

from etl.core.clocks import Clocks
from etl.core.hints import HintTrust
from etl.core.markets.market import Market
from etl.core.observations import Observations, TruncationSide
from etl.core.page_limits import PageLimits
from etl.core.planning import OPENED, Known, Rules
from etl.core.retention import Retention
from etl.core.sightings import Sightings
from etl.core.text import many
from etl.core.timeline import MINUTE, iso
from etl.core.walking import Target
from etl.core.wallets import Wallet
from etl.errors import (
    BusyError,
    ClocksApartError,
    ConfigError,
    ExchangeError,
    ForceOrdersError,
    StoreError,
    ThrottledError,
)
from etl.exchange.client import ExchangeClient
from etl.exchange.clock import local_now
from etl.logs import log_context, logger
from etl.runs import weight_limit
from etl.runs.account_locks import lock_wallets
from etl.runs.exchange_clock import set_clock
from etl.runs.exit_codes import RunResult, status_and_exit_code
from etl.runs.identities import IdentityCheck
from etl.runs.listing import keep_listings
from etl.runs.market_finding import begins, note_refusals
from etl.runs.reader import Reader
from etl.runs.readings import Left, Reading
from etl.runs.recorder import Recorder
from etl.runs.selection import select_wallets
from etl.runs.sink import Sink
from etl.runs.spans import Planner, SpanText
from etl.runs.summary import Progress, Summary, Watcher, unwatched
from etl.runs.walk_runner import Walk, WalkRunner
from etl.store import coverage, runs, seals
from etl.store.clock import database_clock
from etl.store.engine import store_errors
from etl.waits import WAITS

NIGHTLY = "sync"
"""The command of the run that also asks what the exchange lists."""

_log = logger(__name__)


def plan_only(connection: Connection, wallets: Sequence[Wallet], planner: Planner, rules: Rules) -> list[Target]:
    """What a run would request. Requests and writes nothing."""
    targets: list[Target] = []
    with store_errors():
        for wallet in wallets:
            own = replace(rules, begins=begins(connection, wallet.account).get(wallet, OPENED))
            targets += planner(coverage.known(connection, *wallet), own)
        connection.rollback()
    return targets


class Run:
    """One run: its row in the table `runs`, its walks, its end."""

    def __init__(
        self,
        connection: Connection,
        reader: Reader,
        command: str,
        watch: Watcher = unwatched,
        assignment: runs.Assignment | None = None,
    ) -> None:
        self.connection = connection
        self._reader = reader
        self._watch = watch
        self._began = time.monotonic()
        self._clients: dict[Wallet, ExchangeClient] = {}
        self._proven_futures = 0
        with store_errors():
            run_id = runs.start(connection, command, assignment)
            connection.commit()
        self.recorder = Recorder(connection, run_id, reader.spent)
        self.summary = Summary(command, run_id, faults=[*reader.key_faults])

    def execute(self, planner: Planner, sink: Sink, span: SpanText | None = None) -> Summary:
        """Plan, walk, and record the end. Never raises an error of ours: the summary holds it.

        `span` is the requested span, if any; the summary gives its instants.
        """
        if not self._reader.accounts:
            return self._close(RunResult(has_no_usable_key=True), sink)
        with log_context(run=self.summary.run_id):
            try:
                with store_errors():
                    result = self._walk(planner, sink, span)
            except ForceOrdersError as error:
                self.summary.faults.insert(0, str(error))
                result = RunResult(error=error)
            return self._close(result, sink)

    def _walk(self, planner: Planner, sink: Sink, span: SpanText | None) -> RunResult:
        reader, summary = self._reader, self.summary

        def tick(walks_done: int) -> None:
            WAITS.report()
            self._watch(Progress(walks_done, summary.windows, sink.found(walks_done)))

        selection = select_wallets(self.connection, reader)
        summary.markets = frozenset(wallet.market for wallet in selection.wallets)
        summary.faults += selection.unread
        self._lock(selection.wallets)
        identity = IdentityCheck(self.connection, reader.page_limit)
        self._leave_out(identity.without_requests(self._clients))
        earliest = self._prepare_markets()
        self._leave_out(identity.by_evidence(reader.rules, reader.stop))
        summary.faults += identity.unchecked
        rules = {
            wallet: replace(
                reader.rules(client.market), earliest=earliest[client.market], begins=selection.begin(wallet)
            )
            for wallet, client in self._clients.items()
        }
        walks = self._plan(planner, sink, span, rules)
        self.connection.commit()
        summary.windows = len(walks)
        runner = WalkRunner(sink.commit, reader.concurrency, reader.stop, tick)
        try:
            runner.run(walks)
        finally:
            summary.faults += [f"account {wallet}: {error}" for wallet, error in runner.left_out.items()]
            summary.faults += [f"{host}: {error}" for host, error in runner.silent_hosts.items()]
            self.connection.rollback()
        note_refusals(self.connection, runner.left_out)
        keep_listings(self.connection, self._clients.values(), self._reader.stop, asks=self.summary.command == NIGHTLY)
        remaining = sink.remaining()
        summary.faults += remaining.faults
        if runner.last_failure is not None:
            summary.faults.append(f"a window could not be read: {runner.last_failure}")
        forgotten = self._forget_symbols(runner.unknown_symbols)
        cut_chains = self._seal_proven_days()
        self.recorder.days_were_sealed()
        self.connection.commit()
        summary.gaps = [gap for gap in remaining.gaps if (gap.market, gap.symbol) not in forgotten]
        summary.unproven, summary.notes = remaining.unproven, [*remaining.notes]
        left = self._read(sink.readings, planner, rules, runner.left_out)
        summary.audited = left.audited
        summary.gaps += left.gaps
        summary.unproven += sum(gap.window.width for gap in left.gaps)
        left_out = len(selection.wallets) - len(self._clients) + len(runner.left_out) + len(runner.silent_hosts)
        return RunResult(
            unread_accounts=len(reader.key_faults) + left_out,
            unread_markets=len(selection.unread),
            unknown_symbols=len(forgotten),
            unproven=summary.unproven,
            differences=remaining.differences + left.differing,
            unread=remaining.unread + left.uncompared,
            quarantined=sink.counts.quarantined,
            left_out=self._report_left_out() + left.left_out,
            unproven_flows=left.unproven,
            disputed=left.disputed,
            proven_futures=self._proven_futures,
            cut_chains=cut_chains,
        )

    def _read(
        self,
        readings: Sequence[Reading],
        planner: Planner,
        rules: Mapping[Wallet, Rules],
        refused: Mapping[Wallet, ExchangeError],
    ) -> Left:
        """Read what else there is of the accounts that answered. All that was read before is recorded."""
        total = Left()
        for reading in readings:
            clients = [*self._clients.items()]
            if reading.is_by_lot:
                shuffle(clients)
            try:
                for wallet, client in clients:
                    if reading.concerns(client.market) and wallet not in refused:
                        reading.read(wallet, client, planner, rules[wallet])
            finally:
                total.add(reading.left)
                self.summary.faults += reading.left.faults
        return total

    def _prepare_markets(self) -> dict[Market, int]:
        """Learn of each market what its walks need: its clock and its weight limit.

        Returns the earliest of its clock and ours. A market that does not answer is left out if there is another.
        """
        by_market: dict[Market, dict[Wallet, ExchangeClient]] = {}
        for wallet, client in self._clients.items():
            by_market.setdefault(client.market, {})[wallet] = client
        earliest: dict[Market, int] = {}
        for market, own in by_market.items():
            clients = [*own.values()]
            try:
                set_clock(self._reader, market, clients)
            except ThrottledError:
                raise
            except ExchangeError as error:
                if len(by_market) == 1:
                    raise
                self._leave_out(dict.fromkeys(own, error))
                continue
            earliest[market] = self._compare_clocks(market).earliest
            weight_limit.learn(self.connection, clients[0], self._reader.stop)
        return earliest

    def _compare_clocks(self, market: Market) -> Clocks:
        """The three clocks; raises ClocksApartError where they make no sense together."""
        clocks = Clocks(self._reader.clock(market).now(), database_clock(self.connection), local_now())
        if disagreement := clocks.disagreement():
            raise ClocksApartError(disagreement)
        limit = clocks.limit()
        self.summary.late_clock = self.summary.late_clock or limit
        if said := limit or clocks.lead():
            _log.info("%s", said)
        return clocks

    def _lock(self, wanted: Sequence[Wallet]) -> None:
        """Lock each account until the end of the run; raises BusyError if none is left."""
        refused = lock_wallets(self.connection, self._reader, wanted)
        self._clients = {wallet: self._reader.client(wallet) for wallet in wanted if wallet not in refused}
        if refused and not self._clients:
            raise BusyError("; ".join(refused.values()))
        self.summary.faults += refused.values()

    def _leave_out(self, refused: Mapping[Wallet, ForceOrdersError]) -> None:
        """Go on without these accounts; raises ConfigError if none is left and the settings are to blame for all."""
        lines = [f"account {wallet}: {error}" for wallet, error in refused.items()]
        for wallet in refused:
            del self._clients[wallet]
        if refused and not self._clients and all(isinstance(error, ConfigError) for error in refused.values()):
            raise ConfigError("; ".join(lines))
        self.summary.faults += lines

    def _plan(
        self, planner: Planner, sink: Sink, span: SpanText | None, rules_of: Mapping[Wallet, Rules]
    ) -> list[Walk]:
        walks: list[Walk] = []
        for wallet, client in self._clients.items():
            rules = rules_of[wallet]
            if span is not None and self.summary.span is None:
                self.summary.span, self.summary.clipped = span.readable(rules), span.clipped(rules)
            known = coverage.known(self.connection, *wallet)
            self._warn_of_the_future(wallet, known, rules)
            targets = planner({symbol: one.until(rules.present) for symbol, one in known.items()}, rules)
            self.recorder.begin(wallet, known)
            sink.begin(wallet, targets)
            limits = PageLimits(self._reader.page_limit, client.market.default_limit)
            symbols = {symbol for symbol in known if symbol}
            listed = client.market.all_orders
            hints = HintTrust() if listed is not None and not listed.needs_symbol else None
            observations = {
                symbol: Observations(
                    TruncationSide(),
                    limits,
                    Retention(rules.keeps, rules.now),
                    symbols,
                    hints if symbol is None else None,
                )
                for symbol in {target.symbol for target in targets}
            }
            sightings = Sightings(targets)
            walks += [Walk(wallet, client, target, observations[target.symbol], sightings) for target in targets]
        return walks

    def _warn_of_the_future(self, wallet: Wallet, known: dict[str | None, Known], rules: Rules) -> None:
        """Say if a clock that led has proven what has not happened yet; the plan does not count on it."""
        latest = max((one.proven[-1].end for one in known.values() if one.proven), default=0)
        if latest > rules.present + MINUTE:
            self._proven_futures += 1
            since, why = ["--since", iso(rules.floor)], ["--why", "a clock was ahead"]
            options = shlex.join([*wallet.options(self.summary.markets), *since, *why])
            self.summary.faults.append(
                f"account {wallet} is recorded as proven until {iso(latest)}, which lies in the future: a clock was "
                f"ahead; nobody knows since when, so take back all that can be read again: "
                f"force-orders coverage reset {options}"
            )

    def _report_left_out(self) -> int:
        """Say which stored orders the exchange left out of its answers; returns their number."""
        left_out = self.recorder.left_out
        if left_out:
            wallet, (symbol, order_id) = left_out[0]
            accept = f"force-orders coverage accept --account {wallet.account} --symbol {symbol} --order {order_id}"
            self.summary.faults.append(
                f"the exchange left out {many(len(left_out), 'stored order')}, for example {symbol} {order_id} of "
                f"account {wallet}; from there on it proves nothing, and the next run asks again; if the exchange "
                f"never shows that order again: {accept} --why TEXT"
            )
        return len(left_out)

    def _forget_symbols(self, unknown: set[tuple[str, str]]) -> set[tuple[str, str]]:
        """Forget unknown symbols that have neither proof nor orders. Returns those forgotten, each with its market."""
        forgotten = set()
        for market, symbol in sorted(unknown):
            how = "name the market of a COIN-M symbol: --market coinm" if "_" in symbol else "write it like BTCUSDT"
            self.summary.faults.append(f"the exchange does not know the symbol {symbol} or has closed it; {how}")
            wallets = [wallet for wallet in self._clients if wallet.market == market]
            by_wallet = [coverage.forget(self.connection, *wallet, symbol) for wallet in wallets]
            if any(by_wallet):
                forgotten.add((market, symbol))
        return forgotten

    def _seal_proven_days(self) -> int:
        """Seal the days that no nightly run reads again. One that the run did not reach is sealed by the next run.

        Nothing is sealed for an account whose newest seals were removed; returns the number of such accounts.
        """
        cut = 0
        for wallet, client in self._clients.items():
            if seals.is_cut(self.connection, *wallet):
                cut += 1
                self.summary.faults.append(
                    f"seals of account {wallet} were removed, so no day was sealed; see docs/operations.md, "
                    "'Can the database be trusted?'"
                )
                continue
            rules = self._reader.rules(client.market)
            seals.seal_proven_days(self.connection, *wallet, self.summary.run_id, rules.present - rules.reread)
        return cut

    def _close(self, result: RunResult, sink: Sink) -> Summary:
        """Complete the summary and record it in the table `runs`; if the database fails, only the summary says so."""
        summary, counts = self.summary, sink.counts
        summary.status, summary.exit_code = status_and_exit_code(result)
        summary.counts = counts
        counts.requests, counts.weight = self._reader.spent()
        summary.cooldown_until = self._reader.access.cooldown_until
        summary.seconds = time.monotonic() - self._began
        try:
            with store_errors():
                self.connection.rollback()
                sink.finish()
                for client in self._clients.values():
                    weight_limit.remember_correction(self.connection, client)
                runs.finish(self.connection, summary.run_id, counts, summary.status, "; ".join(summary.faults) or None)
                self.connection.commit()
        except StoreError as error:
            _, summary.exit_code = status_and_exit_code(replace(result, is_end_recorded=False))
            if not isinstance(result.error, StoreError):
                summary.faults.append(str(error))
        return summary
