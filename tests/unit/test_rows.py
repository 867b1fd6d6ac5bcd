"""From a row to an order, or to the reason why it is none: exact text, no float, nothing dropped."""

import json
from decimal import Decimal
from typing import Any

import pytest

from etl.core.orders import FIELDS, CloseType, FieldType, Order, Reject
from etl.core.timeline import DAY
from etl.exchange.rows import read_row
from tests.documented import RECEIVED_AT, ROW, ROW_OF_2025, ROW_OF_MARGIN, ROWS

EXPECTED = {
    FieldType.INTEGER: "an integer",
    FieldType.DECIMAL: "a decimal",
    FieldType.BOOLEAN: "a boolean",
    FieldType.TEXT: "text",
}


AT, LATER = 1_790_000_000_005, 1_790_000_000_009


def accepted(row: str) -> Order:
    order = read_row(row.encode(), RECEIVED_AT)
    assert isinstance(order, Order)
    return order


def rejected(row: str | bytes) -> Reject:
    reject = read_row(row if isinstance(row, bytes) else row.encode(), RECEIVED_AT)
    assert isinstance(reject, Reject)
    return reject


def changed(**values: Any) -> str:
    """The row with some values set; `...` leaves the key out."""
    return json.dumps({name: value for name, value in (ROW | values).items() if value is not ...})


def literal(wire: str, text: str) -> str:
    """The row with a value that stands in the JSON as it is written here."""
    return changed(**{wire: "@"}).replace('"@"', text)


@pytest.mark.parametrize("shape", [ROW, ROW_OF_2025], ids=["today", "2025"])
@pytest.mark.parametrize("separators", [(",", ":"), (", ", ": ")], ids=["compact", "spaced"])
@pytest.mark.parametrize("turn", [1, -1], ids=["in order", "in reverse"])
def test_a_documented_row_is_an_order_in_whatever_order_its_keys_come(
    shape: dict[str, Any], separators: tuple[str, str], turn: int
) -> None:
    raw = json.dumps(dict([*shape.items()][::turn]), separators=separators)
    times = 1596107620044, 1596107620087
    assert accepted(raw) == Order("BTCUSDT", 6071832819, *times, CloseType.LIQUIDATION, raw, "0.001")


@pytest.mark.parametrize("market", ROWS)
def test_the_documented_row_of_every_market_is_an_order(market: str) -> None:
    row = ROWS[market]
    order = accepted(json.dumps(row))
    updated = row.get("updateTime", row.get("updatedTime"))
    assert (order.symbol, order.order_id, order.update_time) == (row["symbol"], row["orderId"], updated)
    assert order.order_time == row.get("time", updated)
    assert order.filled == Decimal(row["executedQty"])
    assert order.close_type is (CloseType.LIQUIDATION if "clientOrderId" in row else CloseType.UNKNOWN)
    assert order.is_isolated is row.get("isIsolated")


@pytest.mark.parametrize(
    ("key", "value", "reason"),
    [
        ("qty", "many", "qty is not a decimal"),
        ("updatedTime", "1558941374", "updatedTime is not a time in epoch milliseconds"),
        ("updatedTime", None, "time and updateTime are missing"),
        ("isIsolated", 1, "isIsolated is not a boolean"),
    ],
)
def test_a_margin_row_with_an_odd_value_is_set_aside_too(key: str, value: Any, reason: str) -> None:
    assert rejected(json.dumps(ROW_OF_MARGIN | {key: value})).reason == reason


def test_the_usual_name_of_a_time_counts_where_a_row_has_two() -> None:
    assert accepted(changed(updatedTime=LATER)).update_time == ROW["updateTime"]


@pytest.mark.parametrize(
    "text", ['"10871.09"', '"10913.21000"', '"0"', "10913.21000", "1e-7", "-0.5", '".5"', '"5."', "0", "null"]
)
def test_a_decimal_comes_as_text_or_number_and_never_as_a_float(text: str) -> None:
    order = accepted(literal("price", text))
    assert f'"price": {text}' in order.raw


OPTIONAL = [field.wire for field in FIELDS if field.wire not in ("symbol", "orderId")]


@pytest.mark.parametrize("wire", OPTIONAL)
@pytest.mark.parametrize("value", [..., None], ids=["missing", "null"])
def test_every_key_but_symbol_order_id_and_a_time_may_be_missing_or_null(wire: str, value: Any) -> None:
    assert accepted(changed(**{wire: value})).order_id == 6071832819


def test_keys_that_nobody_knows_yet_are_no_fault() -> None:
    assert '"goodTillDate": [1, {}]' in accepted(changed(pair="XRPUSD", goodTillDate=[1, {}])).raw


