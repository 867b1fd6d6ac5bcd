"""What the table holds of a row: every digit, every millisecond, and of two versions the later one."""

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, RowMapping, insert, select, text
from sqlalchemy.exc import DataError, IntegrityError

from etl.core.markets import USDM
from etl.core.orders import CloseType, Order, latest_versions
from etl.core.timeline import to_datetime, to_millis
from etl.store.orders import Tally, tally, upsert
from etl.store.schema import force_orders
from etl.store.upserting import Change
from tests.documented import RECEIVED_AT, ROW
from tests.postgres.samples import ACCOUNT, page, row

ADDED, REPLACED, UNCHANGED = Tally(inserted=1), Tally(updated=1), Tally(unchanged=1)

many_times = settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], database=None
)
moments = st.integers(10**12, RECEIVED_AT)
decimals = st.from_regex(r"-?[1-9][0-9]{0,30}(\.[0-9]{1,30})?|0(\.[0-9]{1,30})?", fullmatch=True)


def write(connection: Connection, *rows: str, run_id: int = 1, account: str = ACCOUNT) -> Tally:
    """Store these rows and commit, so that the next write has a later `now()`."""
    orders = latest_versions(page(*rows).orders)
    written = upsert(connection, account, USDM, run_id, orders)
    connection.commit()
    return tally(written, {order.key for order in orders})


def stored(connection: Connection) -> list[RowMapping]:
    return list(connection.execute(select(force_orders).order_by(*force_orders.primary_key)).mappings())


def test_every_column_of_the_documented_row_is_exact(connection: Connection) -> None:
    write(connection, row(), run_id=7)

    (order,) = (dict(found) for found in stored(connection))
    assert order.pop("first_seen_at") == order.pop("changed_at")
    assert order == {
        "account": "main",
        "market": "usdm",
        "symbol": "BTCUSDT",
        "order_id": 6071832819,
        "client_order_id": "autoclose-1596107620040000020",
        "close_type": "LIQUIDATION",
        "status": "FILLED",
        "side": "SELL",
        "position_side": "BOTH",
        "type": "LIMIT",
        "orig_type": "LIMIT",
        "time_in_force": "IOC",
        "working_type": "CONTRACT_PRICE",
        "price": Decimal("10871.09"),
        "avg_price": Decimal("10913.21000"),
        "stop_price": Decimal(0),
        "orig_qty": Decimal("0.001"),
        "executed_qty": Decimal("0.001"),
        "cum_quote": Decimal("10.91321"),
        "reduce_only": False,
        "close_position": False,
        "pair": "BTCUSDT",
        "cum_base": Decimal("0.001"),
        "is_isolated": None,
        "source": "api",
        "order_time_source": "time",
        "time_precision": "ms",
        "archive_file_id": None,
        "order_time": datetime(2020, 7, 30, 11, 13, 40, 44_000, tzinfo=UTC),
        "update_time": datetime(2020, 7, 30, 11, 13, 40, 87_000, tzinfo=UTC),
        "raw": ROW,
        "first_run_id": 7,
        "last_run_id": 7,
    }


@pytest.mark.parametrize("digits", ["10913.21000", "0", "0.00000000", "-0.5", "1e-7", "123456789012345678901234567.89"])
@pytest.mark.parametrize("quote", ['"', ""], ids=["string", "number"])
def test_a_decimal_keeps_its_digits(connection: Connection, digits: str, quote: str) -> None:
    write(connection, row().replace('"10913.21000"', f"{quote}{digits}{quote}"))

    (order,) = stored(connection)
    assert f"{order['avg_price']:f}" == f"{Decimal(digits):f}"


@many_times
@given(values=st.lists(decimals, min_size=1, max_size=30))
def test_any_decimal_keeps_its_digits(connection: Connection, values: list[str]) -> None:
    empty(connection)
    write(connection, *(row(orderId=number, price=value) for number, value in enumerate(values)))

    assert [f"{order['price']:f}" for order in stored(connection)] == [f"{Decimal(value):f}" for value in values]


@many_times
@given(times=st.lists(st.tuples(moments, moments), min_size=1, max_size=30))
def test_any_time_is_exact_to_the_millisecond(connection: Connection, times: list[tuple[int, int]]) -> None:
    empty(connection)
    write(connection, *(row(orderId=number, time=a, updateTime=b) for number, (a, b) in enumerate(times)))

    assert [(to_millis(o["order_time"]), to_millis(o["update_time"])) for o in stored(connection)] == times
    assert all(order["order_time"].microsecond % 1000 == 0 for order in stored(connection))


def test_thousands_of_neighbouring_milliseconds_stay_apart(connection: Connection) -> None:
    start = Random(1).randrange(1_500_000_000_000, 1_800_000_000_000)
    write(connection, *(row(orderId=number, time=start + number) for number in range(2_000)))

    times = [order["order_time"] for order in stored(connection)]
    assert times == [to_datetime(start) + timedelta(milliseconds=number) for number in range(2_000)]


