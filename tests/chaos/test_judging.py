"""The judge itself: what it must object to, done on purpose to a table that is as it should be."""

from contextlib import closing

import psycopg
import pytest

from tests.chaos.judging import differences
from tests.chaos.scenes import Scenes

OBJECTIONS = {
    "DELETE FROM force_orders WHERE order_id = (SELECT max(order_id) FROM force_orders)": "is not stored",
    "UPDATE force_orders SET order_id = -order_id": "the exchange has no such order",
    "UPDATE force_orders SET avg_price = avg_price + 0.1": "another avg_price",
    "UPDATE force_orders SET raw = raw - 'side'": "another raw",
    "UPDATE coverage SET proven = proven - tstzmultirange(tstzrange(now() - interval '9 d', now() - interval '8 d'))": (
        "a gap is left"
    ),
    "UPDATE coverage SET proven = proven - tstzmultirange(tstzrange(now() - interval '9 d', NULL))": "the newest proof",
    "UPDATE runs SET status = 'running', finished_at = NULL": "still running",
}


@pytest.mark.parametrize("statement", OBJECTIONS)
def test_it_objects_to_a_table_that_was_tampered_with(scenes: Scenes, statement: str) -> None:
    with scenes() as lab:
        assert lab("backfill").returncode == 0
        assert differences(lab) == []
        with closing(psycopg.connect(lab.database_url, autocommit=True)) as somebody:
            somebody.execute(statement.encode())
        assert any(OBJECTIONS[statement] in objection for objection in differences(lab))


def test_it_objects_to_a_lock_that_nobody_releases(scenes: Scenes) -> None:
    with scenes() as lab, closing(psycopg.connect(lab.database_url)) as somebody:
        assert lab("backfill").returncode == 0
        somebody.execute("SELECT pg_advisory_lock(7)")
        assert any("advisory lock" in objection for objection in differences(lab))
