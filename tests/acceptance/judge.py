"""What every test of a misbehaving exchange asserts: what is stored equals the history, or the difference is named."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from subprocess import CompletedProcess
from typing import Any

import psycopg
from psycopg.rows import dict_row

from tests.acceptance.misbehaving import Exchange, Row
from tests.command import Command

Run = CompletedProcess[str]


@dataclass
class Trial:
    """A misbehaving exchange, a database and the command that joins them."""

    exchange: Exchange
    database_url: str
    command: Command

    def __call__(self, *arguments: str, **environment: str) -> Run:
        return self.command(*arguments, **environment)

    def sql(self, query: str) -> list[dict[str, Any]]:
        with psycopg.connect(self.database_url, row_factory=dict_row) as connection:
            return connection.execute(query).fetchall()

    def gaps(self) -> list[dict[str, Any]]:
        return self.sql("SELECT symbol, gap_start, gap_end, reason FROM coverage_gaps ORDER BY symbol, gap_start")

    def reasons(self) -> set[str]:
        return {gap["reason"] for gap in self.gaps()}

    def stored(self) -> set[tuple[Any, ...]]:
        rows = self.sql("SELECT symbol, order_id, order_time, update_time, executed_qty::text FROM force_orders")
        return {tuple(row.values()) for row in rows}

    def missing(self) -> list[Row]:
        """The orders of the history that are not stored, or not in their version."""
        stored = self.stored()
        return [row for row in self.exchange.rows if _version(row) not in stored]

    def silently_lost(self) -> list[Row]:
        """Those missing that neither lie in a gap or behind the watermark by one of their times nor in quarantine."""
        marks = {row["symbol"]: row["watermark"] for row in self.sql("SELECT * FROM watermarks")}
        gaps, quarantined = self.gaps(), self._quarantined()

        def is_named(row: Row) -> bool:
            scope = row["symbol"] if row["symbol"] in marks else "*"
            mark = marks.get(scope)
            return (row["symbol"], str(row["orderId"])) in quarantined or any(
                mark is None
                or at >= mark
                or any(gap["symbol"] == scope and gap["gap_start"] <= at < gap["gap_end"] for gap in gaps)
                for at in (moment(row["time"]), moment(row["updateTime"]))
            )

        return [row for row in self.missing() if not is_named(row)]

    def _quarantined(self) -> set[tuple[str, str]]:
        rows = self.sql("""
            SELECT raw ->> 'symbol' AS symbol, raw ->> 'orderId' AS order_id
              FROM quarantined_orders
             WHERE resolved_at IS NULL
        """)
        return {(row["symbol"], row["order_id"]) for row in rows}


Trials = Callable[..., Trial]
"""The fixture `trial`: takes an exchange, which it starts, and further environment variables."""


def moment(instant: int) -> datetime:
    return datetime.fromtimestamp(instant / 1000, UTC)


def assert_nothing_is_lost_in_silence(trial: Trial, done: Run) -> None:
    """What is missing is named, and the run that leaves it missing does not end with 0."""
    keys = {(row["symbol"], row["orderId"]) for row in trial.exchange.rows}
    assert len(keys) == len(trial.exchange.rows), "the test's own history has an order twice"
    silent, missing, of = len(trial.silently_lost()), len(trial.missing()), len(trial.exchange.rows)
    said = f"exit code {done.returncode}, gaps {sorted(trial.reasons())}\n{done.stdout}{done.stderr}"
    assert silent == 0, f"{silent} of {of} orders lost in silence, {missing} missing; {said}"
    assert missing == 0 or done.returncode != 0, f"{missing} of {of} orders missing; {said}"


def assert_complete(trial: Trial, done: Run) -> None:
    """Every order is stored, and the run says so."""
    assert_nothing_is_lost_in_silence(trial, done)
    said = f"exit code {done.returncode}, gaps {trial.gaps()}\n{done.stdout}{done.stderr}"
    assert trial.missing() == [], said
    assert (done.returncode, trial.gaps()) == (0, []), said


def _version(row: Row) -> tuple[Any, ...]:
    return row["symbol"], row["orderId"], moment(row["time"]), moment(row["updateTime"]), row["executedQty"]
