"""Holds what is read again of one account in a market against the database, order by order. Writes nothing."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from sqlalchemy import Connection

from etl.core.differences import Difference, DifferenceKind, compare
from etl.core.findings import Finding
from etl.core.orders import Key, Order, latest_versions
from etl.core.paging import Page
from etl.core.sampling import SampleResult
from etl.core.timeline import Window, merge, subtract
from etl.core.verifying import Scope, ScopeResult, Why, judge
from etl.core.walking import Target
from etl.core.wallets import Wallet
from etl.store import orders


class Compared(NamedTuple):
    """What the orders of a page are beside the stored ones."""

    shown: frozenset[Key]
    differing: frozenset[Key]
    """Those of them that differ, wherever they lie."""
    missing: frozenset[Key]
    """Those that the database lacks, in all that could be compared: also where no window was chosen."""


@dataclass
class _ScopeComparison:
    """A scope while it is compared."""

    wallet: Wallet
    scope: Scope
    population: int = 0
    chosen: list[Target] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    spoilt: list[Finding] = field(default_factory=list)
    """Those of whose pages a row could not be read."""
    orders: int = 0
    found: dict[Key, tuple[Order | None, Difference]] = field(default_factory=dict)
    """The differences, each with the exchange's version of the order; an extra order has none."""
    forgotten: set[Key] = field(default_factory=set)
    """Stored orders that the exchange may leave out, and did."""

    def __post_init__(self) -> None:
        self.needs = merge(target.need for target in self.chosen)

    def holds(self, order: Order) -> bool:
        """Whether the order belongs to what is compared. Pages also have orders from a little beyond it.

        The exchange filters by one of the two times and does not say by which, so either is enough.
        """
        return _is_in(self.needs, order)

    def claims(self, order: Order) -> bool:
        """Whether the order lies in all that could be compared, of which a sample chooses some."""
        return _is_in(self.scope.needs, order)

    def note(self, order: Order, difference: Difference) -> None:
        """Keep the difference, unless a page has shown a later version of the order."""
        known, _ = self.found.get(order.key, (None, None))
        if known is None or order.version >= known.version:
            self.found[order.key] = order, difference

    def result(self, *, is_sample: bool) -> ScopeResult:
        compared, unread = judge(self.needs, self.findings, [one.window for one in self.spoilt])
        # A sample speaks of what is proven; its holes are not among the windows that it is drawn from.
        beyond = [one for one in self.scope.unread if not (is_sample and one.reason == Why.NOT_PROVEN)]
        differences = [difference for _, difference in self.found.values()]
        of_scope = (self.wallet, self.scope.symbol, self.scope.span)
        unread = sorted([*beyond, *unread])
        return ScopeResult(*of_scope, compared, unread, self.orders, differences, len(self.forgotten))


class OrderComparison:
    """The comparison of one account in one market, scope by scope. The caller reads the pages."""

    def __init__(
        self,
        connection: Connection,
        wallet: Wallet,
        planned: Sequence[tuple[Scope, Sequence[Target]]],
        chosen: Sequence[Target],
        *,
        is_sample: bool,
    ) -> None:
        """`planned`: the scopes with all their windows; `chosen`: the windows that are read."""
        self._connection = connection
        self._wallet = wallet
        self._is_sample = is_sample
        self._scopes = {
            scope.symbol: _ScopeComparison(
                wallet, scope, len(population), [target for target in chosen if target.symbol == scope.symbol]
            )
            for scope, population in planned
        }
        self._received: set[Key] = set()

    @property
    def differences(self) -> int:
        """How many orders were found to differ so far."""
        return sum(len(one.found) for one in self._scopes.values())

    def add(self, page: Page) -> Compared:
        """Compare the orders of a page."""
        batch = latest_versions(page.orders)
        stored = orders.stored(self._connection, *self._wallet, [order.key for order in batch])
        differing: set[Key] = set()
        missing: set[Key] = set()
        for order in batch:
            difference = compare(self._wallet, order, stored.get(order.key))
            is_missing = difference is not None and difference.kind is DifferenceKind.MISSING
            of_scope = self._scope_of(order, is_missing=is_missing)
            if of_scope is not None and order.key not in self._received:
                of_scope.orders += 1
            if difference is None:
                continue
            differing.add(order.key)
            if of_scope is not None:
                of_scope.note(order, difference)
                missing |= {order.key} if is_missing else set()
        shown = frozenset(order.key for order in batch)
        self._received |= shown
        return Compared(shown, frozenset(differing), frozenset(missing))

    def find(self, finding: Finding) -> None:
        """Take the result of a walk. What is known of all symbols together is known of each."""
        kept = replace(finding, pages=())  # all pages of a run would fill the memory
        is_spoilt = any(page.rejects for page in finding.pages)
        for symbol, of_scope in self._scopes.items():
            if finding.symbol in (None, symbol):
                of_scope.findings.append(kept)
                of_scope.spoilt += [kept] if is_spoilt else []

    def check_repair(self, keys: frozenset[Key]) -> None:
        """Read orders again that differed before the repair: those that are equal now are repaired."""
        stored = orders.stored(self._connection, *self._wallet, [*keys])
        for of_scope in self._scopes.values():
            for key in keys & of_scope.found.keys():
                order, difference = of_scope.found[key]
                if order is not None and compare(self._wallet, order, stored.get(key)) is None:
                    of_scope.found[key] = order, replace(difference, is_repaired=True)

    def add_extra(self) -> None:
        """Add the orders that lie in what was compared, by both times, and that no response contained."""
        for of_scope in self._scopes.values():
            compared = merge(of_scope.result(is_sample=self._is_sample).compared)
            for window in compared:
                for one in orders.times_between(self._connection, *self._wallet, of_scope.scope.symbol, window):
                    if one.key in self._received or not any(w.contains(one.update_time) for w in compared):
                        continue
                    if one.is_forgotten:
                        of_scope.forgotten.add(one.key)
                    else:
                        times = (one.order_time, one.update_time)
                        of_scope.found[one.key] = None, Difference(self._wallet, *one.key, *times, DifferenceKind.EXTRA)

    def results(self) -> list[ScopeResult]:
        return [one.result(is_sample=self._is_sample) for one in self._scopes.values()]

    def sample(self) -> SampleResult:
        """How many of the windows were chosen, wholly read, and differ."""
        population = chosen = read = differing = 0
        for of_scope, result in zip(self._scopes.values(), self.results(), strict=True):
            population += of_scope.population
            chosen += len(of_scope.chosen)
            for need in (target.need for target in of_scope.chosen):
                if not subtract([need], result.compared):
                    read += 1
                    times = ((d.order_time, d.update_time) for d in result.differences)
                    differing += any(need.contains(order) or need.contains(update) for order, update in times)
        return SampleResult(population, chosen, read, differing)

    def _scope_of(self, order: Order, *, is_missing: bool) -> _ScopeComparison | None:
        """The scope that an order of the exchange belongs to.

        A missing one belongs to it wherever it lies: a page may have rows that were not requested.
        """
        of_scopes = [self._scopes[symbol] for symbol in (order.symbol, None) if symbol in self._scopes]
        return next((one for one in of_scopes if one.holds(order) or (is_missing and one.claims(order))), None)


def _is_in(windows: Sequence[Window], order: Order) -> bool:
    return any(window.contains(at) for window in windows for at in (order.order_time, order.update_time))
