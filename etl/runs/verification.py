"""The sink of `verify`: compares what is read again with the database, order by order."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from etl.accounts.credentials import Keyring
from etl.core.differences import Difference
from etl.core.orders import Key
from etl.core.paging import Page
from etl.core.planning import Known, Rules
from etl.core.sampling import Sample, SampleResult
from etl.core.text import many
from etl.core.verifying import (
    Scope,
    ScopeResult,
    Unread,
    Why,
    no_longer_kept,
    proven_scopes,
    requested_scopes,
)
from etl.core.walking import Target
from etl.core.wallets import Wallet
from etl.runs.order_comparison import OrderComparison
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


class VerifySink:
    """Compares what is read with what is stored. With `repair` it stores what differs."""

    readings: Sequence[Reading] = ()

    def __init__(self, connection: Connection, recorder: Recorder, spec: VerifySpec) -> None:
        self._connection = connection
        self._recorder = recorder
        self._spec = spec
        self._planned: list[tuple[Scope, list[Target]]] = []
        self._comparisons: dict[Wallet, OrderComparison] = {}
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
        planned = self._planned
        if not planned and (stored := orders.hull(self._connection, *wallet)):
            planned = [(Scope(None, stored, [], [Unread(stored, Why.NOT_PROVEN)]), [])]
        self._comparisons[wallet] = OrderComparison(
            self._connection, wallet, planned, targets, is_sample=self._is_sample
        )

    def commit(self, received: Sequence[Received]) -> None:
        differing: dict[Wallet, frozenset[Key]] = {}
        for one in received:
            if one.page is not None:
                differing[one.wallet] = differing.get(one.wallet, frozenset()) | self._compare(one, one.page)
            for finding in one.findings:
                self._comparisons[one.wallet].find(finding)
            self._counts.largest_page = max(self._counts.largest_page, one.longest)
        self._connection.rollback()
        if self._spec.repair:
            self._recorder.commit(received, replace_equal=True)
            for wallet, keys in differing.items():
                self._comparisons[wallet].check_repair(keys)
            self._connection.rollback()

    def found(self, walks_done: int) -> str:
        differences = sum(one.differences for one in self._comparisons.values())
        return f"{many(walks_done, 'window')} compared, {many(differences, 'difference')}"

    def remaining(self) -> Remaining:
        self._add_extra()
        self._connection.rollback()
        self._has_extra = True
        done = self.verification()
        return Remaining(differences=sum(not d.is_repaired for d in done.differences), unread=len(done.unread))

    def finish(self) -> None:
        """Record what was compared, also of a run that ended early."""
        if not self._has_extra:
            self._add_extra()
        scopes = self.verification().scopes
        verifications.record(self._connection, self._recorder.run_id, scopes, is_sample=self._is_sample)

    @property
    def _is_sample(self) -> bool:
        return self._spec.sample.size is not None

    def verification(self) -> Verification:
        comparisons = self._comparisons.values()
        scopes = [result for one in comparisons for result in one.results()]
        sample = sum((one.sample() for one in comparisons), SampleResult())
        return Verification(scopes, sample, self._spec.repair, self._kept_since)

    def _compare(self, one: Received, page: Page) -> frozenset[Key]:
        """Compare a page; returns the keys of the orders that differ, wherever they lie."""
        compared = self._comparisons[one.wallet].add(page)
        same = Tally(unchanged=len((one.first & compared.shown) - compared.differing))
        self._counts.add(page.length, same, len(page.rejects))
        return compared.differing

    def _add_extra(self) -> None:
        for one in self._comparisons.values():
            one.add_extra()
