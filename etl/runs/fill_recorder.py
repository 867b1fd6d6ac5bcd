"""Writes the fills of orders to the database: a page, what it completes, and the weight it cost, in one transaction."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial

from sqlalchemy import Connection
from sqlalchemy.exc import DataError

from etl.core.fill_requests import FillRequest, FillRequests
from etl.core.fills import QUARANTINE, DueOrder, Fill, FillPage, Reason, judge
from etl.core.orders import Reject
from etl.core.wallets import Wallet
from etl.runs.reader import Reader
from etl.runs.recorder import Recorder
from etl.store import fills, quarantine, runs


def judge_stored(connection: Connection, wallet: Wallet, orders: Sequence[DueOrder]) -> dict[DueOrder, Reason | None]:
    """What the stored fills of each order lack; None: they are complete."""
    sums = fills.sums(connection, *wallet, [order.key for order in orders])
    return {order: judge(order, sums[order.key]) for order in orders}


class FillRecorder:
    """One call is one transaction."""

    def __init__(self, connection: Connection, reader: Reader, recorder: Recorder) -> None:
        self._connection = connection
        self._reader = reader
        self._recorder = recorder
        self._quarantined: set[tuple[Wallet, str]] = set()
        """Rows that the run could not read, each counted once though it may arrive again."""

    def record(self, wallet: Wallet, requests: FillRequests, request: FillRequest, page: FillPage) -> None:
        """Store a page, and of each order that ends with it whether its fills are complete now."""
        quarantined = {(wallet, reject.raw) for reject in self._store(wallet, page)} - self._quarantined
        verdicts = judge_stored(self._connection, wallet, request.orders)
        complete = [order for order, reason in verdicts.items() if reason is None]
        left = requests.answered(request, page.shown, [order.key for order in complete])
        reasons = {order: Reason.CROWDED if requests.is_crowded(order) else verdicts[order] for order in left}
        self._commit(wallet, dict.fromkeys(complete) | reasons, len(quarantined))
        self._quarantined |= quarantined

    def refuse(self, wallet: Wallet, orders: Sequence[DueOrder], reason: Reason) -> None:
        """Record why the fills of orders are incomplete."""
        self._commit(wallet, dict.fromkeys(orders, reason))

    def _commit(self, wallet: Wallet, checks: Mapping[DueOrder, Reason | None], quarantined: int = 0) -> None:
        run_id, counts = self._recorder.run_id, replace(self._recorder.counts)
        fills.record(self._connection, *wallet, run_id, checks)
        counts.quarantined += quarantined
        counts.requests, counts.weight = self._reader.spent()
        runs.save(self._connection, run_id, counts)
        self._connection.commit()
        self._recorder.counts = counts

    def _store(self, wallet: Wallet, page: FillPage) -> list[Reject]:
        """Write what a page holds; returns its rows that are in quarantine."""
        try:
            return self._write(wallet, page.fills, page.rejects)
        except DataError:
            # Postgres refuses a row that passed every check: try them one by one and quarantine the refused ones.
            self._connection.rollback()
            write = partial(fills.add, self._connection, *wallet, self._recorder.run_id)
            accepted, refused = quarantine.sift(self._connection, page.fills, write)
            rejects = quarantine.storable(self._connection, self._recorder.run_id, [*page.rejects, *refused])
            return self._write(wallet, accepted, rejects)

    def _write(self, wallet: Wallet, read: Sequence[Fill], rejects: Sequence[Reject]) -> list[Reject]:
        connection, run_id = self._connection, self._recorder.run_id
        contradictions = fills.add(connection, *wallet, run_id, read)
        return quarantine.keep(connection, wallet.account, QUARANTINE, run_id, [*rejects, *contradictions])
