"""What differs between an order as the exchange shows it and its stored row."""

import json
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from etl.core.differences import Difference, DifferenceKind, Newer, compare
from etl.core.markets import USDM
from etl.core.orders import FIELDS, FieldType, Order
from etl.core.timeline import to_datetime
from etl.core.wallets import Wallet
from etl.exchange.pages import read_page
from tests.documented import RECEIVED_AT, ROW


def order(**changes: Any) -> Order:
    (one,) = read_page(json.dumps([ROW | changes]).encode(), received_at=RECEIVED_AT).orders
    return one


WALLET = Wallet("main", USDM)


def stored(one: Order, **changes: Any) -> dict[str, object]:
    """The row that the database has of an order."""
    fields = json.loads(one.raw)
    columns = {field.column: fields.get(field.wire) for field in FIELDS}
    columns |= {f.column: Decimal(str(fields[f.wire])) for f in FIELDS if f.type is FieldType.DECIMAL}
    times = {"order_time": to_datetime(one.order_time), "update_time": to_datetime(one.update_time)}
    return columns | times | {"close_type": one.close_type.value, "order_time_source": "time", "raw": one.raw} | changes


def difference(fields: tuple[str, ...], newer: Newer | None = None) -> Difference:
    one = order()
    kind = DifferenceKind.DIFFERENT
    return Difference(WALLET, *one.key, one.order_time, one.update_time, kind, fields, newer)


def test_an_order_that_is_stored_as_it_is_shown_does_not_differ() -> None:
    assert compare(WALLET, order(), stored(order())) is None


def test_nor_does_one_whose_numbers_are_only_written_in_another_way() -> None:
    digits = "9" * 5_000
    shown = order(averageOf=1.50, longest=0)
    long = shown._replace(raw=shown.raw.replace('"longest": 0', f'"longest": {digits}'))
    assert compare(WALLET, long, stored(shown, raw=long.raw.replace("1.5,", "1.500,"))) is None
    assert compare(WALLET, order(price="1.50"), stored(order(price="1.50"), price=Decimal("1.5"))) is None
    assert compare(WALLET, order(reduceOnly="true"), stored(order(reduceOnly="true"), reduce_only=True)) is None


def test_an_order_without_a_row_is_missing() -> None:
    one = order()
    found = Difference(WALLET, *one.key, one.order_time, one.update_time, DifferenceKind.MISSING)
    assert compare(WALLET, one, None) == found


@pytest.mark.parametrize(
    ("changes", "fields"),
    [
        ({"raw": json.dumps(ROW | {"side": "?"})}, ("side",)),
        ({"raw": json.dumps(ROW | {"added": 1})}, ("added",)),
        ({"raw": json.dumps({name: value for name, value in ROW.items() if name != "side"})}, ("side",)),
        ({"price": Decimal("0.00000001")}, ("price",)),
        ({"price": None}, ("price",)),
        ({"status": "?"}, ("status",)),
        ({"reduce_only": True}, ("reduceOnly",)),
        ({"close_type": "ADL"}, ("clientOrderId",)),
        ({"order_time_source": "update"}, ("time",)),
        ({"pair": None}, ("pair",)),
        ({"cum_base": Decimal("0.0011")}, ("cumBase",)),
        ({"is_isolated": True}, ("isIsolated",)),
        ({"order_time": to_datetime(ROW["time"]) + timedelta(microseconds=1)}, ("time",)),
    ],
)
def test_each_key_and_column_that_differs_is_named(changes: dict[str, object], fields: tuple[str, ...]) -> None:
    assert compare(WALLET, order(), stored(order(), **changes)) == difference(fields)


@pytest.mark.parametrize(("shift", "newer"), [(1, Newer.DATABASE), (-1, Newer.EXCHANGE)])
def test_the_side_with_the_later_update_time_is_named(shift: int, newer: Newer) -> None:
    moved = to_datetime(order().update_time) + timedelta(milliseconds=shift)
    assert compare(WALLET, order(), stored(order(), update_time=moved)) == difference(("updateTime",), newer)


@pytest.mark.parametrize(
    ("shown", "columns", "is_reshaped"),
    [
        ({"newKey": 1}, {}, True),
        ({"price": "10871.090"}, {}, True),
        ({"orderId": str(ROW["orderId"]), "reduceOnly": "false"}, {}, True),
        ({"isIsolated": True}, {}, True),
        ({"newKey": 1, "price": "10871.1"}, {}, False),
        ({"status": "EXPIRED"}, {}, False),
        ({"newKey": 1}, {"price": Decimal(1)}, False),
        ({"updateTime": ROW["updateTime"] + 1}, {}, False),
        ({}, {"close_type": "ADL"}, False),
    ],
    ids=str,
)
def test_a_row_is_reshaped_where_no_value_that_both_have_differs(
    shown: dict[str, Any], columns: dict[str, object], *, is_reshaped: bool
) -> None:
    found = compare(WALLET, order(**shown), stored(order(), **{"is_isolated": None} | columns))
    assert found is not None
    assert found.is_reshaped is is_reshaped
