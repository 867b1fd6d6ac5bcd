"""Daily sums: whatever is written, and whatever was summed before, a day reads as its orders add up now."""

from collections.abc import Iterator
from random import Random
from threading import Event
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, text
from sqlalchemy.exc import IntegrityError

from etl.core.orders import latest_versions
from etl.core.timeline import DAY, HOUR
from etl.runs.marked_days import sum_marked_days
from etl.store import account_rows, daily_sums, laws
from etl.store.engine import connection_to, engine_for
from etl.store.orders import upsert
from tests.postgres.reported import MARKET, at, found, write
from tests.postgres.samples import ACCOUNT, page, row

BEGAN = 1_790_035_200_000  # a midnight
LAW = "every day with an order is known, and the sums that are kept of it are those of its orders"
AS_COMPUTED = """
    SELECT account, market, day, symbol, close_type, quote_asset, orders, quantity_filled, notional, improvement_bps,
           largest_notional, quantity_unfilled, base_asset, margin_asset, coin_notional
      FROM report_daily_as_of
"""
"""Of the present: computed from orders alone, by another text."""
DIFFERENT = text(f"""
    WITH computed AS ({AS_COMPUTED}), kept AS ({AS_COMPUTED.replace("_as_of", "")})
    SELECT count(*) FROM ((TABLE kept EXCEPT ALL TABLE computed) UNION ALL (TABLE computed EXCEPT ALL TABLE kept)) AS d
""")


def sum_all(connection: Connection) -> None:
    sum_marked_days(connection, Event())


def is_right(connection: Connection) -> bool:
    return connection.scalar(DIFFERENT) == 0 and laws.broken(connection)[LAW].cases == 0


def kept(connection: Connection) -> dict[tuple[str, str, int], bool]:
    """Which days are known, by account, market and day of the month, and whether their sums count."""
    return {
        (one["account"], one["market"], one["day"].day): one["is_summed"] for one in found(connection, "order_days")
    }


class Writes:
    """Random writes, as runs and as an owner make them."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        self.number = 0

    def next(self, connection: Connection) -> None:
        kind = self.random.choice(["store", "store", "store", "change", "repair", "delete", "move", "list", "truncate"])
        if kind in ("store", "change", "repair"):
            market = self.random.choice(["usdm", "coinm", "pm-usdm"])
            rows = page(*(self._row(market) for _ in range(self.random.randrange(1, 6)))).orders
            orders = latest_versions(rows)
            upsert(connection, self._account(), market, 1, orders, replace_equal=kind == "repair")
        elif kind == "truncate" and self.random.random() < 0.3:
            connection.execute(text("TRUNCATE force_orders"))
        elif kind == "list":
            connection.execute(text(LISTED), {"size": self.random.choice([None, 10, 100])})
        elif kind in ("delete", "move"):
            chosen = {"account": self._account(), "rest": self.random.randrange(3)}
            connection.execute(text(DELETED if kind == "delete" else MOVED), chosen)

    def _account(self) -> str:
        return self.random.choice(["main", "hedge"])

    def _row(self, market: str) -> str:
        self.number += 1
        instant = BEGAN + self.random.randrange(4 * 24) * HOUR + self.random.choice([0, 1, HOUR - 1])
        worth = self.random.choice(["1.25", "0", "7", None])
        changes: dict[str, Any] = {
            "orderId": self.random.randrange(8),
            "symbol": self.random.choice(
                ["BTCUSD_PERP", "ETHUSD_PERP"] if market == "coinm" else ["BTCUSDT", "ODDCOIN"]
            ),
            "clientOrderId": self.random.choice(["autoclose-1", "adl_autoclose"]),
            "cumQuote": worth,
            "executedQty": self.random.choice(["0", "2", "3.5", None]),
            "avgPrice": self.random.choice(["0", "10", "11.5"]),
            "side": self.random.choice(["BUY", "SELL"]),
        }
        return row(time=instant, updateTime=instant + self.number, **changes)


LISTED = """
    INSERT INTO instruments (market, symbol, base_asset, quote_asset, margin_asset, contract_size, first_seen_at,
                             changed_at, seen_at, is_listed)
    VALUES ('coinm', 'BTCUSD_PERP', 'BTC', 'USD', 'BTC', CAST(:size AS numeric), now(), now(), now(), true),
           ('usdm', 'ODDCOIN', 'ODD', concat('COIN', CAST(:size AS text)), NULL, NULL, now(), now(), now(), true)
        ON CONFLICT (market, symbol) DO UPDATE
       SET quote_asset = excluded.quote_asset, contract_size = excluded.contract_size
"""
DELETED = "DELETE FROM force_orders WHERE account = :account AND order_id % 3 = :rest"
MOVED = """
    UPDATE force_orders SET order_time = order_time + interval '1 day', close_type = 'SETTLEMENT'
     WHERE account = :account AND order_id % 3 = :rest
