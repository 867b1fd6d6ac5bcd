"""Orders of certain days, stored and sealed as a run does it."""

from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from sqlalchemy import Connection, text

from etl.commands.check_database import Check, check_database
from etl.core.findings import Finding, Verdict
from etl.core.markets import USDM
from etl.core.timeline import DAY, Window, to_datetime
from etl.core.wallets import Wallet
from etl.runs.recorder import Received, Recorder
from etl.store import runs, seals
from etl.store.seals import StoredSeal
from tests.postgres.samples import ACCOUNT, page, row

START = 1_630_454_400_000
"""2021-09-01, epoch milliseconds."""


def at(day: float) -> int:
    """An instant, in days since the start."""
    return START + int(day * DAY)


def date_of(day: int) -> date:
    return to_datetime(at(day)).date()


def order(day: float, order_id: int, **changes: Any) -> str:
    return row(**{"orderId": order_id, "time": at(day), "updateTime": at(day)} | changes)


def proof(start: float, end: float, symbol: str | None = None) -> Finding:
    return Finding(Window(at(start), at(end)), Verdict.PROVEN, symbol)


@dataclass(frozen=True)
class History:
    """A database, and runs that store into it."""

    connection: Connection

    def store(self, *rows: str, proofs: tuple[Finding, ...] = (), replace_equal: bool = False) -> None:
        """One transaction of a run of its own."""
        recorder = Recorder(self.connection, self.run(), spent=lambda: (0, 0))
        answer = page(*rows)
        findings = [replace(finding, pages=[answer]) for finding in proofs]
        recorder.commit([Received(Wallet(ACCOUNT, USDM), answer, findings)], replace_equal=replace_equal)

    def run(self) -> int:
        run_id = runs.start(self.connection, "backfill")
        self.connection.commit()
        return run_id

    def seal(self, until: float) -> None:
        """The end of a run for which everything before that day is old enough."""
        seals.seal_proven_days(self.connection, ACCOUNT, USDM, self.run(), at(until))
        self.connection.commit()

    def chain(self) -> list[StoredSeal]:
        found = seals.chain(self.connection, ACCOUNT, USDM)
        self.connection.rollback()
        return found

    def sealed(self) -> list[tuple[int, int]]:
        """Day and number of orders of each seal, in the order in which they were made."""
        return [((one.seal.day - date_of(0)).days, one.seal.orders) for one in self.chain()]

    def sql(self, statement: str) -> None:
        """What somebody does by hand."""
        self.connection.execute(text(statement))
        self.connection.commit()

    def wrong(self, *noted: str) -> dict[str, str | None]:
        """What `db check` finds: the sentences that are not true, each with the first case."""
        found: list[Check] = [check for check in check_database(self.connection, (), noted).checks if check.wrong]
        return {check.sentence: check.first for check in found}
