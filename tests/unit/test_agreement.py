"""Whether the columns of an order say what its row says: by value, for every field."""

import json
from decimal import Decimal
from typing import Any

import pytest

from etl.core.agreement import differing_columns
from etl.core.orders import FIELDS, FieldType
from etl.core.seals import row_of
from tests.documented import ROW

READ = {FieldType.DECIMAL: Decimal}
COLUMNS: dict[str, Any] = {
    field.column: READ.get(field.type, lambda sent: sent)(ROW[field.wire]) for field in FIELDS if field.wire in ROW
}
COLUMNS = {field.column: None for field in FIELDS} | COLUMNS
COLUMNS |= {"close_type": "LIQUIDATION", "order_time": Decimal(ROW["time"]), "update_time": Decimal(ROW["updateTime"])}
COLUMNS |= {"order_time_source": "time"}


def differing(row: Any = ROW, **changes: Any) -> list[str]:
    return differing_columns(COLUMNS | changes, row_of(json.dumps(row)))


def test_the_documented_row_agrees_with_its_columns() -> None:
    assert differing() == []


@pytest.mark.parametrize("name", COLUMNS)
def test_a_column_that_says_something_else_is_named(name: str) -> None:
    other = not COLUMNS[name] if isinstance(COLUMNS[name], bool) else Decimal(9) if name.endswith("_time") else "other"
    assert differing(**{name: other}) == [name]
    if COLUMNS[name] is not None and name not in ("close_type", "order_time_source"):
        assert differing(**{name: None}) == [name]


@pytest.mark.parametrize(
    ("change", "columns"),
    [
        ({"price": "10.50"}, {"price": Decimal("10.5")}),
        ({"price": 10.5}, {"price": Decimal("10.500")}),
        ({"price": "1e2"}, {"price": Decimal(100)}),
        ({"orderId": "+7"}, {"order_id": 7}),
        ({"reduceOnly": "true"}, {"reduce_only": True}),
        ({"price": None, "side": None}, {"price": None, "side": None}),
        ({"clientOrderId": "adl_autoclose"}, {"client_order_id": "adl_autoclose", "close_type": "ADL"}),
        ({"time": None}, {"order_time": COLUMNS["update_time"], "order_time_source": "update"}),
        ({"updateTime": None}, {"update_time": COLUMNS["order_time"]}),
        ({"updateTime": None, "updatedTime": ROW["updateTime"]}, {}),
        ({"origQty": None, "qty": "0.0010"}, {}),
        ({"isIsolated": "false"}, {"is_isolated": False}),
        ({"pair": ["BTCUSDT"]}, {"pair": None}),
        ({"cumBase": "some"}, {"cum_base": None}),
        ({"isIsolated": "perhaps"}, {"is_isolated": None}),
    ],
    ids=str,
)
def test_values_count_not_how_they_are_written(change: dict[str, Any], columns: dict[str, Any]) -> None:
    assert differing(ROW | change, **columns) == []


@pytest.mark.parametrize("sent", ["high", "", [], {}, True])
def test_a_row_that_cannot_be_read_differs(sent: object) -> None:
    assert differing(ROW | {"price": sent}) == ["price"]
    assert differing(ROW | {"time": sent}) == ["order_time"]


def test_a_microsecond_counts() -> None:
    assert differing(order_time=COLUMNS["order_time"] + Decimal("0.001")) == ["order_time"]


@pytest.mark.parametrize("row", [[], "text", 5, None])
def test_a_row_that_is_no_object_differs_as_a_whole(row: object) -> None:
    assert differing(row) == ["raw"]
