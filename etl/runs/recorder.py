"""Writes responses to the database: rows, what they prove, counts and quarantine, in one transaction."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from datetime import date
from functools import partial
from typing import NamedTuple

from sqlalchemy import Connection
from sqlalchemy.exc import DataError

from etl.core.findings import Finding
from etl.core.orders import Key, Order, Reject, versions
from etl.core.paging import Page
from etl.core.planning import Known
from etl.core.timeline import Window
from etl.core.wallets import Wallet
from etl.runs.contradictions import ProofRecord
from etl.store import coverage, orders, quarantine, runs, seals
from etl.store.upserting import Change

REMEMBERED_ORDERS = 2_000
"""How many written orders are remembered: the rows of a full page arrive again when its window is split."""


Proof = tuple[str | None, Window]
"""Something proven: of a symbol, or of all (None)."""


class Received(NamedTuple):
    """What one response contains for an account in a market: a page, if there is one, and what it proves."""

    wallet: Wallet
    page: Page | None
    findings: Sequence[Finding]
    first: frozenset[Key] = frozenset()
    """Orders of the page that the run had not received before."""
    doubted: Sequence[Proof] = ()
    """What is no longer taken as proven if an order of the page is new."""

    @property
    def longest(self) -> int:
        """Rows of the page."""
        return 0 if self.page is None else self.page.length


@dataclass
class _Batch:
    """What several responses contain for one account in one market."""

    rows: int = 0
    orders: list[Order] = field(default_factory=list)
    rejects: list[Reject] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    first: set[Key] = field(default_factory=set)
    doubted: list[Proof] = field(default_factory=list)
    longest: int = 0


class Recorder:
    """Writes what one run receives. One call is one transaction."""

    def __init__(self, connection: Connection, run_id: int, spent: Callable[[], tuple[int, int]]) -> None:
        """`spent` returns the number of requests sent so far, and their weight."""
        self._connection = connection
        self._spent = spent
        self.run_id = run_id
        self.counts = runs.Counts()
        self._counts_of: dict[Wallet, runs.Counts] = {}
        self._proof_records: dict[Wallet, ProofRecord] = {}
        self._named: set[tuple[Wallet, str]] = set()
        self._quarantined: set[tuple[Wallet, str]] = set()
        self._sealed: dict[Wallet, set[date]] = {}
        self._had_waiting: dict[Wallet, bool] = {}
        """Whether the account had rows in quarantine when the run first wrote of it."""
        self._written: defaultdict[Wallet, dict[Key, str]] = defaultdict(dict)
        self._written_early: defaultdict[Wallet, set[Key]] = defaultdict(set)
        """Orders of a neighbouring window's page, written before their own walk received them; they count once."""

    def begin(self, wallet: Wallet, known: Mapping[str | None, Known]) -> None:
        """Before the first page: what is known of the account in a market."""
        self._proof_records[wallet] = ProofRecord(self._connection, *wallet, known)

    def known_before(self, wallet: Wallet) -> Mapping[str | None, Known]:
        """What was known of an account in a market when the run began."""
        return self._proof_record(wallet).before

    @property
    def left_out(self) -> list[tuple[Wallet, Key]]:
        """The stored orders that a page left out which would else have proven its window."""
        records = sorted(self._proof_records.items())
        return [(wallet, key) for wallet, record in records for key in sorted(record.left_out)]

    def days_were_sealed(self) -> None:
        """This run has sealed days: a later commit may have to seal them anew."""
        self._sealed.clear()

    def commit(self, received: Iterable[Received], *, replace_equal: bool = False) -> None:
        """Store responses and what they prove; for `replace_equal` see `orders.upsert`."""
        by_wallet = _batches(received)
        try:
            self._write(by_wallet, one_by_one=False, replace_equal=replace_equal)
        except DataError:
            # Postgres refuses a row that passed every check: try them one by one and quarantine the refused ones.
            self._connection.rollback()
            self._write(by_wallet, one_by_one=True, replace_equal=replace_equal)

    def _write(self, by_wallet: dict[Wallet, _Batch], *, one_by_one: bool, replace_equal: bool) -> None:
        counts = replace(self.counts)
        counts.requests, counts.weight = self._spent()
        counts_of: dict[Wallet, runs.Counts] = {}
        written: dict[Wallet, dict[Key, str]] = {}
        named: set[tuple[Wallet, str]] = set()
        quarantined: set[tuple[Wallet, str]] = set()
        written_early: dict[Wallet, Set[Key]] = {}
        for wallet, of_wallet in by_wallet.items():
            batch, contradictions = versions(of_wallet.orders)
            rejects = [*of_wallet.rejects, *contradictions]
            first = of_wallet.first
            known = {} if replace_equal else self._written[wallet]
            fresh = [o for o in batch if o.key in first or known.get(o.key) != o.raw]
            if one_by_one:
                write = partial(orders.upsert, self._connection, *wallet, self.run_id)
                fresh, refused = quarantine.sift(self._connection, fresh, write)
                rejects += refused
                rejects = quarantine.storable(self._connection, self.run_id, rejects)
            changes = orders.upsert(self._connection, *wallet, self.run_id, fresh, replace_equal=replace_equal)
            if changes:
                self._seal_corrections(wallet, fresh, changes)
            old = first.intersection(o.key for o in fresh) - self._written_early[wallet]
            tally = orders.tally(changes, old)
            written_early[wallet] = changes.keys() - first
            if tally.inserted and of_wallet.doubted:
                coverage.withdraw(self._connection, *wallet, of_wallet.doubted)
            unnamed = {order.symbol for order in fresh} - {symbol for owner, symbol in self._named if owner == wallet}
            if tally.inserted and unnamed:
                coverage.name_symbols(self._connection, *wallet, unnamed)
            if self._is_waiting(wallet):
                quarantine.resolve_stored(self._connection, *wallet, [order.key for order in batch])
            rejects = quarantine.keep(self._connection, *wallet, self.run_id, rejects)
            self._proof_record(wallet).record(of_wallet.findings)
            written[wallet] = {order.key: order.raw for order in fresh}
            named |= {(wallet, symbol) for symbol in unnamed}
            newly_quarantined = {(wallet, reject.raw) for reject in rejects} - self._quarantined
            quarantined |= newly_quarantined
            counts_of[wallet] = replace(self._counts_of.get(wallet, runs.Counts()))
            for own in (counts, counts_of[wallet]):
                own.add(of_wallet.rows, tally, len(newly_quarantined), of_wallet.longest)
        runs.save(self._connection, self.run_id, counts, counts_of)
        self._connection.commit()
        self.counts = counts
        self._counts_of |= counts_of
        self._quarantined |= quarantined
        self._named |= named
        if sum(map(len, self._written.values())) > REMEMBERED_ORDERS:
            self._written.clear()
        for wallet in by_wallet:
            self._written[wallet] |= written[wallet]
            self._written_early[wallet] |= written_early[wallet]

    def _proof_record(self, wallet: Wallet) -> ProofRecord:
        if wallet not in self._proof_records:
            self.begin(wallet, {})
        return self._proof_records[wallet]

    def _seal_corrections(self, wallet: Wallet, written: Sequence[Order], changes: Mapping[Key, Change]) -> None:
        """Only this run adds seals to the wallet, and tells when: the sealed days are read once until then."""
        if wallet not in self._sealed:
            self._sealed[wallet] = seals.sealed_days(self._connection, *wallet)
        sealed = self._sealed[wallet]
        seals.seal_corrections(self._connection, *wallet, self.run_id, sealed, written, changes)

    def _is_waiting(self, wallet: Wallet) -> bool:
        """Whether the account may have rows in quarantine; reads the database once for each account."""
        if wallet not in self._had_waiting:
            self._had_waiting[wallet] = quarantine.is_waiting(self._connection, *wallet)
        return self._had_waiting[wallet] or any(owner == wallet for owner, _ in self._quarantined)


def _batches(received: Iterable[Received]) -> dict[Wallet, _Batch]:
    found: dict[Wallet, _Batch] = {}
    for one in received:
        batch = found.setdefault(one.wallet, _Batch())
        batch.findings += one.findings
        batch.first |= one.first
        batch.doubted += one.doubted
        batch.longest = max(batch.longest, one.longest)
        if one.page is not None:
            batch.rows += one.page.length
            batch.orders += one.page.orders
            batch.rejects += one.page.rejects
    return found
