"""Pages held against the orders that are stored: an exchange that leaves out a stored order is not believed.

A server that lags behind the others answers with too few rows, and its pages look whole. Only the database can tell.
What it lacks are the newest orders, so from the page that left one out, nothing newer is proven by the same run.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from sqlalchemy import Connection

from etl.core.findings import Finding, Verdict
from etl.core.orders import Key, Order
from etl.core.planning import Known
from etl.core.timeline import Window, merge, subtract
from etl.store import coverage, orders

_FOREVER = 1 << 62


class ProofRecord:
    """Records what the pages of one account prove, in the caller's transaction."""

    def __init__(self, connection: Connection, account: str, market: str, before: Mapping[str | None, Known]) -> None:
        """`before`: what was known when the run began. What was proven then stays proven."""
        self._connection = connection
        self._scope = account, market
        self.before = before
        self._proven_here: defaultdict[str | None, list[Window]] = defaultdict(list)
        """By symbol, merged: a run proves many intervals, and their pages must not stay in memory."""
        self._since = _FOREVER
        self.left_out: set[Key] = set()
        """The stored orders that a page left out which would else have proven its window."""

    def record(self, findings: Sequence[Finding]) -> None:
        """Record findings in the coverage; a proof that is not believed becomes a dispute."""
        contradicted = list(self._contradicted(findings))
        if contradicted:
            self._since = min(self._since, *contradicted)
            self._take_back()
        judged = [part for finding in findings for part in self._judge(finding)]
        for finding in judged:
            if finding.verdict is Verdict.PROVEN:
                self._proven_here[finding.symbol] = merge([*self._proven_here[finding.symbol], finding.window])
        coverage.record(self._connection, *self._scope, judged)

    def _contradicted(self, findings: Sequence[Finding]) -> Iterable[int]:
        """Where the intervals begin whose pages lack a stored order with both times in them.

        An order without a fill may be missing once it is three days old: the exchange forgets such orders.
        """
        proven = [finding for finding in findings if finding.verdict is Verdict.PROVEN]
        if not proven:
            return
        stored = orders.sums(self._connection, *self._scope, [(one.symbol, one.window) for one in proven])
        for finding, sums in zip(proven, stored, strict=True):
            if sums != _sums(finding):
                lasting = orders.lasting_between(self._connection, *self._scope, finding.symbol, finding.window)
                lacking = set(lasting) - {order.key for order in _orders(finding)}
                self.left_out |= lacking
                if lacking:
                    yield finding.window.start

    def _judge(self, finding: Finding) -> Iterable[Finding]:
        """The finding, with what is newer than the contradiction disputed unless an earlier run proved it."""
        if finding.verdict is not Verdict.PROVEN:
            return [finding]
        disputed = self._newly([finding.window], finding.symbol)
        return [
            *(replace(finding, window=part) for part in subtract([finding.window], disputed)),
            *(Finding(part, Verdict.DISPUTED, finding.symbol) for part in disputed),
        ]

    def _newly(self, windows: Sequence[Window], symbol: str | None) -> list[Window]:
        """The parts that only this run proves and that are newer than the contradiction."""
        known = [self.before.get(scope, Known()) for scope in (None, symbol)]
        before = [window for one in known for window in one.proven]
        return subtract(windows, [*before, Window(-_FOREVER, self._since)])

    def _take_back(self) -> None:
        for symbol, windows in self._proven_here.items():
            coverage.dispute(self._connection, *self._scope, symbol, self._newly(windows, symbol))


def _sums(finding: Finding) -> tuple[int, int]:
    """How many orders of the interval the pages show with both times in it, and the sum of their ids."""
    start, end = finding.window.start, finding.window.end
    inside = {
        order.key
        for order in _orders(finding)
        if start <= order.order_time < end and start <= order.update_time < end
        if finding.symbol in (None, order.symbol)
    }
    return len(inside), sum(order_id for _, order_id in inside)


def _orders(finding: Finding) -> Iterable[Order]:
    return (order for page in finding.pages for order in page.orders)
