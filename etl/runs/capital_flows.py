"""Reads capital flows at the end of a run: a liquidation in Portfolio Margin may leave no order, and only these rows.

The walks of the orders are over and recorded by then. What fails here leaves the flows unproven, never the orders.
"""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from sqlalchemy import Connection
from sqlalchemy.exc import DataError

from etl.core import capital_flows as endpoint
from etl.core.capital_flows import Flow, FlowPage
from etl.core.dialogue import Reply, Step
from etl.core.findings import Finding, Verdict
from etl.core.markets.market import Market
from etl.core.observations import Observations, TruncationSide
from etl.core.orders import Reject
from etl.core.page_limits import PageLimits
from etl.core.paging import PageRequest
from etl.core.planning import Known, Rules
from etl.core.retention import Retention
from etl.core.timeline import duration, subtract
from etl.core.walking import Target, walk
from etl.core.wallets import Wallet
from etl.errors import ConfigError, ContractError, ExchangeError, ThrottledError, TransientError
from etl.exchange import capital_flow
from etl.exchange.client import ExchangeClient
from etl.logs import logger
from etl.runs.account_failures import FAILURES_IN_A_ROW
from etl.runs.fetchers import interruptibly
from etl.runs.reader import Reader
from etl.runs.readings import Left
from etl.runs.recorder import Recorder
from etl.runs.spans import Planner
from etl.store import capital_flows, quarantine, runs

_log = logger(__name__)


def flow_rules(rules: Rules) -> Rules:
    """The planning rules of flows, from those of the orders."""
    keeps = endpoint.KEPT if rules.keeps is None else min(rules.keeps, endpoint.KEPT)
    return replace(rules, keeps=keeps, reread=min(rules.reread, endpoint.REREAD), weights=endpoint.WEIGHTS)


def plan_flows(known: Known, planner: Planner, rules: Rules) -> list[Target]:
    """The walks through the flows of one account; none where they are no longer kept in the span of the run."""
    own = flow_rules(rules)
    try:
        return planner({None: known.until(own.present)}, own)
    except ConfigError:
        return []


