"""The sink of `verify`: compares what is read again with the database, order by order."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from sqlalchemy import Connection

from etl.accounts.credentials import Keyring
from etl.core.differences import Difference, DifferenceKind, compare
from etl.core.findings import Finding
from etl.core.orders import Key, Order, latest_versions
from etl.core.planning import Known, Rules
from etl.core.sampling import Sample, SampleResult
from etl.core.text import many
from etl.core.timeline import Window, merge, subtract
from etl.core.verifying import (
    Scope,
    ScopeResult,
    Unread,
    Why,
    judge,
    no_longer_kept,
    proven_scopes,
    requested_scopes,
)
from etl.core.walking import Target
from etl.core.wallets import Wallet
from etl.runs.readings import Reading
from etl.runs.recorder import Received, Recorder
from etl.runs.sink import Remaining
from etl.runs.spans import SpanText
from etl.store import orders, runs, verifications
from etl.store.orders import Tally


@dataclass(frozen=True)
class VerifySpec:
    """What a run of `verify` reads again, and with which keys."""

    keys: Keyring
    span: SpanText
    sample: Sample
    repair: bool = False
    """Whether what is missing or different is stored."""
    markets: Sequence[str] = ()
    """Markets requested by name; none: those of each account."""


@dataclass(frozen=True)
class Verification:
    """What a run of `verify` compared and found, scope by scope."""

    scopes: Sequence[ScopeResult]
    sample: SampleResult
    is_repair: bool
    kept_since: int | None
    """Set if older history is proven that the exchange no longer keeps, which was not asked for. Epoch milliseconds."""

    @property
    def differences(self) -> list[Difference]:
        return sorted(difference for scope in self.scopes for difference in scope.differences)

    @property
    def unread(self) -> list[tuple[ScopeResult, Unread]]:
        return [(scope, unread) for scope in self.scopes for unread in scope.unread]

    @property
    def has_compared(self) -> bool:
        return any(scope.compared for scope in self.scopes)


@dataclass
class _Comparison:
    """A scope of an account in a market while it is compared."""

    wallet: Wallet
    scope: Scope
    population: int = 0
    chosen: list[Target] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    spoilt: list[Window] = field(default_factory=list)
    """Windows whose page had a row that could not be read."""
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
        return any(need.contains(at) for need in self.needs for at in (order.order_time, order.update_time))

    def note(self, order: Order, difference: Difference) -> None:
        """Keep the difference, unless a page has shown a later version of the order."""
        known, _ = self.found.get(order.key, (None, None))
        if known is None or order.version >= known.version:
            self.found[order.key] = order, difference

    def result(self, *, is_sample: bool) -> ScopeResult:
        compared, unread = judge(self.needs, self.findings, self.spoilt)
        # A sample speaks of what is proven; its holes are not among the windows that it is drawn from.
        beyond = [one for one in self.scope.unread if not (is_sample and one.reason == Why.NOT_PROVEN)]
        differences = [difference for _, difference in self.found.values()]
        of_scope = (self.wallet, self.scope.symbol, self.scope.span)
        unread = sorted([*beyond, *unread])
        return ScopeResult(*of_scope, compared, unread, self.orders, differences, len(self.forgotten))


class VerifySink:
    """Compares what is read with what is stored. With `repair` it stores what differs."""

    readings: Sequence[Reading] = ()

    def __init__(self, connection: Connection, recorder: Recorder, spec: VerifySpec) -> None:
        self._connection = connection
        self._recorder = recorder
        self._spec = spec
        self._planned: list[tuple[Scope, list[Target]]] = []
        self._comparisons: dict[Wallet, dict[str | None, _Comparison]] = {}
        """By account and market, and by symbol."""
        self._received: dict[Wallet, set[Key]] = {}
        self._kept_since: int | None = None
        self._has_extra = False
        self._counts = runs.Counts()

    @property
    def counts(self) -> runs.Counts:
        """With `repair` the recorder counts what it stores."""
        return self._recorder.counts if self._spec.repair else self._counts

    def plan(self, known: Mapping[str | None, Known], rules: Rules) -> list[Target]:
        """The requested span, or without one everything proven that the exchange still keeps. `begin` follows."""
        span = self._spec.span
        if span == SpanText():
            scopes = proven_scopes(known, rules)
            if no_longer_kept(known, rules):
                self._kept_since = rules.floor
        else:
            scopes = requested_scopes(known, span.resolve(rules), rules, has_end=span.until is not None)
        self._planned = [(scope, scope.targets(rules, self._spec.sample.random)) for scope in scopes]
        return self._spec.sample.choose([target for _, targets in self._planned for target in targets])

    def begin(self, wallet: Wallet, targets: Sequence[Target]) -> None:
        of_wallet = self._comparisons[wallet] = {
            scope.symbol: _Comparison(
                wallet, scope, len(population), [target for target in targets if target.symbol == scope.symbol]
            )
            for scope, population in self._planned
        }
        self._received[wallet] = set()
        if not of_wallet and (stored := orders.hull(self._connection, *wallet)):
            nothing = Scope(None, stored, [], [Unread(stored, Why.NOT_PROVEN)])
            of_wallet[None] = _Comparison(wallet, nothing)

    @property
    def _all(self) -> list[_Comparison]:
        return [comparison for of_wallet in self._comparisons.values() for comparison in of_wallet.values()]

    def commit(self, received: Sequence[Received]) -> None:
        differing: dict[Wallet, set[Key]] = {}
        for one in received:
            if one.page is not None:
                differing.setdefault(one.wallet, set()).update(self._compare(one))
            for finding in one.findings:
                self._find(one.wallet, finding)
            self._counts.largest_page = max(self._counts.largest_page, one.longest)
        self._connection.rollback()
        if self._spec.repair:
            self._recorder.commit(received, replace_equal=True)
            for wallet, keys in differing.items():
                self._check_repair(wallet, keys)
            self._connection.rollback()

    def found(self, walks_done: int) -> str:
        differences = sum(len(comparison.found) for comparison in self._all)
        return f"{many(walks_done, 'window')} compared, {many(differences, 'difference')}"

    def remaining(self) -> Remaining:
        self._find_extra()
        self._connection.rollback()
        self._has_extra = True
        done = self.verification()
        return Remaining(differences=sum(not d.is_repaired for d in done.differences), unread=len(done.unread))

    def finish(self) -> None:
        """Record what was compared, also of a run that ended early."""
        if not self._has_extra:
            self._find_extra()
        scopes = self.verification().scopes
        verifications.record(self._connection, self._recorder.run_id, scopes, is_sample=self._is_sample)

    @property
    def _is_sample(self) -> bool:
        return self._spec.sample.size is not None

    def verification(self) -> Verification:
        comparisons = self._all
        scopes = [comparison.result(is_sample=self._is_sample) for comparison in comparisons]
        chosen = read = differing = 0
        for comparison, result in zip(comparisons, scopes, strict=True):
            chosen += len(comparison.chosen)
            for need in (target.need for target in comparison.chosen):
                if not subtract([need], result.compared):
                    read += 1
                    times = ((d.order_time, d.update_time) for d in result.differences)
                    differing += any(need.contains(order) or need.contains(update) for order, update in times)
        population = sum(comparison.population for comparison in comparisons)
        return Verification(
            scopes, SampleResult(population, chosen, read, differing), self._spec.repair, self._kept_since
        )

    def _compare(self, one: Received) -> set[Key]:
        """Compare a page; returns the keys of the orders that differ, wherever they lie."""
        assert one.page is not None  # noqa: S101 – its only caller looks
        batch = latest_versions(one.page.orders)
        received = self._received[one.wallet]
        stored = orders.stored(self._connection, *one.wallet, [order.key for order in batch])
        differing: set[Key] = set()
        for order in batch:
            comparison = self._comparison_of(one.wallet, order)
            if comparison is not None and order.key not in received:
                comparison.orders += 1
            difference = compare(one.wallet, order, stored.get(order.key))
            if difference is not None:
                differing.add(order.key)
                if comparison is not None:
                    comparison.note(order, difference)
        received |= {order.key for order in batch}
        same = Tally(unchanged=sum(order.key in one.first and order.key not in differing for order in batch))
        self._counts.add(one.page.length, same, len(one.page.rejects))
        return differing

    def _comparison_of(self, wallet: Wallet, order: Order) -> _Comparison | None:
        """The scope that an order of the exchange belongs to."""
        of_wallet = self._comparisons[wallet]
        of_scopes = [of_wallet[symbol] for symbol in (order.symbol, None) if symbol in of_wallet]
        return next((one for one in of_scopes if one.holds(order)), None)

    def _find(self, wallet: Wallet, finding: Finding) -> None:
        """What is known of all symbols together is known of each."""
        is_spoilt = any(page.rejects for page in finding.pages)
        for symbol, comparison in self._comparisons[wallet].items():
            if finding.symbol in (None, symbol):
                comparison.findings.append(replace(finding, pages=()))  # all pages of a run would fill the memory
                if is_spoilt:
                    comparison.spoilt.append(finding.window)

    def _check_repair(self, wallet: Wallet, keys: set[Key]) -> None:
        """Read orders again that differed before the repair: those that are equal now are repaired."""
        stored = orders.stored(self._connection, *wallet, [*keys])
        for comparison in self._comparisons[wallet].values():
            for key in keys & comparison.found.keys():
                order, difference = comparison.found[key]
                if order is not None and compare(wallet, order, stored.get(key)) is None:
                    comparison.found[key] = order, replace(difference, is_repaired=True)

    def _find_extra(self) -> None:
        """Add the orders that lie in what was compared, by both times, and that no response contained."""
        for comparison in self._all:
            wallet, symbol = comparison.wallet, comparison.scope.symbol
            compared = merge(comparison.result(is_sample=self._is_sample).compared)
            for window in compared:
                for one in orders.times_between(self._connection, *wallet, symbol, window):
                    if one.key in self._received[wallet] or not any(w.contains(one.update_time) for w in compared):
                        continue
                    if one.is_forgotten:
                        comparison.forgotten.add(one.key)
                    else:
                        extra = Difference(wallet, *one.key, one.order_time, one.update_time, DifferenceKind.EXTRA)
                        comparison.found[one.key] = None, extra
