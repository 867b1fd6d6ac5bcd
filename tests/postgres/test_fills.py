"""Fills in the database: each once and to the digit, and what is known of the fills of each order."""

import json
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import psycopg
import pytest
from sqlalchemy import Connection, text
from sqlalchemy.exc import DataError, IntegrityError

from etl.core.fills import QUARANTINE, DueOrder, Fill, Reason, Sums
from etl.core.orders import Reject
from etl.core.timeline import DAY, Window, to_datetime
from etl.exchange.fills import read_fill
from etl.store import account_rows, fills, orders, quarantine
from etl.store.engine import connection_to, engine_for
from tests.databases import clone
from tests.postgres.samples import ACCOUNT, page, row

T = 1_700_000_000_000 // DAY * DAY
WALLET = (ACCOUNT, "usdm")
EVER = Window(T - DAY, T + 90 * DAY)
KEY = ("BTCUSDT", 5)


def raw(number: int = 1, order_id: int = 5, **changes: Any) -> str:
    amounts = {"price": "0.10", "qty": "1.50", "quoteQty": "0.1500", "realizedPnl": "-0.00000001", "commission": "0.1"}
    others = {"symbol": "BTCUSDT", "commissionAsset": "BNB", "marginAsset": "USDT", "buyer": True, "maker": False}
    return json.dumps({"id": number, "orderId": order_id, "time": T + 7} | amounts | others | changes)


def fill(number: int = 1, order_id: int = 5, **changes: Any) -> Fill:
    read = read_fill(raw(number, order_id, **changes).encode(), T + 90 * DAY)
    assert isinstance(read, Fill)
    return read


def order(connection: Connection, order_id: int, at: int = T, **changes: Any) -> None:
    said = {"orderId": order_id, "time": at, "updateTime": at + 9, "executedQty": "3.00", "cumQuote": "0.30"}
    orders.upsert(connection, *WALLET, 1, page(row(**said | changes), received_at=T + 90 * DAY).orders)


def due(connection: Connection, run_id: int = 9, span: Window = EVER, limit: int = 100) -> list[DueOrder]:
    return fills.due(connection, *WALLET, run_id, span, fills.Place(), limit)


def check(
    connection: Connection, run_id: int, reason: Reason | None, executed: str = "3.00", order_id: int = 5
) -> None:
    one = DueOrder("BTCUSDT", order_id, T, T + 9, Decimal(executed), Decimal("0.30"))
    fills.record(connection, *WALLET, run_id, {one: reason})


def stored(connection: Connection) -> list[Any]:
    query = "SELECT trade_id, qty::text, first_run_id FROM force_order_fills ORDER BY order_id, trade_id"
    return list(connection.execute(text(query)))


def test_every_column_comes_from_the_row_as_received(connection: Connection) -> None:
    one = fill(8389766251307928001, qty="1.500000000000000000000000000001", baseQty=2)
    assert fills.add(connection, *WALLET, 7, [one]) == []
    (found,) = connection.execute(text("SELECT * FROM force_order_fills")).mappings()
    expected = {"account": ACCOUNT, "market": "usdm", "symbol": "BTCUSDT", "order_id": 5}
    expected |= {"trade_id": 8389766251307928001, "time": to_datetime(T + 7), "price": Decimal("0.10")}
    expected |= {"qty": Decimal("1.500000000000000000000000000001"), "quote_qty": Decimal("0.1500")}
    expected |= {"base_qty": Decimal(2), "realized_pnl": Decimal("-0.00000001"), "commission": Decimal("0.1")}
    expected |= {"commission_asset": "BNB", "margin_asset": "USDT", "buyer": True, "maker": False}
    expected |= {"raw": json.loads(one.raw), "first_run_id": 7}
    assert {name: found[name] for name in expected} == expected


def test_a_fill_is_stored_once_and_its_first_row_stays(connection: Connection) -> None:
    assert fills.add(connection, *WALLET, 1, [fill(1), fill(1), fill(2)]) == []
    assert fills.add(connection, *WALLET, 2, [fill(2, id="2", new=1), fill(3), fill(1, order_id=6)]) == []
    assert stored(connection) == [(1, "1.50", 1), (2, "1.50", 1), (3, "1.50", 2), (1, "1.50", 2)]
    assert fills.add(connection, *WALLET, 3, [fill(2, quoteQty=None)]) == [], (
        "what one row does not say is no difference"
    )