"""


@settings(max_examples=12, deadline=None, database=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 10**9), summed_after=st.sets(st.integers(0, 11)))
def test_what_is_kept_is_what_the_orders_say(connection: Connection, seed: int, summed_after: set[int]) -> None:
    connection.rollback()
    connection.execute(text("TRUNCATE force_orders, force_order_revisions, instruments"))
    writes = Writes(seed)
    for step in range(12):
        writes.next(connection)
        connection.commit()
        if step in summed_after:
            sum_all(connection)
    assert is_right(connection)
    sum_all(connection)
    assert is_right(connection)
    connection.rollback()


@pytest.fixture
def summed(connection: Connection) -> Connection:
    """Two days of an account, summed."""
    write(connection, at(BEGAN), at(BEGAN + 1, 2), at(BEGAN + DAY, 3))
    connection.commit()
    sum_all(connection)
    assert [*kept(connection).values()] == [True, True]
    connection.commit()
    return connection


def test_what_changes_an_order_marks_its_day_and_no_other(summed: Connection) -> None:
    write(summed, at(BEGAN))
    assert [*kept(summed).values()] == [True, True], "the same row again is no change"
    write(summed, at(BEGAN, updateTime=BEGAN + 5))
    assert [*kept(summed).values()] == [False, True]


def test_a_day_of_coin_margined_orders_is_never_kept(summed: Connection) -> None:
    write(summed, at(BEGAN, symbol="BTCUSD_PERP"), market="coinm")
    summed.commit()
    sum_all(summed)
    assert [is_summed for (_, market, _), is_summed in kept(summed).items() if market == "coinm"] == [False]
    assert len(found(summed, "report_daily", "market = 'coinm'")) == 1
    with pytest.raises(IntegrityError, match="order_days_is_summed_check"):
        summed.execute(text("UPDATE order_days SET is_summed = true"))


@pytest.fixture
def other(database_url: str) -> Iterator[Connection]:
    with connection_to(engine_for(database_url)) as connection:
        yield connection


def test_an_order_that_is_being_written_keeps_its_day_from_being_summed(summed: Connection, other: Connection) -> None:
    upsert(summed, ACCOUNT, MARKET, 1, page(at(BEGAN, 9), at(BEGAN + 2 * DAY, 10)).orders)
    assert daily_sums.sum_marked_days(other) == 0
    other.commit()
    summed.commit()
    assert daily_sums.sum_marked_days(other) == 2
    other.commit()
    assert is_right(summed)


def test_what_is_written_while_a_day_is_summed_marks_it_again(summed: Connection, database_url: str) -> None:
    write(summed, at(BEGAN, 9))
    summed.commit()
    assert daily_sums.sum_marked_days(summed) == 1
    with psycopg.connect(database_url) as writer:
        writer.execute("SET lock_timeout = '50ms'")
        with pytest.raises(psycopg.errors.LockNotAvailable):
            writer.execute("UPDATE force_orders SET cum_quote = 1 WHERE order_id = 9")
        writer.rollback()
        summed.commit()
        writer.execute("UPDATE force_orders SET cum_quote = 1 WHERE order_id = 9")
        writer.commit()
    assert [*kept(summed).values()] == [False, True]
    assert is_right(summed)


def test_sums_changed_by_hand_break_a_law(summed: Connection) -> None:
    summed.execute(text("UPDATE daily_sums SET notional = notional + 1 WHERE orders = 2"))
    assert laws.broken(summed)[LAW] == (1, "main usdm 2026-09-22")
    summed.execute(text("DELETE FROM order_days"))
    assert laws.broken(summed)[LAW].cases == 2


def test_orders_are_not_truncated_by_what_may_not_see_all_their_days(summed: Connection, database_url: str) -> None:
    with psycopg.connect(database_url) as owner:
        owner.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        owner.execute("SELECT FROM order_days")
        write(summed, at(BEGAN, 4), account="hedge")
        summed.commit()
        sum_all(summed)
        with pytest.raises(psycopg.errors.InvalidTransactionState, match="read committed"):
            owner.execute("TRUNCATE force_orders")
        owner.rollback()
        owner.isolation_level = psycopg.IsolationLevel.READ_COMMITTED
        owner.execute("TRUNCATE force_orders")
    assert found(summed, "report_daily") == found(summed, "order_counts") == []


@pytest.mark.parametrize("statement", ["UPDATE public.force_orders SET cum_quote = 5", "TRUNCATE public.force_orders"])
@pytest.mark.parametrize("shadow", ["TEMPORARY TABLE order_days", "TABLE other.order_days"])
def test_orders_are_not_written_where_other_days_would_be_marked(
    summed: Connection, database_url: str, statement: str, shadow: str
) -> None:
    with psycopg.connect(database_url) as owner:
        owner.execute("CREATE SCHEMA other; SET search_path = other, public")
        owner.execute(f"CREATE {shadow} (LIKE order_days)".encode())
        with pytest.raises(psycopg.errors.InvalidSchemaName, match="of the schema public"):
            owner.execute(statement.encode())
        owner.rollback()
    assert is_right(summed)


def test_a_forgotten_account_leaves_neither_days_nor_sums(summed: Connection) -> None:
    write(summed, at(BEGAN), account="hedge")
    account_rows.delete_all(summed, ACCOUNT)
    assert {account for account, _, _ in kept(summed)} == {"hedge"}
    assert found(summed, "daily_sums") == []


def test_the_writer_may_sum(summed: Connection, writer_url: str) -> None:
    write(summed, at(BEGAN, 9))
    summed.commit()
    with connection_to(engine_for(writer_url)) as writer:
        sum_all(writer)
    assert [*kept(summed).values()] == [True, True]


def test_a_database_that_fails_is_left_to_the_next_night(summed: Connection) -> None:
    summed.execute(text("ALTER TABLE daily_sums RENAME TO gone"))
    write(summed, at(BEGAN, 9))
    summed.commit()
    sum_all(summed)
    summed.rollback()
    summed.execute(text("ALTER TABLE gone RENAME TO daily_sums"))
    assert [*kept(summed).values()] == [False, True]
