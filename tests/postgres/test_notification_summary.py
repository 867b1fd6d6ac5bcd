"""The summary of some runs: the facts of these runs and accounts, and of no others."""

from collections.abc import Callable
from decimal import Decimal

import pytest
from sqlalchemy import Connection

from etl.core.findings import Finding, Verdict
from etl.core.markets import USDM
from etl.core.planning import Rules
from etl.core.timeline import DAY, HOUR, Window
from etl.core.wallets import Wallet
from etl.errors import StoreError
from etl.notifications.reading import read_summary
from etl.notifications.summary import AccountGaps, NewOrders, NotificationSummary, RowCounts, RunResult, UnreadHistory
from etl.runs.recorder import Received, Recorder
from etl.store import coverage, runs
from tests.postgres.samples import page, row

NOW = 1_790_856_000_000
RULES = Rules(now=NOW, settle_lag=600_000, keeps=90 * DAY, widest=7 * DAY)
MakeRun = Callable[..., int]


@pytest.fixture
def make_run(connection: Connection) -> MakeRun:
    """A run of one account that stores rows, with what was found; its id."""

    def make(account: str, *rows: str, found: tuple[Finding, ...] = (), status: str = "succeeded") -> int:
        run_id = runs.start(connection, "sync")
        recorder = Recorder(connection, run_id, lambda: (1, 50))
        recorder.commit([Received(Wallet(account, USDM), page(*rows), list(found))])
        runs.finish(connection, run_id, recorder.counts, status, None if status == "succeeded" else f"{status} so")
        connection.commit()
        return run_id

    return make


def order(symbol: str, order_id: int, at: int = NOW - HOUR, **changes: object) -> str:
    return row(symbol=symbol, orderId=order_id, time=at, updateTime=at, **changes)


def found(verdict: Verdict, since: int, until: int, symbol: str | None = None) -> Finding:
    return Finding(Window(NOW - since * DAY, NOW - until * DAY), verdict, symbol)


def read(
    connection: Connection, *run_ids: int, accounts: tuple[str, ...] = (), rules: Rules = RULES
) -> NotificationSummary:
    return read_summary(connection, run_ids, rules, accounts, orders=True)


def test_many_runs_are_one_summary(connection: Connection, make_run: MakeRun) -> None:
    make_run("main", order("BTCUSDT", 1))
    ids = [
        make_run("main", order("BTCUSDT", 1, cumQuote="50"), order("BTCUSDT", 2, cumQuote="7.25")),
        make_run("hedge", order("BTCUSDT", 2, price={}), status="incomplete"),
        make_run("grid", status="failed"),
    ]
    summary = read(connection, *reversed(ids))
    assert summary.runs == (
        RunResult("sync", "succeeded", (), ids[0]),
        RunResult("sync", "incomplete", ("incomplete so",), ids[1]),
        RunResult("sync", "failed", ("failed so",), ids[2]),
    )
    assert summary.rows == RowCounts(inserted=1, updated=0, quarantined=1)


def test_new_orders_are_those_that_these_runs_stored_first_by_what_closed_them(
    connection: Connection, make_run: MakeRun
) -> None:
    make_run("main", order("BTCUSDT", 1, cumQuote="1"))
    own = make_run(
        "main",
        order("BTCUSDT", 1, NOW, cumQuote="1"),
        order("BTCUSDT", 2, cumQuote="7.25"),
        order("BTCUSDT", 3, cumQuote="0.75"),
        order("BTCUSDT", 4, clientOrderId="adl_autoclose", cumQuote=None, avgPrice=None),
        order("ETHBTC", 2, NOW - 89 * DAY, cumQuote="0.5"),
    )
    other = make_run("hedge", order("BTCUSDT", 2, cumQuote="3"))
    assert read(connection, own).orders == (
        NewOrders("main", "BTCUSDT", "ADL", 1, None, "USDT"),
        NewOrders("main", "BTCUSDT", "LIQUIDATION", 2, Decimal("8.00"), "USDT"),
        NewOrders("main", "ETHBTC", "LIQUIDATION", 1, Decimal("0.5"), "BTC"),
    )
    assert {one.account for one in read(connection, own, other).orders} == {"main", "hedge"}
    assert read_summary(connection, (own,), RULES, orders=False).orders == ()


def test_where_the_exchange_keeps_everything_an_order_of_any_age_may_be_new_and_nothing_is_ever_lost(
    connection: Connection, make_run: MakeRun
) -> None:
    own = make_run("main", order("BTCUSDT", 1, NOW - 900 * DAY), found=(found(Verdict.PROVEN, 30, 20),))
    summary = read(connection, own, rules=Rules(NOW, 600_000, None, 7 * DAY))
    assert len(summary.orders) == 1
    assert summary.unread == ()


def test_what_is_unread_is_the_oldest_of_each_account_that_may_still_be_had(
    connection: Connection, make_run: MakeRun
) -> None:
    make_run("main", found=(found(Verdict.PROVEN, 85, 81), found(Verdict.FAILED, 81, 80), found(Verdict.PROVEN, 80, 0)))
    make_run("main", found=(found(Verdict.PROVEN, 40, 0, "BTCUSDT"),))
    make_run("hedge", found=(found(Verdict.BEYOND_RETENTION, 100, 90), found(Verdict.PROVEN, 90, 2)))
    summary = read(connection)
    assert summary.unread == (
        UnreadHistory("hedge", NOW - 2 * DAY, 88.0),
        UnreadHistory("main", NOW - 81 * DAY, 9.0),
    )
    assert summary.gaps == (AccountGaps("main", 1, ("failed",), NOW - 81 * DAY),)
    assert read(connection, accounts=("hedge", "grid")) == NotificationSummary(runs=(), unread=summary.unread[:1])


def test_an_account_of_which_nothing_was_read_yet_has_nothing_to_lose(connection: Connection) -> None:
    coverage.ask(connection, "main", USDM, None, NOW - 90 * DAY)
    connection.commit()
    assert read(connection) == NotificationSummary(runs=())


def test_a_run_whose_process_died_has_failed(connection: Connection) -> None:
    run_id = runs.start(connection, "sync")
    connection.commit()
    assert [run.status for run in read(connection, run_id).runs] == ["running"]
    connection.exec_driver_sql("SELECT pg_advisory_unlock_all()")
    connection.commit()
    assert [(run.status, *run.faults) for run in read(connection, run_id).runs] == [("failed", runs.DIED)]


def test_a_database_without_our_tables_is_said_so(connection: Connection) -> None:
    connection.exec_driver_sql("DROP TABLE runs CASCADE")
    with pytest.raises(StoreError, match="the database cannot be used"):
        read(connection, 1)
