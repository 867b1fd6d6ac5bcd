"""A database from before there were several markets: the upgrade adds to its orders, and touches no proof of them."""

import json
from decimal import Decimal
from typing import Any

import pytest
from alembic import command as alembic
from alembic.config import Config
from sqlalchemy import Connection, text

from etl.store import migrate
from tests.postgres.samples import row
from tests.postgres.sealing import History, at, order, proof

TABLES = ("force_orders", "force_order_revisions", "coverage", "seals", "newest_seals", "order_counts", "runs")

STRAY = """
    INSERT INTO force_orders (account, market, symbol, order_id, close_type, order_time, update_time, raw,
                              first_seen_at, changed_at, first_run_id, last_run_id)
    SELECT account, market, symbol, 99, 'UNKNOWN', order_time, update_time, CAST(:raw AS jsonb), first_seen_at,
           changed_at, first_run_id, last_run_id FROM force_orders ORDER BY order_id LIMIT 1
"""


@pytest.fixture
def history(connection: Connection) -> History:
    """Three sealed days: orders of both generations, one that was corrected, one without a creation time, and one with
    keys that nobody read then."""
    history = History(connection)
    bare = {"pair": None, "cumBase": None}
    history.store(order(0.1, 1), order(0.2, 2, **bare), proofs=(proof(0, 3),))
    history.store(order(1.1, 3, updateTime=at(1.1) + 1, status="NEW"), order(2.1, 4, time=None))
    raw = json.loads(row(orderId=99, time=at(0.1), updateTime=at(0.1), pair=["A"], cumBase="some", isIsolated=7))
    raw = {key: raw[key] for key in ("symbol", "orderId", "time", "updateTime", "pair", "cumBase", "isIsolated")}
    connection.execute(text(STRAY), {"raw": json.dumps(raw)})
    history.seal(until=3)
    history.store(order(1.1, 3, updateTime=at(1.1) + 2))
    assert [day for day, _ in history.sealed()] == [0, 1, 2, 1]
    assert history.wrong() == {}
    return history


@pytest.fixture
def alembic_config(connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(migrate.migrations_dir()))
    config.attributes["connection"] = connection
    return config


def contents(connection: Connection) -> dict[str, list[dict[str, Any]]]:
    """Every row of these tables; the place of a column does not matter."""
    found = {
        table: [json.loads(one) for one in connection.scalars(text(f"SELECT to_jsonb(t)::text FROM {table} t"))]
        for table in TABLES
    }
    connection.rollback()
    return {table: sorted(rows, key=str) for table, rows in found.items()}


def test_an_upgrade_fills_the_new_columns_and_touches_no_revision_count_or_seal(
    history: History, connection: Connection, alembic_config: Config
) -> None:
    before = contents(connection)
    alembic.downgrade(alembic_config, "0017")
    connection.commit()
    assert "pair" not in contents(connection)["force_orders"][0]
    alembic.upgrade(alembic_config, "head")
    connection.commit()
    assert contents(connection) == before
    query = (
        "SELECT order_id, pair, cum_base, is_isolated, source, order_time_source FROM force_orders ORDER BY order_id"
    )
    assert connection.execute(text(query)).all() == [
        (1, "BTCUSDT", Decimal("0.001"), None, "api", "time"),
        (2, None, None, None, "api", "time"),
        (3, "BTCUSDT", Decimal("0.001"), None, "api", "time"),
        (4, "BTCUSDT", Decimal("0.001"), None, "api", "update"),
        (99, None, None, None, "api", "time"),
    ]
    connection.rollback()
    assert history.wrong() == {}


def test_after_an_upgrade_a_correction_is_kept_and_sealed_as_before(
    history: History, connection: Connection, alembic_config: Config
) -> None:
    alembic.downgrade(alembic_config, "0017")
    alembic.upgrade(alembic_config, "head")
    connection.commit()
    history.store(order(0.2, 2, updateTime=at(0.2) + 1))
    assert [day for day, _ in history.sealed()] == [0, 1, 2, 1, 0]
    former = connection.execute(text("SELECT pair, valid_from FROM force_order_revisions WHERE order_id = 2")).all()
    assert [pair for pair, _ in former] == [None]
    connection.rollback()
    assert history.wrong() == {}


def test_a_downgrade_leaves_the_views_as_they_were(connection: Connection, alembic_config: Config) -> None:
    def views() -> list[tuple[Any, ...]]:
        query = """
            SELECT relname, pg_get_viewdef(c.oid), obj_description(c.oid, 'pg_class'),
                   (SELECT array_agg(col_description(c.oid, attnum) ORDER BY attnum) FROM pg_attribute
                     WHERE attrelid = c.oid AND attnum > 0)
              FROM pg_class AS c WHERE relkind = 'v' AND relnamespace = 'public'::regnamespace ORDER BY relname
        """
        found = [tuple(one) for one in connection.execute(text(query))]
        connection.rollback()
        return found

    now = views()
    alembic.downgrade(alembic_config, "0009")
    made = {}
    for revision in ("0017", "0018"):
        alembic.upgrade(alembic_config, revision)
        connection.commit()
        made[revision] = views()
    alembic.upgrade(alembic_config, "head")
    connection.commit()
    assert views() == now
    for revision in ("0018", "0017"):
        alembic.downgrade(alembic_config, revision)
        connection.commit()
        assert views() == made[revision]