def test_one_time_stands_in_for_the_other(connection: Connection) -> None:
    write(connection, row(orderId=1, updateTime=None), row(orderId=2, time=None))

    assert [(order["order_time"], order["update_time"]) for order in stored(connection)] == [
        (to_datetime(ROW["time"]),) * 2,
        (to_datetime(ROW["updateTime"]),) * 2,
    ]


@pytest.mark.parametrize("order_id", [9223372036854775807, 1234567890123456789, "1234567890123456789", 0, -1])
def test_a_long_order_id_is_exact(connection: Connection, order_id: int | str) -> None:
    write(connection, row(orderId=order_id))

    assert [order["order_id"] for order in stored(connection)] == [int(order_id)]


def test_unknown_keys_and_values_are_kept(connection: Connection) -> None:
    unknown = {"pair": "BTCUSD", "nested": {"deep": [1, None, "ü漢🙂"]}, "status": "EXPIRED_IN_2031", "side": "BOTH"}
    write(connection, row(**unknown))

    (order,) = stored(connection)
    assert order["raw"] == ROW | unknown
    assert (order["status"], order["side"]) == ("EXPIRED_IN_2031", "BOTH")


def test_numbers_in_the_raw_row_lose_no_digit(connection: Connection) -> None:
    write(connection, row(orderId=1234567890123456789).replace('"0.001"', "0.00100000000000000000000000001"))

    assert connection.execute(text("SELECT raw->>'orderId', raw->>'origQty' FROM force_orders")).one() == (
        "1234567890123456789",
        "0.00100000000000000000000000001",
    )


def test_optional_fields_may_be_missing_or_null(connection: Connection) -> None:
    bare = json.dumps({"orderId": 1, "symbol": "ETHUSDT", "time": 1_000_000_000_005, "price": None})
    write(connection, bare)

    (order,) = stored(connection)
    assert order["close_type"] == "UNKNOWN"
    required = ("account", "market", "symbol", "order_id", "close_type", "order_time", "update_time", "raw")
    ours = (
        "source",
        "order_time_source",
        "time_precision",
        "first_seen_at",
        "changed_at",
        "first_run_id",
        "last_run_id",
    )
    assert {name for name, value in order.items() if value is not None} == {*required, *ours}


@pytest.mark.parametrize(
    ("client_order_id", "close_type"),
    [
        ("autoclose-1", CloseType.LIQUIDATION),
        ("adl_autoclose", CloseType.ADL),
        ("settlement_autoclose-1", CloseType.SETTLEMENT),
        ("delivery_autoclose-1", CloseType.SETTLEMENT),
        ("web_1", CloseType.UNKNOWN),
        (None, CloseType.UNKNOWN),
    ],
)
def test_the_close_type_is_read_off_the_client_order_id(
    connection: Connection, client_order_id: str | None, close_type: CloseType
) -> None:
    write(connection, row(clientOrderId=client_order_id))

    assert [order["close_type"] for order in stored(connection)] == [close_type]


def test_the_same_order_id_in_two_symbols_is_two_orders(connection: Connection) -> None:
    assert write(connection, row(symbol="BTCUSDT"), row(symbol="ETHUSDT")) == Tally(inserted=2)
    assert [order["symbol"] for order in stored(connection)] == ["BTCUSDT", "ETHUSDT"]


def test_the_same_order_of_two_accounts_is_two_orders(connection: Connection) -> None:
    assert write(connection, row(), account="main") == write(connection, row(), account="hedge") == ADDED
    assert [order["account"] for order in stored(connection)] == ["hedge", "main"]


NEW = {"status": "NEW", "executedQty": "0", "updateTime": 1_000_000_001_000}
PARTLY = {"status": "PARTIALLY_FILLED", "executedQty": "0.0009", "updateTime": 1_000_000_002_000}
FILLED = {"status": "FILLED", "executedQty": "0.0010", "updateTime": 1_000_000_003_000}


@pytest.mark.parametrize(
    ("then", "now", "counted"),
    [
        pytest.param(NEW, FILLED, REPLACED, id="a later version replaces"),
        pytest.param(FILLED, NEW, UNCHANGED, id="an earlier version changes nothing"),
        pytest.param(FILLED, FILLED, UNCHANGED, id="the same version changes nothing"),
        pytest.param(
            PARTLY, FILLED | {"updateTime": 1_000_000_002_000}, REPLACED, id="further filled at the same time replaces"
        ),
        pytest.param(
            FILLED, PARTLY | {"updateTime": 1_000_000_003_000}, UNCHANGED, id="less filled at the same time does not"
        ),
        pytest.param(FILLED, FILLED | {"executedQty": "0.00100", "status": "X"}, UNCHANGED, id="equally filled"),
        pytest.param(FILLED, NEW | {"updateTime": 1_000_000_003_001}, REPLACED, id="later wins whatever it is filled"),
        pytest.param(
            NEW | {"executedQty": None}, FILLED | {"updateTime": 1_000_000_001_000}, UNCHANGED, id="unknown fill"
        ),
    ],
)
def test_of_two_versions_the_later_one_stays(
    connection: Connection, then: dict[str, Any], now: dict[str, Any], counted: Tally
) -> None:
    write(connection, row(**then), run_id=1)
    (before,) = stored(connection)
    assert write(connection, row(**now), run_id=2) == counted

    (after,) = stored(connection)
    assert after["raw"] == ROW | (now if counted == REPLACED else then)
    assert (after["first_run_id"], after["first_seen_at"]) == (1, before["first_seen_at"])
    if counted == REPLACED:
        assert after["last_run_id"] == 2
        assert after["changed_at"] > before["changed_at"]
    else:
        assert after == before


