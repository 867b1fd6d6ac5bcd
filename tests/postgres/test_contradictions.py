"""A page that leaves out a stored order proves nothing."""

from collections.abc import Sequence

import pytest
from sqlalchemy import Connection

from etl.core.markets import USDM
from etl.core.orders import Order
from etl.core.timeline import DAY, HOUR, Window
from etl.core.walking import Finding, Verdict
from etl.runs.contradictions import dispute
from etl.store.orders import upsert
from tests.postgres.samples import ACCOUNT, page, row

AT = 1_790_000_000_000
WINDOW = Window(AT, AT + DAY)


def orders(*ids: int, symbol: str = "BTCUSDT", at: int = AT + HOUR, **changes: object) -> tuple[Order, ...]:
    return page(*(row(orderId=n, symbol=symbol, time=at, updateTime=at, **changes) for n in ids)).orders


def store(connection: Connection, *stored: Order) -> None:
    upsert(connection, ACCOUNT, USDM, 1, stored)


def verdicts(connection: Connection, shown: Sequence[Order], symbol: str | None = None) -> list[Verdict]:
    found, _ = dispute(connection, ACCOUNT, USDM, [Finding(WINDOW, Verdict.PROVEN, symbol, shown)])
    return [finding.verdict for finding in found]


def test_a_page_that_shows_all_that_is_stored_proves_its_window(connection: Connection) -> None:
    store(connection, *orders(1, 2))
    assert verdicts(connection, orders(1, 2)) == [Verdict.PROVEN]


def test_a_page_that_leaves_out_a_stored_order_is_disputed_and_the_order_is_named(connection: Connection) -> None:
    store(connection, *orders(1, 2))
    found, lacking = dispute(connection, ACCOUNT, USDM, [Finding(WINDOW, Verdict.PROVEN, None, orders(1))])
    assert [finding.verdict for finding in found] == [Verdict.DISPUTED]
    assert lacking == {("BTCUSDT", 2)}


def test_another_order_in_place_of_the_missing_one_does_not_help(connection: Connection) -> None:
    store(connection, *orders(1, 3))
    assert verdicts(connection, orders(2, 2)) == [Verdict.DISPUTED]


def test_an_order_that_is_shown_twice_counts_once(connection: Connection) -> None:
    store(connection, *orders(1))
    assert verdicts(connection, orders(1, 1)) == [Verdict.PROVEN]


@pytest.mark.parametrize("at", [AT - 1, AT + DAY])
def test_orders_outside_of_the_window_do_not_count(connection: Connection, at: int) -> None:
    store(connection, *orders(1, at=at))
    assert verdicts(connection, ()) == [Verdict.PROVEN]


def test_of_a_symbol_asked_for_by_name_only_its_orders_count(connection: Connection) -> None:
    store(connection, *orders(1), *orders(2, symbol="ETHUSDT"))
    assert verdicts(connection, orders(1), "BTCUSDT") == [Verdict.PROVEN]
    assert verdicts(connection, orders(1), "ETHUSDT") == [Verdict.DISPUTED]


def test_another_accounts_orders_do_not_count(connection: Connection) -> None:
    upsert(connection, "hedge", USDM, 1, orders(1))
    assert verdicts(connection, ()) == [Verdict.PROVEN]


@pytest.mark.parametrize(
    ("filled", "days", "verdict"),
    [("0", 4, Verdict.PROVEN), ("0", 2, Verdict.DISPUTED), ("0.1", 4, Verdict.DISPUTED)],
)
def test_the_exchange_may_forget_an_order_without_a_fill_after_three_days(
    connection: Connection, now: int, filled: str, days: int, verdict: Verdict
) -> None:
    at = now - days * DAY
    store(connection, *orders(1, at=at, executedQty=filled, status="EXPIRED"))
    found, _ = dispute(connection, ACCOUNT, USDM, [Finding(Window(at - HOUR, at + HOUR), Verdict.PROVEN)])
    assert [finding.verdict for finding in found] == [verdict]


def test_what_is_no_proof_is_left_as_it_is(connection: Connection) -> None:
    store(connection, *orders(1))
    failed = Finding(WINDOW, Verdict.FAILED)
    assert dispute(connection, ACCOUNT, USDM, [failed]) == ([failed], set())


@pytest.fixture
def now(connection: Connection) -> int:
    """The database's clock, epoch milliseconds."""
    return int(connection.exec_driver_sql("SELECT extract(epoch FROM now()) * 1000").scalar_one())
