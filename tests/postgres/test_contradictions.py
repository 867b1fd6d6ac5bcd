"""A page that leaves out a stored order proves nothing."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

import pytest
from sqlalchemy import Connection, delete, select

from etl.core.findings import Finding, Verdict
from etl.core.markets import USDM
from etl.core.orders import Order
from etl.core.paging import Page
from etl.core.planning import Known
from etl.core.timeline import DAY, HOUR, Window, to_millis
from etl.runs.contradictions import ProofRecord
from etl.store.orders import upsert
from etl.store.schema import coverage
from tests.postgres.samples import ACCOUNT, page, row

AT = 1_790_000_000_000
WINDOW = Window(AT, AT + DAY)
NOTHING: Mapping[str | None, Known] = MappingProxyType({})


def orders(*ids: int, symbol: str = "BTCUSDT", at: int = AT + HOUR, **changes: object) -> tuple[Order, ...]:
    return page(*(row(orderId=n, symbol=symbol, time=at, updateTime=at, **changes) for n in ids)).orders


def holding(shown: Sequence[Order]) -> Page:
    return Page(tuple(shown), (), WINDOW.end)


def store(connection: Connection, *stored: Order) -> None:
    upsert(connection, ACCOUNT, USDM, 1, stored)


def judge(connection: Connection, *findings: Finding, before: Mapping[str | None, Known] = NOTHING) -> ProofRecord:
    record = ProofRecord(connection, ACCOUNT, USDM, before)
    record.record(findings)
    return record


def recorded(connection: Connection, symbol: str | None = None) -> dict[str, list[Window]]:
    """The intervals of the scope by verdict, those without any left out."""
    row = connection.execute(select(coverage).where(coverage.c.symbol == (symbol or "*"))).one()._asdict()
    sets = {one.value: [Window(to_millis(p.lower), to_millis(p.upper)) for p in row[one.value]] for one in Verdict}
    return {verdict: windows for verdict, windows in sets.items() if windows}


def verdicts(connection: Connection, shown: Sequence[Order], symbol: str | None = None) -> set[str]:
    judge(connection, Finding(WINDOW, Verdict.PROVEN, symbol, [holding(shown)]))
    found = set(recorded(connection, symbol))
    connection.execute(delete(coverage))
    return found


def test_a_page_that_shows_all_that_is_stored_proves_its_window(connection: Connection) -> None:
    store(connection, *orders(1, 2))
    assert verdicts(connection, orders(1, 2)) == {"proven"}


def test_a_page_that_leaves_out_a_stored_order_is_disputed_and_the_order_is_named(connection: Connection) -> None:
    store(connection, *orders(1, 2))
    record = judge(connection, Finding(WINDOW, Verdict.PROVEN, None, [holding(orders(1))]))
    assert recorded(connection) == {"disputed": [WINDOW]}
    assert record.left_out == {("BTCUSDT", 2)}


NEXT = Window(WINDOW.end, WINDOW.end + DAY)
BEFORE = Window(WINDOW.start - DAY, WINDOW.start)


@pytest.mark.parametrize("together", [True, False])
@pytest.mark.parametrize("is_first", [True, False])
def test_nothing_newer_than_the_contradiction_is_proven_by_the_same_run(
    connection: Connection, together: bool, is_first: bool
) -> None:
    store(connection, *orders(1))
    proofs = [Finding(window, Verdict.PROVEN) for window in (BEFORE, WINDOW, NEXT)]
    record = ProofRecord(connection, ACCOUNT, USDM, {})
    ordered = proofs[:1] + (proofs[1:] if is_first else proofs[:0:-1])
    for batch in [ordered] if together else [[one] for one in ordered]:
        record.record(batch)
    assert recorded(connection) == {"proven": [BEFORE], "disputed": [Window(WINDOW.start, NEXT.end)]}


def test_what_an_earlier_run_proved_stays_proven(connection: Connection) -> None:
    store(connection, *orders(1))
    earlier = Window(NEXT.start, NEXT.start + HOUR)
    judge(connection, Finding(earlier, Verdict.PROVEN))
    known: dict[str | None, Known] = {None: Known(proven=[earlier])}
    judge(connection, Finding(WINDOW, Verdict.PROVEN), Finding(NEXT, Verdict.PROVEN), before=known)
    assert recorded(connection)["proven"] == [earlier]


def test_the_proof_of_a_symbol_is_taken_back_as_well(connection: Connection) -> None:
    store(connection, *orders(1))
    of_symbol = Finding(NEXT, Verdict.PROVEN, "ETHUSDT")
    record = judge(connection, of_symbol)
    record.record([Finding(WINDOW, Verdict.PROVEN)])
    assert recorded(connection, "ETHUSDT") == {"disputed": [NEXT]}


def test_another_order_in_place_of_the_missing_one_does_not_help(connection: Connection) -> None:
    store(connection, *orders(1, 3))
    assert verdicts(connection, orders(2, 2)) == {"disputed"}


def test_an_order_that_is_shown_twice_counts_once(connection: Connection) -> None:
    store(connection, *orders(1))
    assert verdicts(connection, orders(1, 1)) == {"proven"}


@pytest.mark.parametrize("at", [AT - 1, AT + DAY])
def test_orders_outside_of_the_window_do_not_count(connection: Connection, at: int) -> None:
    store(connection, *orders(1, at=at))
    assert verdicts(connection, ()) == {"proven"}


def test_of_a_symbol_asked_for_by_name_only_its_orders_count(connection: Connection) -> None:
    store(connection, *orders(1), *orders(2, symbol="ETHUSDT"))
    assert verdicts(connection, orders(1), "BTCUSDT") == {"proven"}
    assert verdicts(connection, orders(1), "ETHUSDT") == {"disputed"}


def test_another_accounts_orders_do_not_count(connection: Connection) -> None:
    upsert(connection, "hedge", USDM, 1, orders(1))
    assert verdicts(connection, ()) == {"proven"}


@pytest.mark.parametrize(
    ("filled", "days", "verdict"),
    [("0", 4, Verdict.PROVEN), ("0", 2, Verdict.DISPUTED), ("0.1", 4, Verdict.DISPUTED)],
)
def test_the_exchange_may_forget_an_order_without_a_fill_after_three_days(
    connection: Connection, now: int, filled: str, days: int, verdict: Verdict
) -> None:
    at = now - days * DAY
    store(connection, *orders(1, at=at, executedQty=filled, status="EXPIRED"))
    window = Window(at - HOUR, at + HOUR)
    judge(connection, Finding(window, Verdict.PROVEN))
    assert recorded(connection) == {verdict.value: [window]}


def test_what_is_no_proof_is_recorded_as_it_is(connection: Connection) -> None:
    store(connection, *orders(1))
    judge(connection, Finding(WINDOW, Verdict.FAILED))
    assert recorded(connection) == {"failed": [WINDOW]}


@pytest.fixture
def now(connection: Connection) -> int:
    """The database's clock, epoch milliseconds."""
    return int(connection.exec_driver_sql("SELECT extract(epoch FROM now()) * 1000").scalar_one())
