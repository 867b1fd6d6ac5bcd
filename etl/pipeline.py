"""One answer into the database: rows, what they prove, tallies and quarantine, in one transaction."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from sqlalchemy import Connection
from sqlalchemy.exc import DataError

from etl.core.orders import Order, Reject, latest_versions
from etl.core.paging import Page
from etl.core.walking import Finding
from etl.store import coverage, orders, quarantine, runs

MARKET = "usdm"
"""USDⓈ-M futures; the only market so far, and a part of every key."""

_NOTHING = Page((), (), 0)


class Recorder:
    """Writes what one run receives. Everything it is told in one call is committed together, or not at all."""

    def __init__(self, connection: Connection, run_id: int, spent: Callable[[], tuple[int, int]]) -> None:
        """`spent` tells the requests sent and their weight so far."""
        self._connection = connection
        self._spent = spent
        self.run_id = run_id
        self.counts = runs.Counts()
        self._named: set[tuple[str, str]] = set()
        self._aside: set[tuple[str, str]] = set()

    def commit(
        self, account: str, page: Page | None, findings: Sequence[Finding], *, replace_equal: bool = False
    ) -> None:
        """Store a page and what it proved; for `replace_equal` see `orders.upsert`."""
        received = page or _NOTHING
        try:
            self._write(account, received, findings, careful=False, replace_equal=replace_equal)
        except DataError:
            # Rows passed every check and Postgres still refuses one: take them one by one and keep that one aside.
            self._connection.rollback()
            self._write(account, received, findings, careful=True, replace_equal=replace_equal)

    def _write(
        self, account: str, page: Page, findings: Sequence[Finding], *, careful: bool, replace_equal: bool
    ) -> None:
        batch, rejects = latest_versions(page.orders), list(page.rejects)
        if careful:
            batch, refused = self._sift(account, batch)
            rejects = [replace(reject, is_json=reject.is_json and self._is_json(reject)) for reject in rejects]
            rejects += refused
        tally = orders.upsert(self._connection, account, MARKET, self.run_id, batch, replace_equal=replace_equal)
        unnamed = {order.symbol for order in batch} - {symbol for owner, symbol in self._named if owner == account}
        if tally.inserted and unnamed:
            coverage.name_symbols(self._connection, account, MARKET, unnamed)
        quarantine.keep(self._connection, account, MARKET, self.run_id, rejects)
        coverage.record(self._connection, account, MARKET, findings)
        counts = replace(self.counts)
        counts.requests, counts.weight = self._spent()
        aside = {(account, reject.raw) for reject in rejects} - self._aside
        counts.add(page.length, tally, len(aside))
        runs.save(self._connection, self.run_id, counts)
        self._connection.commit()
        self.counts = counts
        self._aside |= aside
        self._named |= {(account, symbol) for symbol in unnamed}

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
                orders.upsert(self._connection, account, MARKET, self.run_id, [order])
                taken.append(order)
            except DataError as error:
                reason = str(error.orig).splitlines()[0] if error.orig else "unreadable"
                refused.append(Reject(order.raw, f"the database cannot keep it: {reason}", is_json=False))
            attempt.rollback()
        return taken, refused
