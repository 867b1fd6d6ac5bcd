"""Orders are counted where they change, in the transaction that changes them."""

import psycopg
import pytest
from sqlalchemy import Connection, text

from etl.core.orders import Order
from etl.store import laws
from etl.store.coverage import count_close_types
from etl.store.orders import upsert
from tests.postgres.samples import ACCOUNT, page, row

LAW = "every order is counted once"
LIQUIDATION, ADL = "autoclose-1", "adl_autoclose"
AT = 1_579_276_756_075


def orders(client_order_ids: list[str], update_time: int = AT) -> list[Order]:
    rows = [
        row(orderId=number, clientOrderId=name, updateTime=update_time) for number, name in enumerate(client_order_ids)
    ]
    return list(page(*rows).orders)


def counts(connection: Connection) -> dict[str, int]:
    return {kind: orders for (_, _, kind), orders in count_close_types(connection).items()}


@pytest.fixture
def three(connection: Connection) -> Connection:
    """Two liquidations and an ADL."""
    upsert(connection, ACCOUNT, "usdm", 1, orders([LIQUIDATION, LIQUIDATION, ADL]))
    connection.commit()
    return connection


def test_each_new_order_is_counted_by_its_close_type(three: Connection) -> None:
    assert count_close_types(three) == {(ACCOUNT, "usdm", "LIQUIDATION"): 2, (ACCOUNT, "usdm", "ADL"): 1}


def test_an_order_that_is_stored_again_or_changed_counts_once(three: Connection) -> None:
    same = orders([LIQUIDATION, LIQUIDATION, ADL])
    upsert(three, ACCOUNT, "usdm", 2, same)
    upsert(three, ACCOUNT, "usdm", 2, orders([LIQUIDATION, LIQUIDATION, ADL, ADL], update_time=AT + 1))
    assert counts(three) == {"LIQUIDATION": 2, "ADL": 2}


def test_an_order_whose_close_type_changes_changes_its_count(three: Connection) -> None:
    upsert(three, ACCOUNT, "usdm", 2, orders([ADL, "web-1"], update_time=AT + 1))
    assert counts(three) == {"ADL": 2, "UNKNOWN": 1}


def test_what_is_rolled_back_is_not_counted(three: Connection) -> None:
    upsert(three, "hedge", "usdm", 2, orders([LIQUIDATION]))
    three.rollback()
    assert counts(three) == {"LIQUIDATION": 2, "ADL": 1}


@pytest.mark.parametrize(
    ("statement", "left"),
    [
        pytest.param("DELETE FROM force_orders WHERE close_type = 'ADL'", {"LIQUIDATION": 2}, id="deleted"),
        pytest.param("DELETE FROM force_orders", {}, id="all deleted"),
        pytest.param("TRUNCATE force_orders", {}, id="truncated"),
        pytest.param("UPDATE force_orders SET close_type = 'SETTLEMENT'", {"SETTLEMENT": 3}, id="changed by hand"),
    ],
)
def test_so_it_is_whatever_the_owner_does(three: Connection, statement: str, left: dict[str, int]) -> None:
    three.execute(text(statement))
    assert counts(three) == left
    assert laws.broken(three)[LAW].cases == 0


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE order_counts SET orders = orders + 1 WHERE close_type = 'ADL'",
        "DELETE FROM order_counts WHERE close_type = 'ADL'",
        "INSERT INTO order_counts VALUES ('other', 'usdm', 'ADL', 1)",
    ],
)
def test_a_count_that_was_changed_by_hand_breaks_a_law(three: Connection, statement: str) -> None:
    assert laws.broken(three)[LAW].cases == 0
    three.execute(text(statement))
    assert laws.broken(three)[LAW].cases == 1


@pytest.mark.parametrize("name", laws.TRIGGERS)
def test_a_trigger_that_is_gone_breaks_a_law(three: Connection, name: str) -> None:
    three.execute(text(f"DROP TRIGGER force_orders_{name} ON force_orders"))
    broken = laws.broken(three)["the tables have their keys, checks and triggers"]
    assert broken == (1, f"force_orders lacks force_orders_{name}")


def test_the_role_that_stores_counts_too(writer_url: str, connection: Connection) -> None:
    with psycopg.connect(writer_url) as writer:
        writer.execute("""
            INSERT INTO force_orders (account, market, symbol, order_id, close_type, order_time, update_time, raw,
                                      first_seen_at, changed_at, first_run_id, last_run_id)
            VALUES ('main', 'usdm', 'BTCUSDT', 1, 'ADL', now(), now(), '{}', now(), now(), 1, 1)
        """)
    assert counts(connection) == {"ADL": 1}