@pytest.mark.parametrize(
    "wire", [field.wire for field in FIELDS if field.type is FieldType.TEXT and field.wire != "symbol"]
)
def test_values_are_open_sets(wire: str) -> None:
    accepted(changed(**{wire: "NEVER_SEEN_BEFORE"}))


@pytest.mark.parametrize(
    ("missing", "expected"), [("time", (LATER, LATER)), ("updateTime", (AT, AT)), ("none", (AT, LATER))]
)
def test_one_time_stands_in_for_the_other(missing: str, expected: tuple[int, int]) -> None:
    order = accepted(changed(**({"time": AT, "updateTime": LATER} | {missing: ...})))
    assert (order.order_time, order.update_time) == expected


@pytest.mark.parametrize("text", ["7", '"7"', "8389766251307928001", f'"{2**63 - 1}"', str(2**63 - 1), str(-(2**63))])
def test_an_id_may_be_any_integer_that_the_database_holds(text: str) -> None:
    assert accepted(literal("orderId", text)).order_id == int(text.strip('"'))


@pytest.mark.parametrize(
    ("wire", "text", "reason"),
    [
        *((field.wire, "[]", f"{field.wire} is not {EXPECTED[field.type]}") for field in FIELDS),
        ("symbol", '""', "symbol is missing"),
        ("symbol", "null", "symbol is missing"),
        ("symbol", "true", "symbol is not text"),
        ("orderId", "null", "orderId is missing"),
        ("orderId", '""', "orderId is not an integer"),
        ("orderId", "1.0", "orderId is not an integer"),
        ("orderId", "1e3", "orderId is not an integer"),
        ("orderId", "true", "orderId is not an integer"),
        *(("orderId", text, "orderId is not an integer") for text in (str(2**63), f'"{2**63}"', str(-(2**63) - 1))),
        ("orderId", "9" * 5_000, "orderId is not an integer"),
        ("orderId", '"١٢٣"', "orderId is not an integer"),
        ("price", '"1,5"', "price is not a decimal"),
        ("price", '"abc"', "price is not a decimal"),
        ("price", '""', "price is not a decimal"),
        ("price", '"NaN"', "price is not a decimal"),
        ("price", "NaN", "the row holds NaN or Infinity, which are not JSON"),
        ("price", "-Infinity", "the row holds NaN or Infinity, which are not JSON"),
        *((wire, "[1.5]", f"{wire} is not a decimal") for wire in ("price", "executedQty")),
        ("price", '"1', "the row is not JSON"),
        ("price", "1e999", "price is not a decimal"),
        ("price", "1" + "0" * 61, "price is not a decimal"),
        ("price", '" 1"', "price is not a decimal"),
        *(("price", text, "price is not a decimal") for text in ('"１.5"', '"1.٥"', '".٥"', '"1e٢"')),
        ("price", r'"1\n"', "price is not a decimal"),
        ("reduceOnly", "1", "reduceOnly is not a boolean"),
        ("reduceOnly", '"yes"', "reduceOnly is not a boolean"),
        *(("status", text, "status is not text") for text in ("{}", "5", "1e3")),
        ("clientOrderId", "false", "clientOrderId is not text"),
        ("time", "0", "time is not a time in epoch milliseconds"),
        ("time", "-1", "time is not a time in epoch milliseconds"),
        ("time", "1790000000", "time is not a time in epoch milliseconds"),
        ("time", "999999999999", "time is not a time in epoch milliseconds"),
        ("time", "10000000000000", "time is not a time in epoch milliseconds"),
        *(
            (wire, str(RECEIVED_AT + DAY + 1), "time or updateTime is more than a day later than the row was received")
            for wire in ("time", "updateTime")
        ),
        ("time", "1790000000000000", "time is not a time in epoch milliseconds"),
        ("updateTime", '"1790000000"', "updateTime is not a time in epoch milliseconds"),
        ("updateTime", '"now"', "updateTime is not a time in epoch milliseconds"),
        ("updateTime", '"١٢٣"', "updateTime is not a time in epoch milliseconds"),
        ("updateTime", "1.5", "updateTime is not a time in epoch milliseconds"),
    ],
)
def test_a_value_of_the_wrong_kind_sets_its_row_aside_with_the_reason(wire: str, text: str, reason: str) -> None:
    row = literal(wire, text)
    assert rejected(row).reason == reason
    assert rejected(row).raw == row


def test_a_time_may_be_a_day_later_than_the_row_was_received() -> None:
    assert accepted(changed(updateTime=RECEIVED_AT + DAY)).update_time == RECEIVED_AT + DAY


def test_without_any_time_a_row_is_set_aside() -> None:
    assert rejected(changed(time=..., updateTime=None)).reason == "time and updateTime are missing"


@pytest.mark.parametrize("row", ["1", '"text"', "null", "[]", "true", '[{"symbol": "A"}]'])
def test_what_is_no_object_is_set_aside(row: str) -> None:
    assert rejected(row) == Reject(row, "the row is not an object", is_json=True)