@pytest.mark.parametrize(
    "changes",
    [{"qty": "7"}, {"price": "7"}, {"time": T}, {"commission": "0"}, {"commissionAsset": "USDT"}, {"buyer": 0 > 1}],
)
def test_another_fill_of_the_same_id_is_no_version_of_it(connection: Connection, changes: dict[str, Any]) -> None:
    other = fill(1, **changes)
    refused = [Reject(other.raw, "another fill of order 5 has the id 1", is_json=True)]
    assert fills.add(connection, *WALLET, 1, [fill(1), other]) == refused
    assert fills.add(connection, *WALLET, 2, [other]) == refused
    assert stored(connection) == [(1, "1.50", 1)]


def test_sums_are_exact(connection: Connection) -> None:
    tiny = "0.000000000000000000000000000000000001"
    fills.add(
        connection, *WALLET, 1, [fill(1, qty="1000000000000000000"), fill(2, qty=tiny), fill(3, 6, quoteQty=None)]
    )
    assert fills.sums(connection, *WALLET, [KEY, ("BTCUSDT", 6), ("BTCUSDT", 7)]) == {
        KEY: Sums(Decimal("1000000000000000000.000000000000000000000000000000000001"), Decimal("0.3000")),
        ("BTCUSDT", 6): Sums(Decimal("1.50"), None),
        ("BTCUSDT", 7): Sums(),
    }


def test_orders_are_due_until_their_fills_are_complete(connection: Connection) -> None:
    order(connection, 5)
    assert due(connection) == [DueOrder(*KEY, T, T + 9, Decimal("3.00"), Decimal("0.30"))]
    check(connection, 1, Reason.TOO_FEW)
    assert [one.tries for one in due(connection)] == [1]
    assert due(connection, run_id=1) == [], "not twice in one run"
    check(connection, 2, None)
    assert due(connection) == []
    order(connection, 5, updateTime=T + 99, executedQty="3.50")
    assert [(one.executed, one.tries) for one in due(connection)] == [(Decimal("3.50"), 0)]


def test_only_filled_orders_of_the_span_are_due(connection: Connection) -> None:
    order(connection, 1, T - 2 * DAY)
    order(connection, 2, T, updateTime=T + 91 * DAY)
    order(connection, 3, T, executedQty="0.000", cumQuote="0")
    order(connection, 4, T)
    assert [one.order_id for one in due(connection)] == [4]
    assert fills.count_due(connection, *WALLET, EVER) == 1
    assert fills.due(connection, ACCOUNT, "coinm", 9, EVER, fills.Place(), 9) == []


def test_what_was_asked_for_least_comes_first_then_the_oldest_in_any_number_of_chunks(connection: Connection) -> None:
    for order_id in range(1, 7):
        order(connection, order_id, T - order_id)
    check(connection, 1, Reason.TOO_FEW, order_id=6)
    check(connection, 1, Reason.TOO_FEW, order_id=3)
    check(connection, 2, Reason.TOO_FEW, order_id=6)
    found, place = [], fills.Place()
    while chunk := fills.due(connection, *WALLET, 9, EVER, place, 2):
        found += [one.order_id for one in chunk]
        place = fills.Place(chunk[-1].tries, chunk[-1].order_time, chunk[-1].symbol, chunk[-1].order_id)
    assert found == [5, 4, 2, 1, 3, 6]


def test_a_closed_contract_is_counted_when_it_is_first_refused(connection: Connection) -> None:
    order(connection, 5)
    check(connection, 1, Reason.SYMBOL)
    assert fills.count_due(connection, *WALLET, EVER) == 1
    check(connection, 2, Reason.SYMBOL)
    assert fills.count_due(connection, *WALLET, EVER) == 0
    assert len(due(connection)) == 1, "it is asked for all the same"


def test_a_run_counts_as_one_try_and_a_changed_order_begins_anew(connection: Connection) -> None:
    for run_id in (1, 1, 2):
        check(connection, run_id, Reason.TOO_FEW)
    query = text("SELECT state, reason, tries, run_id, executed_qty::text, cum_quote::text FROM fill_checks")
    assert list(connection.execute(query)) == [("incomplete", "too few", 2, 2, "3.00", "0.30")]
    check(connection, 3, None, executed="4")
    assert list(connection.execute(query)) == [("complete", None, 1, 3, "4", "0.30")]


@pytest.mark.parametrize(
    ("change", "constraint"),
    [
        ("state = 'unknown'", "state"),
        ("reason = 'late'", "reason"),
        ("state = 'incomplete'", "reason"),
        ("tries = 0", "tries"),
    ],
)
def test_postgres_refuses_an_impossible_check(connection: Connection, change: str, constraint: str) -> None:
    check(connection, 1, None)
    with pytest.raises(IntegrityError, match=f"fill_checks_{constraint}_check"):
        connection.execute(text(f"UPDATE fill_checks SET {change}"))


