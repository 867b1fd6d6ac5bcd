"""The judge itself: what it must object to, done on purpose to a table that is as it should be."""

from contextlib import closing

import psycopg
import pytest

from etl.simulator.scenario import Scenario
from tests.chaos.judging import differences
from tests.chaos.scenes import Scenes
from tests.combining import few_of

DISPUTED = """
    UPDATE coverage SET proven = proven - piece, disputed = disputed + piece
      FROM (SELECT tstzmultirange(tstzrange(now() - interval '{}', now() - interval '{}')) AS piece) AS taken
"""
WITH_ORDERS, WITHOUT = DISPUTED.format("9 d", "8 d"), DISPUTED.format("70 d", "69 d")

OBJECTIONS = {
    "DELETE FROM force_orders WHERE order_id = (SELECT max(order_id) FROM force_orders)": "is not stored",
    "UPDATE force_orders SET order_id = -order_id": "the exchange has no such order",
    "UPDATE force_orders SET avg_price = avg_price + 0.1": "another avg_price",
    "UPDATE force_orders SET raw = raw - 'side'": "another raw",
    "UPDATE coverage SET proven = proven - tstzmultirange(tstzrange(now() - interval '9 d', now() - interval '8 d'))": (
        "a gap is left"
    ),
    "UPDATE coverage SET proven = proven - tstzmultirange(tstzrange(now() - interval '9 d', NULL))": "the newest proof",
    WITH_ORDERS: "a gap is left",
    WITHOUT: "a gap is left",
    "UPDATE runs SET status = 'running', finished_at = NULL": "still running",
}


@pytest.mark.parametrize("statement", few_of(list(OBJECTIONS), 4))
def test_it_objects_to_a_table_that_was_tampered_with(scenes: Scenes, statement: str) -> None:
    with scenes() as lab:
        assert lab("backfill").returncode == 0
        assert differences(lab) == []
        with closing(psycopg.connect(lab.database_url, autocommit=True)) as somebody:
            somebody.execute(statement.encode())
        assert any(OBJECTIONS[statement] in objection for objection in differences(lab))


def test_where_an_exchange_adds_rows_it_objects_to_no_dispute_of_time_without_orders_but_to_any_other(
    scenes: Scenes,
) -> None:
    with scenes(Scenario(strays=1)) as lab:
        assert lab("backfill").returncode == 3
        assert {gap["reason"] for gap in lab.gaps()} == {"disputed"}
        assert differences(lab) == []
        with closing(psycopg.connect(lab.database_url, autocommit=True)) as somebody:
            somebody.execute(WITH_ORDERS.encode())
        (objection,) = differences(lab)
        assert objection.startswith("a gap is left")


def test_it_objects_to_a_lock_that_nobody_releases(scenes: Scenes) -> None:
    with scenes() as lab, closing(psycopg.connect(lab.database_url)) as somebody:
        assert lab("backfill").returncode == 0
        somebody.execute("SELECT pg_advisory_lock(7)")
        assert any("advisory lock" in objection for objection in differences(lab))
