"""What a reconciliation found is kept; a dispute lasts until it is stored, agrees or is accepted."""

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import pytest
from sqlalchemy import Connection, text
from sqlalchemy.exc import IntegrityError

from etl.core.order_lists import Discrepancy, Kind
from etl.core.reconciling import DayVerdict, Verdict
from etl.core.timeline import DAY, HOUR, Window, to_datetime, to_millis
from etl.core.wallets import Wallet
from etl.store import account_rows, coverage, orders, reconciliations
from etl.store.reconciliations import KEPT_OF_A_KIND, Reconciled
from etl.store.schema import DISCREPANCIES
from tests.postgres.samples import ACCOUNT, page, proven, row

MARKET = "usdm"
WALLET = Wallet(ACCOUNT, MARKET)
START = to_millis(datetime(2026, 3, 1, tzinfo=UTC))
AT = START + 2 * DAY + HOUR
DAYS = [to_datetime(START + number * DAY).date() for number in range(5)]
AGREED = [DayVerdict(day, Verdict.AGREED) for day in DAYS]


def found(kind: Kind = Kind.MISSING, order_id: int = 7, at: int = AT, raw: str | None = None) -> Discrepancy:
    return Discrepancy(at, "BTCUSDT", order_id, kind, "as a test has it", raw)


def done(*discrepancies: Discrepancy, days: Sequence[DayVerdict] = AGREED, **changes: Any) -> Reconciled:
    span = Window(START, START + 5 * DAY)
    one = Reconciled(WALLET, span, [span], None, days, discrepancies, orders_listed=9, has_compared=True)
    return replace(one, **changes)


def record(connection: Connection, run_id: int, *reconciled: Reconciled) -> None:
    for one in reconciled:
        reconciliations.record(connection, run_id, one)
    connection.commit()


def verdicts(connection: Connection) -> dict[date, str]:
    rows = connection.execute(text("SELECT day, verdict FROM reconciliation_days"))
    return {row.day: row.verdict for row in rows}


def disputed(connection: Connection) -> list[int]:
    return [one.order_id for one in reconciliations.disputed(connection)]


def store(connection: Connection, order_id: int, at: int = AT) -> None:
    raw = row(orderId=order_id, time=at, updateTime=at)
    orders.upsert(connection, *WALLET, 1, page(raw, received_at=at + DAY).orders)
    connection.commit()


def test_every_kind_has_its_column_and_may_be_stored() -> None:
    assert tuple(kind.value for kind in Kind) == DISCREPANCIES


def test_each_comparison_has_its_row(connection: Connection) -> None:
    record(connection, 3, done(found(), found(Kind.LATE, 8), expected={"a settlement": 2}, accepted=1))
    (one,) = connection.execute(text("SELECT * FROM reconciliations"))
    assert (one.run_id, one.account, one.market, one.orders_listed) == (3, ACCOUNT, MARKET, 9)
    assert (one.missing, one.late, one.conflicting, one.expected, one.accepted) == (1, 1, 0, 2, 1)
    assert (one.reason, len(one.compared)) == (None, 1)


def test_a_disputed_order_makes_its_day_disputed_whatever_else_was_compared(connection: Connection) -> None:
    record(connection, 1, done(found()))
    assert verdicts(connection) == dict.fromkeys(DAYS, "agreed") | {DAYS[2]: "disputed"}
    (reason,) = connection.scalars(text("SELECT reason FROM reconciliation_days WHERE verdict = 'disputed'"))
    assert reason == "BTCUSDT 7 missing"


def test_a_day_that_is_not_over_has_a_verdict_only_while_it_is_disputed(connection: Connection) -> None:
    record(connection, 1, done(found(at=START + 7 * DAY)))
    assert verdicts(connection)[to_datetime(START + 7 * DAY).date()] == "disputed"
    store(connection, 7, START + 7 * DAY)
    assert verdicts(connection) == dict.fromkeys(DAYS, "agreed")


@pytest.mark.parametrize("kind", [kind for kind in Kind if kind not in ("missing", "conflicting")])
def test_what_is_only_told_disputes_nothing(connection: Connection, kind: Kind) -> None:
    record(connection, 1, done(found(kind)))
    assert disputed(connection) == []
    assert set(verdicts(connection).values()) == {"agreed"}


def test_a_missing_order_that_any_run_stores_is_no_longer_disputed(connection: Connection) -> None:
    record(connection, 1, done(found(), found(order_id=8)))
    store(connection, 7)
    assert disputed(connection) == [8]
    record(connection, 2, done())
    rows = connection.execute(text("SELECT order_id, resolved_at FROM reconciliation_orders ORDER BY order_id")).all()
    assert [(order_id, resolved is None) for order_id, resolved in rows] == [(7, False), (8, True)]
    assert disputed(connection) == [8], "what no list shows any more stays open"