@pytest.mark.parametrize("row", ["", "{", '{"a": 1,}', '{"a": 01}', '{"a": 1} {}', "[", "tru", '{"a": "\\x41"}'])
def test_what_is_no_json_is_set_aside_as_text(row: str) -> None:
    assert rejected(row) == Reject(row, "the row is not JSON", is_json=False)


@pytest.mark.parametrize(
    ("first", "last", "reason"),
    [("1", "null", "orderId is missing"), ("null", "1", None), ("[]", "1", "orderId is not an integer")],
)
def test_of_a_key_that_comes_twice_the_last_value_counts_and_each_must_be_of_its_kind(
    first: str, last: str, reason: str | None
) -> None:
    read = read_row(f'{{"orderId": {first}, "symbol": "A", "time": {AT}, "orderId": {last}}}'.encode(), RECEIVED_AT)
    assert (read.reason if isinstance(read, Reject) else None) == reason


@pytest.mark.parametrize("quantity", ["100.10", '"100.10"', '"1001e-1"', "1.001e2"])
def test_the_executed_quantity_is_exact_and_tells_versions_apart(quantity: str) -> None:
    assert accepted(literal("executedQty", quantity)).filled == Decimal("100.1")


@pytest.mark.parametrize("quantity", [..., None])
def test_without_an_executed_quantity_nothing_is_filled(quantity: Any) -> None:
    assert accepted(changed(executedQty=quantity)).filled == 0


@pytest.mark.parametrize(
    ("note", "shown", "reason"),
    [
        (b"\xff", r"\xff", "the row is not UTF-8"),
        (b"\xed\xa0\x80", r"\xed\xa0\x80", "the row is not UTF-8"),
        (b"a\x00b", r"a\x00b", "the row is not JSON"),
        (b"a\x1eb", "a\x1eb", "the row is not JSON"),  # the database is sent rows with this between them
        (b"a\x1fb", "a\x1fb", "the row is not JSON"),
        (b"a\nb", "a\nb", "the row is not JSON"),
    ],
)
def test_bytes_that_no_json_holds_set_the_row_aside_legibly(note: bytes, shown: str, reason: str) -> None:
    row = changed(note="@")
    reject = rejected(row.encode().replace(b"@", note))
    assert reject == Reject(row.replace("@", shown), reason, is_json=False)
    assert rejected(reject.raw).reason == "the row is not JSON"


@pytest.mark.parametrize("key", ["note", "price", "status", "orderId"])
def test_a_row_that_is_nested_too_deeply_is_set_aside_as_text(key: str) -> None:
    row = literal(key, "[" * 100_000 + "]" * 100_000)
    assert rejected(row) == Reject(row, "the row is nested too deeply", is_json=False)


@pytest.mark.parametrize("escape", [r"\u0000", r"\ud800", r"\udc00", r"\ud800x"])
@pytest.mark.parametrize("place", ["status", "note"])
def test_characters_that_a_database_cannot_keep_set_the_row_aside_as_text(place: str, escape: str) -> None:
    reject = rejected(literal(place, f'"a{escape}b"'))
    assert reject.reason == "the row holds characters that the database cannot store"
    assert not reject.is_json


def test_a_key_can_hold_such_characters_as_well() -> None:
    assert not rejected(json.dumps(ROW)[:-1] + r', "a\u0000": 1}').is_json


@pytest.mark.parametrize("place", ["status", "note"])
def test_a_backslash_before_u0000_is_text_like_any_other(place: str) -> None:
    order = accepted(literal(place, r'"a\\u0000b"'))
    assert json.loads(order.raw)[place] == r"a\u0000b"
    assert rejected(literal(place, r'"a\\\u0000b"')).reason == "the row holds characters that the database cannot store"


@pytest.mark.parametrize("value", ["NaN", "Infinity", "-Infinity", '[{"a": NaN}]'])
def test_a_number_that_is_none_sets_the_row_aside_even_under_a_key_that_nobody_knows(value: str) -> None:
    reject = rejected(literal("note", value))
    assert (reject.reason, reject.is_json) == ("the row holds NaN or Infinity, which are not JSON", False)
    assert accepted(changed(note=value)).raw == changed(note=value)


def test_escapes_of_other_characters_are_no_fault() -> None:
    assert accepted(changed(symbol="币安人生USDT", note="\U0001f600")).symbol == "币安人生USDT"


@pytest.mark.parametrize(
    ("row", "is_json"), [('{"a": 1}', True), ('{"a": NaN}', False), ('{"a": -Infinity}', False), ("1e999", True)]
)
def test_a_row_set_aside_is_json_only_to_the_letter(row: str, is_json: bool) -> None:
    assert rejected(row).is_json is is_json