def test_a_row_in_quarantine_is_resolved_once_its_fill_is_stored(connection: Connection) -> None:
    quarantine.keep(connection, ACCOUNT, QUARANTINE, 1, [Reject(raw(qty="much"), "no decimal", is_json=True)])
    fills.add(connection, *WALLET, 1, [fill(2), fill(1, order_id=6)])
    assert quarantine.count(connection) == 1
    fills.add(connection, *WALLET, 1, [fill(1)])
    assert quarantine.count(connection) == 0


def test_an_unreadable_fill_casts_no_doubt_on_a_day_and_its_word_is_no_market(connection: Connection) -> None:
    quarantine.keep(connection, ACCOUNT, QUARANTINE, 1, [Reject(raw(time=None), "unreadable", is_json=True)])
    assert quarantine.doubted_days(connection) == []
    assert account_rows.markets(connection, ACCOUNT) == []


def test_what_postgres_cannot_read_is_said(connection: Connection) -> None:
    with pytest.raises(DataError):
        fills.add(connection, *WALLET, 1, [fill(new="@")._replace(raw=raw(new="@").replace('"@"', "1e999999"))])


def test_a_forgotten_account_leaves_no_fill(connection: Connection) -> None:
    fills.add(connection, *WALLET, 1, [fill(1)])
    check(connection, 1, None)
    account_rows.delete_all(connection, ACCOUNT)
    assert stored(connection) == []
    assert connection.execute(text("SELECT FROM fill_checks")).all() == []


def test_the_markets_of_an_order_are_found(connection: Connection) -> None:
    order(connection, 5)
    found = fills.owners(connection, ACCOUNT, ["coinm", "pm-usdm", "usdm"], KEY)
    assert found == {"usdm": DueOrder(*KEY, T, T + 9, Decimal("3.00"), Decimal("0.30"))}
    assert fills.owners(connection, ACCOUNT, ["usdm"], ("BTCUSDT", 6)) == {}


MANY = """
    INSERT INTO force_orders (account, market, symbol, order_id, close_type, executed_qty, order_time, update_time, raw,
                              first_seen_at, changed_at, first_run_id, last_run_id)
    SELECT CASE WHEN n % 3 = 0 THEN 'large' ELSE 'account' || n % 1000 END, 'usdm', 'S' || n % 61 || 'USDT', n,
           'LIQUIDATION', 1, at, at, '{}', at, at, 1, 1
      FROM (SELECT n, now() - n * interval '50 s' AS at FROM generate_series(1, 150000) AS n) AS orders;
    INSERT INTO fill_checks (account, market, symbol, order_id, state, executed_qty, run_id)
    SELECT account, market, symbol, order_id, 'complete', 1, 1 FROM force_orders WHERE order_id % 1000 <> 0;
    ANALYZE force_orders, fill_checks;
"""
"""87 days of 668 accounts; one of them has a third of all orders."""


@pytest.fixture(scope="module")
def many_url(server_url: str, template: str) -> Iterator[str]:
    with clone(server_url, template, f"{template}_many_fills") as url:
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("ALTER TABLE force_orders DISABLE TRIGGER USER")
            connection.execute(MANY.encode())
        yield url


@pytest.mark.parametrize(("account", "count"), [("account1", 0), ("account0", 100), ("large", 50)])
def test_due_orders_are_found_by_the_index_of_their_account(many_url: str, account: str, count: int) -> None:
    with connection_to(engine_for(many_url)) as connection:
        span = Window(T, 4 * T)
        assert fills.count_due(connection, account, "usdm", span) == count
        values = {"account": account, "market": "usdm", "since": to_datetime(T), "until": to_datetime(2 * T)}
        after = {"after_tries": -1, "after_time": to_datetime(0), "after_symbol": "", "after_id": 0}
        plan = connection.scalar(
            text(f"EXPLAIN (FORMAT JSON) {fills.NEXT_DUE}"), values | after | {"run_id": 2, "limit": 2_000}
        )
    kinds = [(node["Node Type"], node.get("Relation Name")) for node in nodes(plan[0]["Plan"])]
    scans = {name for kind, name in kinds if kind == "Seq Scan"}
    assert "force_orders" not in scans or account == "large"
    assert account == "large" or scans == set()


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for below in plan.get("Plans", []):
        yield from nodes(below)
