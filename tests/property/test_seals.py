"""However a history arrives, in whatever order and with whatever crashes, its days are sealed alike."""

from contextlib import suppress
from typing import NamedTuple

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, event, text

from etl.core.markets import USDM
from etl.store import seals
from tests.postgres.samples import ACCOUNT
from tests.postgres.sealing import History, at, order, proof

DAYS = 4
TABLES = "force_orders, force_order_revisions, coverage, runs, quarantined_orders, seals"


class CrashError(Exception):
    """The process dies before its transaction is committed."""


class Version(NamedTuple):
    symbol: str
    order_id: int
    day: float
    age: int

    def as_row(self) -> str:
        return order(self.day, self.order_id, symbol=self.symbol, updateTime=at(self.day) + self.age)


class Step(NamedTuple):
    """A transaction that stores some versions, or, without any, the end of a run."""

    versions: list[Version]
    until: float
    crashes: bool


moments = st.sampled_from([day + part for day in range(DAYS) for part in (0, 0.5, 0.999)])
ages = st.sampled_from([0, 1, 10 * 86_400_000])
versions = st.builds(Version, st.sampled_from(["BTCUSDT", "ETHUSDT"]), st.integers(1, 3), moments, ages)
steps = st.builds(Step, st.lists(versions, max_size=4), st.sampled_from([1.0, 2.5, DAYS]), st.booleans())


@settings(
    max_examples=max(20, settings().max_examples // 5),
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(taken=st.lists(steps, max_size=8), data=st.data())
def test_a_history_has_the_same_seals_however_it_arrives(
    connection: Connection, taken: list[Step], data: st.DataObject
) -> None:
    rows = [version.as_row() for step in taken for version in step.versions]
    at_once = sealed_contents(connection, [rows])
    again = data.draw(st.permutations(rows))

    history = emptied(connection)
    for step in taken:
        take(history, step)
    history.store(*again)
    history.seal(DAYS)

    assert newest_contents(history) == at_once
    assert history.wrong() == {}


def sealed_contents(connection: Connection, transactions: list[list[str]]) -> dict[str, str]:
    history = emptied(connection)
    for rows in transactions:
        history.store(*rows)
    history.seal(DAYS)
    return newest_contents(history)


def emptied(connection: Connection) -> History:
    history = History(connection)
    history.sql(f"TRUNCATE {TABLES} RESTART IDENTITY")
    history.store(proofs=(proof(0, DAYS),))
    return history


def take(history: History, step: Step) -> None:
    rows = [version.as_row() for version in step.versions]
    if not step.crashes:
        history.store(*rows)
        history.seal(step.until)
        return
    with suppress(CrashError):
        crash_at_commit(history.connection, skip=1)  # the first commit is that of the row in `runs`
        history.store(*rows)
    history.connection.rollback()
    seals.seal_proven_days(history.connection, ACCOUNT, USDM, 1, at(step.until))
    history.connection.rollback()


def crash_at_commit(connection: Connection, skip: int) -> None:
    commits = 0

    def crash(_: Connection) -> None:
        nonlocal commits
        commits += 1
        if commits > skip:
            event.remove(connection, "commit", crash)
            raise CrashError

    event.listen(connection, "commit", crash)


def newest_contents(history: History) -> dict[str, str]:
    return {one.seal.day.isoformat(): one.seal.content for one in history.chain()}


def test_no_day_is_forgotten(connection: Connection) -> None:
    """The property compares sealings with each other; this one counts."""
    history = emptied(connection)
    history.seal(DAYS)
    assert len(newest_contents(history)) == DAYS
    assert list(connection.scalars(text("SELECT DISTINCT orders FROM seals"))) == [0]