def test_a_conflict_ends_where_the_lists_agree(connection: Connection) -> None:
    store(connection, 7)
    record(connection, 1, done(found(Kind.CONFLICTING)))
    assert disputed(connection) == [7]
    record(connection, 2, done(agreeing={("BTCUSDT", 7)}))
    assert disputed(connection) == []
    record(connection, 3, done(found(Kind.CONFLICTING)))
    assert disputed(connection) == [7], "and begins anew"


def test_a_day_that_agreed_stays_so_where_it_cannot_be_compared(connection: Connection) -> None:
    unread = [DayVerdict(day, Verdict.NOT_CHECKABLE, "no answer") for day in DAYS]
    record(connection, 1, done(days=unread[:1]), done(days=AGREED[1:], wallet=Wallet("other", MARKET)))
    record(connection, 2, done(days=AGREED[1:]))
    record(connection, 3, done(days=unread))
    query = text("SELECT run_id, verdict, reason FROM reconciled_days WHERE account = 'main' ORDER BY day")
    assert connection.execute(query).all() == [(3, "not checkable", "no answer"), *[(2, "agreed", None)] * 4]


def test_the_row_is_kept_as_received_and_as_text_where_it_is_no_json_of_postgres(connection: Connection) -> None:
    strange = '{"orderId": 8, "x": "\\ud800"}'
    record(connection, 1, done(found(raw=row(orderId=7)), found(order_id=8, raw=strange)))
    rows = connection.scalars(text("SELECT raw FROM reconciliation_orders ORDER BY order_id")).all()
    assert rows == [json.loads(row(orderId=7)), strange]


def test_of_what_is_only_told_the_newest_are_kept_and_all_are_counted(connection: Connection) -> None:
    many = [found(Kind.NAMESAKE, number, AT + number) for number in range(KEPT_OF_A_KIND + 5)]
    record(connection, 1, done(*many))
    kept = connection.scalars(text("SELECT order_id FROM reconciliation_orders ORDER BY order_id")).all()
    assert kept == [*range(5, KEPT_OF_A_KIND + 5)]
    assert connection.scalar(text("SELECT namesake FROM reconciliations")) == KEPT_OF_A_KIND + 5


def test_a_disputed_order_makes_its_day_disputed_for_the_calendar(connection: Connection) -> None:
    coverage.ask(connection, *WALLET, None, START)
    coverage.record(connection, *WALLET, [proven(START, START + 5 * DAY)])
    record(connection, 1, done(found()))
    query = text("SELECT state FROM report_completeness('2026-03-01', '2026-03-05')")
    assert connection.scalars(query).all() == ["proven", "proven", "disputed", "proven", "proven"]
    reconciliations.accept(connection, *WALLET, ("BTCUSDT", 7))
    connection.commit()
    assert connection.scalars(query).all() == ["proven"] * 5


def test_the_newest_of_each_account_is_told_with_its_days(connection: Connection) -> None:
    record(connection, 1, done(found()))
    record(connection, 2, done(reason="no answer"))
    (newest,) = reconciliations.newest(connection)
    assert (newest.run_id, newest.agreed, newest.not_checkable, newest.disputed) == (2, 4, 0, 1)
    assert newest.reason == "no answer"
    assert reconciliations.newest(connection, ["other"]) == []


def test_disputes_are_found_by_account_and_by_span(connection: Connection) -> None:
    record(connection, 1, done(found()), done(found(order_id=8), wallet=Wallet("other", MARKET)))
    assert [one.order_id for one in reconciliations.disputed(connection, ["other"])] == [8]
    inside, outside = Window(AT, AT + 1), Window(AT + 1, AT + 2)
    assert [one.order_id for one in reconciliations.disputed(connection, wallet=WALLET, span=inside)] == [7]
    assert reconciliations.disputed(connection, wallet=WALLET, span=outside) == []


def test_an_account_that_is_forgotten_leaves_nothing(connection: Connection) -> None:
    record(connection, 1, done(found()))
    account_rows.delete_all(connection, ACCOUNT)
    for table in ("reconciliations", "reconciled_days", "reconciliation_orders"):
        assert connection.scalar(text(f"SELECT count(*) FROM {table}")) == 0


@pytest.mark.parametrize(
    "change",
    ["verdict = 'not checkable'", "reason = 'a reason'", "verdict = 'disputed', reason = 'BTCUSDT 7'"],
    ids=["no reason", "a reason for agreement", "a dispute of its own"],
)
def test_what_contradicts_itself_is_refused(connection: Connection, change: str) -> None:
    record(connection, 1, done())
    with pytest.raises(IntegrityError):
        connection.execute(text(f"UPDATE reconciled_days SET {change}"))
