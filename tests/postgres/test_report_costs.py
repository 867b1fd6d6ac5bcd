"""The view report_costs over rows that no documented exchange sends: what is not known is no zero."""

from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import Connection, text

from etl.core.completeness import Period
from etl.core.planning import Rules
from etl.core.timeline import DAY, Window
from etl.reporting.queries import read_report
from etl.reporting.statement import read_statement
from tests.postgres.reported import at, found, write

T = 1_788_264_000_000
"""2026-09-01T12:00Z"""
ORDER: dict[str, Any] = {"orderId": 1, "executedQty": "2", "cumQuote": "200", "avgPrice": "100"}
FILL: dict[str, str | None] = {"realized_pnl": "-5", "commission": "0.04", "commission_asset": "USDT"}
SCOPE = "'main', 'usdm', 'BTCUSDT'"


@pytest.fixture(autouse=True)
def report_says_the_same(connection: Connection) -> Iterator[None]:
    """Whatever a test stores, report and statement sum it up as the view does."""
    yield
    connection.commit()
    rules = Rules(now=T + DAY, settle_lag=600_000, keeps=90 * DAY, widest=7 * DAY)
    report = read_report(connection, Window(T - DAY, T + DAY), ["main"], rules)
    totals: dict[str, Decimal] = defaultdict(Decimal)
    for row in report.costs:
        totals[row.asset] += sum(filter(None, (row.realized_pnl, row.commission, row.clearance_fee)), Decimal(0))
    view = found(connection, "report_costs")
    connection.rollback()
    expected: dict[str, Decimal] = defaultdict(Decimal)
    for own in view:
        expected[own["asset"] or "unknown"] += own["total"] or 0
    assert {asset: total for asset, total in totals.items() if total} == {a: t for a, t in expected.items() if t}
    reasons = {own["order_id"]: own["incomplete_because"] for own in view}
    assert Counter({row.incomplete_because: row.orders for row in report.cost_states}) == Counter(reasons.values())
    of_three_days = Period(date(2026, 8, 31), date(2026, 9, 2))
    stated = read_statement(connection, of_three_days, "UTC", ["main"], [], "1").costs or []
    unread = connection.scalar(text("SELECT count(*) FROM unread_fees WHERE market = 'usdm'"))
    connection.rollback()
    assert {row.asset or "unknown": row.total for row in stated if row.total} == {a: t for a, t in totals.items() if t}
    assert not any(row.is_complete for row in stated), "no day was read"
    is_all_else_known = {row.incomplete_because == "not complete: 3 days" for row in stated}
    assert is_all_else_known <= {all(own["is_complete"] for own in view) and not unread}
    assert bool(stated) == bool(view)


def filled(connection: Connection, **changes: str | None) -> None:
    """An order with two fills, complete; the second one with these changes."""
    write(connection, at(T, **ORDER))
    for trade, columns in enumerate([FILL, FILL | changes], start=10):
        connection.execute(
            text(f"""
                INSERT INTO force_order_fills (account, market, symbol, order_id, trade_id, time, price, qty, quote_qty,
                                               realized_pnl, commission, commission_asset, raw, first_run_id)
                SELECT {SCOPE}, 1, CAST(:trade AS bigint), order_time, 100, 1, 100, CAST(:realized_pnl AS numeric),
                       CAST(:commission AS numeric), :commission_asset, '{{}}', 1 FROM force_orders
            """),
            columns | {"trade": str(trade)},
        )
    connection.execute(
        text(f"""
            INSERT INTO fill_checks (account, market, symbol, order_id, state, executed_qty, cum_quote, run_id)
            VALUES ({SCOPE}, 1, 'complete', 2, 200, 1)
        """)
    )
    connection.execute(
        text("""
            INSERT INTO income_coverage (account, market, income_type, proven)
            VALUES ('main', 'usdm', 'INSURANCE_CLEAR', '{[2026-08-01Z, 2026-10-01Z)}')
        """)
    )


def quarantined(connection: Connection, raw: str, market: str = "income-usdm") -> None:
    statement = """
        INSERT INTO quarantined_orders (account, market, raw, reason, run_id)
        VALUES ('main', :market, CAST(:raw AS jsonb), 'tranId is not an integer', 1)
    """
    connection.execute(text(statement), {"raw": raw, "market": market})


def costs(connection: Connection) -> list[dict[str, Any]]:
    names = ("asset", "total", "is_complete", "incomplete_because")
    return [{name: row[name] for name in names} for row in found(connection, "report_costs")]


