"""What a verification found is kept as it was found, and nothing that contradicts itself is."""

from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import Connection, text
from sqlalchemy.exc import IntegrityError

from etl.core.differences import Difference, DifferenceKind
from etl.core.findings import Verdict
from etl.core.markets import USDM
from etl.core.timeline import Window
from etl.core.verifying import ScopeResult, Unread
from etl.core.wallets import Wallet
from etl.store import verifications

SPAN = Window(0, 100)
WALLET = Wallet("main", USDM)


def result(*unread: Window, differences: int = 0, symbol: str | None = None) -> ScopeResult:
    found = [Difference(WALLET, "BTCUSDT", n, 1, 1, DifferenceKind.MISSING) for n in range(differences)]
    failed = [Unread(window, Verdict.FAILED) for window in unread]
    return ScopeResult(WALLET, symbol, SPAN, [Window(0, 50)], failed, 7, found)


def record(connection: Connection, run_id: int, *results: ScopeResult, is_sample: bool = False) -> None:
    verifications.record(connection, run_id, results, is_sample=is_sample)


def rows(connection: Connection) -> list[Any]:
    return [*connection.execute(text("SELECT * FROM verifications ORDER BY id"))]


def test_each_scope_has_its_row(connection: Connection) -> None:
    record(connection, 3, result(), result(Window(50, 60), symbol="ETHUSDT"))
    every, of_symbol = rows(connection)
    assert (every.run_id, every.account, every.market, every.symbol) == (3, "main", "usdm", "*")
    assert (len(every.unread), every.unread_reason, every.orders_compared) == (0, None, 7)
    assert (of_symbol.symbol, of_symbol.unread_reason, len(of_symbol.unread)) == ("ETHUSDT", "failed", 1)


def test_a_run_that_asked_for_nothing_has_none(connection: Connection) -> None:
    record(connection, 3)
    assert rows(connection) == []


def test_all_differences_are_counted_and_the_first_are_listed(connection: Connection) -> None:
    record(connection, 3, result(differences=verifications.DIFFERENCES_KEPT + 5))
    (row,) = rows(connection)
    assert (row.missing, len(row.differences)) == (verifications.DIFFERENCES_KEPT + 5, verifications.DIFFERENCES_KEPT)
    assert row.differences[0] == {
        "symbol": "BTCUSDT",
        "order_id": 0,
        "order_time": "1970-01-01T00:00:00.001Z",
        "kind": "missing",
        "fields": [],
        "newer": None,
        "repaired": False,
    }


@pytest.mark.parametrize(
    "change",
    ["repaired = 1", "unread_reason = 'failed'", "unread = '{[1970-01-01Z, 1970-01-02Z)}', unread_reason = 'failed'"],
    ids=["repaired and never differed", "a reason and nothing unread", "compared and unread"],
)
def test_what_contradicts_itself_is_refused(connection: Connection, change: str) -> None:
    record(connection, 3, result())
    with pytest.raises(IntegrityError):
        connection.execute(text(f"UPDATE verifications SET {change}"))


def test_the_newest_of_each_scope_is_told_and_whether_all_of_it_agreed(connection: Connection) -> None:
    record(connection, 1, result(differences=1), result(symbol="ETHUSDT"))
    record(connection, 2, result())
    record(connection, 3, result(Window(50, 60), symbol="BTCUSDT"))
    found = [(one.symbol, one.run_id, one.is_equal) for one in verifications.newest(connection)]
    assert sorted(found) == [("*", 2, True), ("BTCUSDT", 3, False), ("ETHUSDT", 1, True)]


def test_a_nightly_sample_does_not_hide_the_newest_whole_verification(connection: Connection) -> None:
    for run in (1, 2):
        record(connection, run, result())
    for night in (3, 4):
        record(connection, night, result(), is_sample=True)
    assert [(one.run_id, one.is_sample) for one in verifications.newest(connection)] == [(2, False), (4, True)]


def test_an_account_is_to_be_verified_so_many_days_after_the_last_time_or_after_the_first_run(
    connection: Connection,
) -> None:
    def pass_days(days: int) -> None:
        for table, column in (("runs", "started_at"), ("verifications", "verified_at")):
            connection.execute(text(f"UPDATE {table} SET {column} = {column} - {days} * interval '1 day'"))

    assert not verifications.is_older(connection, WALLET, 7)
    connection.execute(text("INSERT INTO runs (command, status) VALUES ('backfill', 'running')"))
    assert not verifications.is_older(connection, WALLET, 7)
    pass_days(8)
    assert verifications.is_older(connection, WALLET, 7)
    record(connection, 1, replace(result(SPAN), compared=[]), is_sample=True)
    assert verifications.is_older(connection, WALLET, 7), "nothing was compared"
    record(connection, 1, result(symbol="BTCUSDT"), is_sample=True)
    assert not verifications.is_older(connection, WALLET, 7)
    assert verifications.is_older(connection, Wallet("other", USDM), 7)
    pass_days(8)
    assert verifications.is_older(connection, WALLET, 7)
