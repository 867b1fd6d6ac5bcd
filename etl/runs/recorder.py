"""Answers into the database: rows, what they prove, tallies and quarantine, in one transaction."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from sqlalchemy import Connection
from sqlalchemy.exc import DataError

from etl.core.orders import Key, Order, Reject, latest_versions
from etl.core.paging import Page
from etl.core.walking import Finding
from etl.store import coverage, orders, quarantine, runs

REMEMBERED = 2_000
"""Orders that are remembered as written: a full page's rows come again soon, when its window is asked for in pieces."""


class Received(NamedTuple):
    """What one answer brought: an account's page, if there is one, and what it proved."""

    account: str
    page: Page | None
    findings: Sequence[Finding]
    first: frozenset[Key] = frozenset()
    """Orders of the page that the run had not seen before."""
    longest: int = 0
    """The most orders that the run has seen on a page of this kind."""


@dataclass
class _OfAccount:
    """What several answers brought for one account."""

    rows: int = 0
    orders: list[Order] = field(default_factory=list)
    rejects: list[Reject] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    first: set[Key] = field(default_factory=set)
    longest: int = 0


class Recorder:
    """Writes what one run receives. Everything it is told in one call is committed together, or not at all."""

    def __init__(self, connection: Connection, market: str, run_id: int, spent: Callable[[], tuple[int, int]]) -> None:
        """`spent` tells the requests sent and their weight so far."""
        self._connection = connection
        self._spent = spent
        self.market = market
        self.run_id = run_id
        self.counts = runs.Counts()
        self._named: set[tuple[str, str]] = set()
        self._aside: set[tuple[str, str]] = set()
        self._written: dict[tuple[str, Key], str] = {}
        self._unasked: set[tuple[str, Key]] = set()
        """Orders written before the walk that asks for them saw them, hardly ever any: to it they look unchanged."""

    def commit(self, received: Iterable[Received], *, replace_equal: bool = False) -> None:
        """Store answers and what they proved; for `replace_equal` see `orders.upsert`."""
        by_account = _by_account(received)
        try:
            self._write(by_account, careful=False, replace_equal=replace_equal)
        except DataError:
            # Rows passed every check and Postgres still refuses one: take them one by one and keep that one aside.
            self._connection.rollback()
            self._write(by_account, careful=True, replace_equal=replace_equal)

    def _write(self, by_account: dict[str, _OfAccount], *, careful: bool, replace_equal: bool) -> None:
        counts = replace(self.counts)
        counts.requests, counts.weight = self._spent()
        written: dict[tuple[str, Key], str] = {}
        named: set[tuple[str, str]] = set()
        aside: set[tuple[str, str]] = set()
        unasked: set[tuple[str, Key]] = set()
        for account, of_account in by_account.items():
            batch, rejects = latest_versions(of_account.orders), of_account.rejects
            first = of_account.first
            known = {} if replace_equal else self._written
            fresh = [o for o in batch if o.key in first or known.get((account, o.key)) != o.raw]
            if careful:
                fresh, refused = self._sift(account, fresh)
                rejects = [replace(reject, is_json=reject.is_json and self._is_json(reject)) for reject in rejects]
                rejects += refused
            changes = orders.upsert(
                self._connection, account, self.market, self.run_id, fresh, replace_equal=replace_equal
            )
            old = {o.key for o in fresh if o.key in first and (account, o.key) not in self._unasked}
            tally = orders.tally(changes, old)
            unasked |= {(account, key) for key in changes if key not in first}
            unnamed = {order.symbol for order in fresh} - {symbol for owner, symbol in self._named if owner == account}
            if tally.inserted and unnamed:
                coverage.name_symbols(self._connection, account, self.market, unnamed)
            quarantine.keep(self._connection, account, self.market, self.run_id, rejects)
            coverage.record(self._connection, account, self.market, of_account.findings)
            written |= {(account, order.key): order.raw for order in fresh}
            named |= {(account, symbol) for symbol in unnamed}
            own_aside = {(account, reject.raw) for reject in rejects} - self._aside
            aside |= own_aside
            counts.add(of_account.rows, tally, len(own_aside), of_account.longest)
        runs.save(self._connection, self.run_id, counts)
        self._connection.commit()
        self.counts = counts
        self._aside |= aside
        self._named |= named
        self._unasked |= unasked
        if len(self._written) > REMEMBERED:
            self._written.clear()
        self._written |= written

    def _is_json(self, reject: Reject) -> bool:
        """Whether Postgres, which knows limits that JSON has not, keeps the row as such."""
        attempt = self._connection.begin_nested()
        try:
            quarantine.keep(self._connection, "", "", self.run_id, [reject])
        except DataError:
            return False
        else:
            return True
        finally:
            attempt.rollback()

    def _sift(self, account: str, batch: Sequence[Order]) -> tuple[list[Order], list[Reject]]:
        """The orders that Postgres takes, and those it does not, each tried by itself and undone."""
        taken: list[Order] = []
        refused: list[Reject] = []
        for order in batch:
            attempt = self._connection.begin_nested()
            try:
                orders.upsert(self._connection, account, self.market, self.run_id, [order])
                taken.append(order)
            except DataError as error:
                reason = str(error.orig).splitlines()[0] if error.orig else "unreadable"
                refused.append(Reject(order.raw, f"the database cannot keep it: {reason}", is_json=False))
            attempt.rollback()
        return taken, refused


def _by_account(received: Iterable[Received]) -> dict[str, _OfAccount]:
    found: dict[str, _OfAccount] = {}
    for one in received:
        own = found.setdefault(one.account, _OfAccount())
        own.findings += one.findings
        own.first |= one.first
        own.longest = max(own.longest, one.longest)
        if one.page is not None:
            own.rows += one.page.length
            own.orders += one.page.orders
            own.rejects += one.page.rejects
    return found