def gap(connection: Connection) -> dict[str, Any]:
    (row,) = found(connection, "cost_gaps")
    return {name: row[name] for name in ("what", "reason", "detail")}


def test_what_is_stored_and_says_everything_is_complete(connection: Connection) -> None:
    filled(connection)
    total = Decimal("-10.08")
    assert costs(connection) == [{"asset": "USDT", "total": total, "is_complete": True, "incomplete_because": None}]
    assert found(connection, "cost_gaps") == []


@pytest.mark.parametrize("name", FILL)
def test_a_fill_that_does_not_say_what_it_cost_makes_no_order_complete(connection: Connection, name: str) -> None:
    filled(connection, **{name: None})
    rows = costs(connection)
    assert {row["is_complete"] for row in rows} == {False}
    assert {row["incomplete_because"] for row in rows} == {"fills not available"}
    assert gap(connection) == {"what": "fills", "reason": "not_available", "detail": None}


def test_a_fee_in_an_unknown_asset_is_given_to_none(connection: Connection) -> None:
    filled(connection, commission_asset=None)
    assert [(row["asset"], row["total"]) for row in costs(connection)] == [
        (None, Decimal("-0.04")),
        ("USDT", Decimal("-10.04")),
    ]


def test_a_fee_of_nothing_needs_no_asset(connection: Connection) -> None:
    filled(connection, commission="0", commission_asset=None)
    assert [(row["asset"], row["is_complete"]) for row in costs(connection)] == [("USDT", True)]


@pytest.mark.parametrize(
    ("raw", "market", "is_complete"),
    [
        (f'{{"incomeType": "INSURANCE_CLEAR", "time": {T + 2}}}', "income-usdm", False),
        ('{"incomeType": "INSURANCE_CLEAR", "time": "soon"}', "income-usdm", False),
        (f'{{"time": {T + 2}}}', "income-usdm", False),
        (f'{{"incomeType": "INSURANCE_CLEAR", "time": {T + 90_000}}}', "income-usdm", True),
        (f'{{"incomeType": "FUNDING_FEE", "time": {T + 2}}}', "income-usdm", True),
        (f'{{"incomeType": "INSURANCE_CLEAR", "time": {T + 2}}}', "income-coinm", True),
    ],
    ids=[
        "of its time",
        "of an unknown time",
        "of an unknown type",
        "of another time",
        "another type",
        "another market",
    ],
)
def test_a_clearance_fee_that_cannot_be_read_makes_the_orders_of_its_time_incomplete(
    connection: Connection, raw: str, market: str, is_complete: bool
) -> None:
    filled(connection)
    quarantined(connection, raw, market)
    (row,) = costs(connection)
    assert row["is_complete"] is is_complete
    assert row["incomplete_because"] == (None if is_complete else "a clearance fee cannot be read")
    connection.execute(text("UPDATE quarantined_orders SET resolved_at = now()"))
    assert [row["is_complete"] for row in costs(connection)] == [True]
    assert found(connection, "cost_gaps") == []


def test_a_clearance_fee_that_cannot_be_read_is_a_gap(connection: Connection) -> None:
    filled(connection)
    quarantined(connection, '{"incomeType": "INSURANCE_CLEAR"}')
    expected = {"what": "INSURANCE_CLEAR", "reason": "quarantined", "detail": "tranId is not an integer"}
    assert gap(connection) == expected


def test_a_fee_for_a_trade_that_two_orders_share_is_counted_once(connection: Connection) -> None:
    filled(connection)
    write(connection, at(T, **ORDER | {"orderId": 2}))
    for table in ("force_order_fills", "fill_checks"):
        names = ", ".join(
            connection.scalars(
                text("""
                    SELECT column_name FROM information_schema.columns
                     WHERE table_name = :table AND column_name <> 'order_id' ORDER BY ordinal_position
                """),
                {"table": table},
            )
        )
        connection.execute(text(f"INSERT INTO {table} (order_id, {names}) SELECT 2, {names} FROM {table}"))
    connection.execute(
        text(f"""
            INSERT INTO income (account, market, symbol, income_type, tran_id, time, asset, amount, trade_id, copy, raw,
                                first_run_id)
            SELECT {SCOPE}, 'INSURANCE_CLEAR', 7, order_time, 'USDT', -1, 10, 0, '{{}}', 1
              FROM force_orders WHERE order_id = 1
        """)
    )
    fees = connection.execute(text("SELECT order_id, clearance_fee FROM report_costs ORDER BY order_id")).all()
    assert [tuple(fee) for fee in fees] == [(1, -1), (2, 0)]
