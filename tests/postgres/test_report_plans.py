"""A million orders, and a question about one month of one account: each view reaches what it needs by an index.

Plans are held, not times: they are the same on every machine.
"""

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from benchmarks.report_data import ORDERS, fill
from tests.databases import clone

OF_ACCOUNT = "account = 'account3'"
MONTH = "{0} >= '2026-03-01Z' AND {0} < '2026-04-01Z'"
DAYS = "day >= '2026-03-01' AND day < '2026-04-01'"
QUESTIONS = {
    "report_force_orders": f"{OF_ACCOUNT} AND {MONTH.format('order_time')}",
    "report_daily": f"{OF_ACCOUNT} AND {DAYS}",
    "report_symbols": OF_ACCOUNT,
    "report_cascades": f"{OF_ACCOUNT} AND {MONTH.format('started_at')}",
    "report_coverage": f"{OF_ACCOUNT} AND {DAYS}",
    "report_runs": MONTH.format("started_at"),
}
BY_MONTH = [view for view in QUESTIONS if view not in ("report_symbols", "report_runs")]


@pytest.fixture(scope="module")
def million(server_url: str, template: str) -> Iterator[psycopg.Connection]:
    """A database with a million orders, which is thrown away."""
    with (
        clone(server_url, template, f"{template}_million") as url,
        psycopg.connect(url, autocommit=True) as connection,
    ):
        fill(connection)
        yield connection


def plan_of(connection: psycopg.Connection, view: str, options: str = "") -> list[dict[str, Any]]:
    """Every node of the plan of a view's question."""
    query = f"EXPLAIN (FORMAT JSON{options}) SELECT * FROM {view} WHERE {QUESTIONS[view]}"
    ((document,),) = connection.execute(query.encode()).fetchall()
    return list(nodes(document[0]["Plan"]))


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for below in plan.get("Plans", []):
        yield from nodes(below)


def of_orders(plan: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [node for node in plan if node.get("Relation Name") == "force_orders"]


@pytest.mark.parametrize("view", ["report_symbols", *BY_MONTH])
def test_the_orders_are_reached_by_an_index(million: psycopg.Connection, view: str) -> None:
    kinds = {node["Node Type"] for node in of_orders(plan_of(million, view))}
    assert kinds
    assert kinds <= {"Index Scan", "Index Only Scan", "Bitmap Heap Scan"}, kinds


@pytest.mark.parametrize("view", BY_MONTH)
def test_a_month_costs_what_a_month_holds(million: psycopg.Connection, view: str) -> None:
    of_month = QUESTIONS["report_force_orders"]
    ((held,),) = million.execute(f"SELECT count(*) FROM force_orders WHERE {of_month}".encode()).fetchall()
    scans = of_orders(plan_of(million, view, ", ANALYZE"))
    looked_at = sum((one["Actual Rows"] + one.get("Rows Removed by Filter", 0)) * one["Actual Loops"] for one in scans)
    assert 5_000 < held < 6_000
    assert 0.99 * held < looked_at < 6 * held


@pytest.mark.parametrize("view", BY_MONTH)
def test_a_month_is_not_worth_compiling(million: psycopg.Connection, view: str) -> None:
    default = "SELECT boot_val::float FROM pg_settings WHERE name = 'jit_above_cost'"
    ((threshold,),) = million.execute(default.encode()).fetchall()
    assert plan_of(million, view)[0]["Total Cost"] < threshold


def test_the_runs_are_reached_without_the_orders(million: psycopg.Connection) -> None:
    assert of_orders(plan_of(million, "report_runs")) == []


@pytest.mark.parametrize("view", QUESTIONS)
def test_the_question_has_an_answer(million: psycopg.Connection, view: str) -> None:
    ((count,),) = million.execute(f"SELECT count(*) FROM {view} WHERE {QUESTIONS[view]}".encode()).fetchall()
    assert count >= 28


@pytest.fixture
def young(database_url: str) -> Iterator[psycopg.Connection]:
    """A database just filled, which gathered no statistics yet; the rows are as large as the exchange's."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("ALTER TABLE force_orders SET (autovacuum_enabled = off)")
        large = ORDERS.replace("999999", "2999").replace("'{}'", "jsonb_build_object('raw', repeat('x', 500))")
        connection.execute(large.encode())
        yield connection


@pytest.mark.parametrize("view", BY_MONTH)
def test_before_there_are_statistics_a_look_does_not_read_the_whole_account(
    young: psycopg.Connection, view: str
) -> None:
    names = {node["Index Name"] for node in plan_of(young, view) if "force_orders" in node.get("Index Name", "")}
    assert names == {"force_orders_account_order_time_idx"}


def test_no_function_of_the_views_keeps_a_query_on_one_core(young: psycopg.Connection) -> None:
    unsafe = young.execute(r"""
        SELECT proname FROM pg_proc
         WHERE pronamespace = 'public'::regnamespace AND proname NOT LIKE 'procrastinate\_%'
           AND prolang = (SELECT oid FROM pg_language WHERE lanname = 'sql') AND proparallel <> 's'
    """)
    assert unsafe.fetchall() == []