class FlowReader:
    """Reads one account after the other, one request at a time: a night needs one of each."""

    def __init__(self, connection: Connection, reader: Reader, recorder: Recorder) -> None:
        self._connection = connection
        self._reader = reader
        self._recorder = recorder
        self._quarantined: set[tuple[Wallet, str]] = set()
        self.left = Left()

    def concerns(self, market: Market) -> bool:
        return market.name == endpoint.OF_MARKET

    def read(self, wallet: Wallet, client: ExchangeClient, planner: Planner, rules: Rules) -> None:
        """Read what a run is to read of an account. A failure is noted, and the next run asks again.

        Raises ThrottledError, StoppedError and StoreError.
        """
        known = capital_flows.known(self._connection, *wallet)
        targets = plan_flows(known, planner, rules)
        if not targets:
            self._connection.rollback()
            return
        capital_flows.ask(self._connection, *wallet, min(target.need.start for target in targets))
        self._connection.commit()
        own = flow_rules(rules)
        limits = PageLimits(endpoint.GREATEST_LIMIT, endpoint.DEFAULT_LIMIT)
        observations = Observations(TruncationSide(), limits, Retention(own.keeps, own.now))
        error = self._walk_all(wallet, client, targets, observations)
        self._judge(wallet, targets, error)

    def _walk_all(
        self, wallet: Wallet, client: ExchangeClient, targets: Sequence[Target], observations: Observations
    ) -> ExchangeError | None:
        """Returns the last failure. Ends early where the exchange refuses, or where several windows in a row fail."""
        last, in_a_row = None, 0
        for target in targets:
            try:
                self._walk(wallet, client, target, observations)
                in_a_row = 0
            except ThrottledError:
                raise
            except ExchangeError as error:
                _log.info("account %s: capital flows of %s: %s", wallet, target.need, error)
                self._record(wallet, None, [Finding(target.need, Verdict.FAILED)])
                last, in_a_row = error, in_a_row + 1
                if in_a_row == FAILURES_IN_A_ROW or not isinstance(error, TransientError | ContractError):
                    break
        return last

    def _walk(self, wallet: Wallet, client: ExchangeClient, target: Target, observations: Observations) -> None:
        steps = walk(target, observations, by_symbol=False)
        reply: Reply = None
        while True:
            step: Step = steps.send(reply)
            self._record(wallet, reply, step.findings)
            if step.request is None and step.is_settled is None:
                return
            reply = None  # to a walk that waits for the pages of others: there are none
            if isinstance(step.request, PageRequest):
                question = capital_flow.question(step.request)
                reply = interruptibly(partial(client.ask, question), self._reader.stop)

    def _record(self, wallet: Wallet, reply: Reply, findings: Sequence[Finding]) -> None:
        """Store a page and what it proves, in one transaction."""
        page = reply if isinstance(reply, FlowPage) else None
        flows: Sequence[Flow] = page.liquidations if page else ()
        rejects: Sequence[Reject] = page.rejects if page else ()
        try:
            self._write(wallet, flows, rejects, findings)
        except DataError:
            # Postgres refuses a row that passed every check: try them one by one and quarantine the refused ones.
            self._connection.rollback()
            write = partial(capital_flows.add, self._connection, *wallet, self._recorder.run_id)
            flows, refused = quarantine.sift(self._connection, flows, write)
            rejects = quarantine.storable(self._connection, self._recorder.run_id, [*rejects, *refused])
            self._write(wallet, flows, rejects, findings)

    def _write(
        self, wallet: Wallet, flows: Sequence[Flow], rejects: Sequence[Reject], findings: Sequence[Finding]
    ) -> None:
        connection, run_id, counts = self._connection, self._recorder.run_id, self._recorder.counts
        contradictions = capital_flows.add(connection, *wallet, run_id, flows)
        kept = quarantine.keep(connection, wallet.account, endpoint.QUARANTINE, run_id, [*rejects, *contradictions])
        capital_flows.record(connection, *wallet, [self._judged(wallet, finding) for finding in findings])
        quarantined = self._quarantined | {(wallet, reject.raw) for reject in kept}
        counts = replace(counts, quarantined=counts.quarantined + len(quarantined - self._quarantined))
        counts.requests, counts.weight = self._reader.spent()
        runs.save(connection, run_id, counts)
        connection.commit()
        self._recorder.counts, self._quarantined = counts, quarantined

    def _judged(self, wallet: Wallet, finding: Finding) -> Finding:
        """The finding, disputed where the pages of a proof lack a flow that is stored."""
        if finding.verdict is not Verdict.PROVEN:
            return finding
        shown = [order.order_id for page in finding.pages for order in page.orders]
        lacking = capital_flows.left_out(self._connection, *wallet, finding.window, shown)
        if lacking is None:
            return finding
        self.left.left_out += 1
        self.left.faults.append(f"account {wallet.account}: the exchange left out the capital flow {lacking}")
        return replace(finding, verdict=Verdict.DISPUTED)

    def _judge(self, wallet: Wallet, targets: Sequence[Target], error: ExchangeError | None) -> None:
        """Say what of these targets is not proven, and why."""
        proven = capital_flows.known(self._connection, *wallet).proven
        unproven = subtract([target.need for target in targets], proven)
        gaps = capital_flows.gaps(self._connection, *wallet)
        self._connection.rollback()
        if not unproven:
            return
        missing = sum(window.width for window in unproven)
        reasons = {reason for gap, reason in gaps if any(gap.intersect(window) for window in unproven)}
        self.left.unproven += missing
        self.left.faults.append(
            f"account {wallet.account}: the capital flows of {duration(missing)} are not proven, so a liquidation "
            f"without an order may be missing ({error or ', '.join(sorted(reasons))}); the next run asks again"
        )