def test_a_page_twice_is_a_page_once(connection: Connection) -> None:
    rows = [row(orderId=number, symbol=f"S{number % 3}USDT") for number in range(100)]
    assert write(connection, *rows) == Tally(inserted=100)
    before = stored(connection)

    assert write(connection, *rows, run_id=2) == Tally(unchanged=100)
    assert stored(connection) == before


def test_a_tally_counts_orders_not_rows(connection: Connection) -> None:
    write(connection, row(orderId=1, **NEW), row(orderId=2, **FILLED))

    batch = [row(orderId=1, **PARTLY), row(orderId=1, **FILLED), row(orderId=2, **FILLED), row(orderId=3, **NEW)]
    assert write(connection, *batch, *batch, run_id=2) == Tally(inserted=1, updated=1, unchanged=1)
    assert [order["status"] for order in stored(connection)] == ["FILLED", "FILLED", "NEW"]


def test_what_a_run_writes_again_does_not_count_again(connection: Connection) -> None:
    assert write(connection, row(orderId=1, **NEW)) == ADDED
    assert write(connection, row(orderId=1, **PARTLY)) == Tally(), "it is new, and was counted as that"
    assert write(connection, row(orderId=1, **PARTLY), run_id=2) == UNCHANGED
    assert write(connection, row(orderId=1, **FILLED), run_id=2) == REPLACED
    assert write(connection, row(orderId=1, **FILLED | {"updateTime": ROW["updateTime"] + 99}), run_id=2) == Tally()


def test_only_what_may_be_unchanged_counts_as_that() -> None:
    written = {("A", 1): Change.INSERTED, ("A", 2): Change.UPDATED, ("A", 3): Change.AGAIN}
    assert tally(written, set()) == Tally(inserted=1, updated=1)
    assert tally(written, {("A", 1), ("A", 2), ("A", 3), ("A", 4)}) == Tally(inserted=1, updated=1, unchanged=1)


@pytest.mark.parametrize("seed", range(5))
def test_versions_in_any_order_end_as_the_latest(connection: Connection, seed: int) -> None:
    versions = [row(orderId=number, **version) for number in range(10) for version in (NEW, PARTLY, FILLED)]
    Random(seed).shuffle(versions)
    for start in range(0, len(versions), 7):
        write(connection, *versions[start : start + 7])

    assert [order["status"] for order in stored(connection)] == ["FILLED"] * 10


def test_no_orders_are_no_statement(connection: Connection) -> None:
    assert upsert(connection, ACCOUNT, USDM, 1, []) == {}
    assert not connection.in_transaction()


def test_what_postgres_cannot_read_is_an_error_not_a_row(connection: Connection) -> None:
    unreadable = Order("BTCUSDT", 1, 1, 1, CloseType.ADL, row(price="abc"))
    with pytest.raises(DataError):
        upsert(connection, ACCOUNT, USDM, 1, [unreadable])


def test_the_table_refuses_a_close_type_that_there_is_not(connection: Connection) -> None:
    write(connection, row())
    odd = dict(stored(connection)[0]) | {"order_id": 2, "close_type": "BANKRUPTCY"}
    with pytest.raises(IntegrityError, match="force_orders_close_type_check"):
        connection.execute(insert(force_orders).values(odd))


def empty(connection: Connection) -> None:
    """For a property, whose examples share a database."""
    connection.execute(text("TRUNCATE force_orders"))
    connection.commit()


def test_of_two_versions_of_one_millisecond_on_a_page_the_further_filled_wins(connection: Connection) -> None:
    both = page(row(status="FILLED", executedQty="0.001"), row(status="NEW", executedQty="0"))
    upsert(connection, ACCOUNT, USDM, 1, latest_versions(both.orders))
    assert connection.scalar(text("SELECT status FROM force_orders")) == "FILLED"


def test_the_latest_time_of_thirteen_digits_is_exact(connection: Connection) -> None:
    at = 9_999_999_999_999
    upsert(connection, ACCOUNT, USDM, 1, page(row(time=at, updateTime=at), received_at=at).orders)
    assert to_millis(connection.scalar(text("SELECT order_time FROM force_orders"))) == at
