"""From bytes to checked rows: exact text, no float, nothing dropped."""

import json
from decimal import Decimal
from typing import Any

import pytest

from etl.core.orders import FIELDS, CloseType, Kind, Order, Reject
from etl.core.paging import Page
from etl.errors import ContractError, TransientError
from etl.exchange.wire import PageReader, read_object

ROW: dict[str, Any] = {
    "orderId": 16464950183,
    "symbol": "XRPUSDT",
    "status": "FILLED",
    "clientOrderId": "autoclose-1629544376210626761",
    "price": "1.2176",
    "avgPrice": "1.22490",
    "origQty": "100.1",
    "executedQty": "100.1",
    "cumQuote": "122.61249",
    "timeInForce": "IOC",
    "type": "LIMIT",
    "reduceOnly": False,
    "closePosition": False,
    "side": "SELL",
    "positionSide": "BOTH",
    "stopPrice": "0",
    "workingType": "CONTRACT_PRICE",
    "priceProtect": False,
    "origType": "LIMIT",
    "time": 1629544376213,
    "updateTime": 1629544376219,
}


def read(body: str) -> Page:
    return PageReader().read(body.encode(), 7)


def accepted(row: str) -> Order:
    page = read(f"[{row}]")
    assert (len(page.orders), page.rejects) == (1, ())
    return page.orders[0]


def rejected(row: str) -> Reject:
    page = read(f"[{row}]")
    assert (page.orders, len(page.rejects)) == ((), 1)
    return page.rejects[0]


def changed(**values: Any) -> str:
    """The row with some values set; `...` leaves the key out."""
    return json.dumps({name: value for name, value in (ROW | values).items() if value is not ...})


def literal(wire: str, text: str) -> str:
    """The row with a value that stands in the JSON as it is written here."""
    return changed(**{wire: "@"}).replace('"@"', text)


def test_a_real_row_is_an_order() -> None:
    raw, filled = json.dumps(ROW), Decimal(str(ROW["executedQty"]))
    expected = Order("XRPUSDT", 16464950183, 1629544376213, 1629544376219, CloseType.LIQUIDATION, raw, filled)
    assert accepted(raw) == expected


def test_a_page_knows_when_it_was_received() -> None:
    assert read("[]") == Page((), (), received_at=7)


def test_each_row_is_kept_character_by_character() -> None:
    rows = [
        '{ "orderId":1 ,\n"symbol" : "A", "time":5, "price":"10913.21000" , "x":1.10e+2}',
        '{"symbol":"B","orderId":2,"updateTime":6,"symbol2":"\\u5e01","币":"安"}',
        '{"no":  "order"}',
        "17",
    ]
    page = read("\r\n [ " + " ,\t".join(rows) + " ] \n")
    assert [order.raw for order in page.orders] == rows[:2]
    assert [reject.raw for reject in page.rejects] == rows[2:]
    assert page.length == 4


@pytest.mark.parametrize(
    "text", ['"10871.09"', '"10913.21000"', '"0"', "10913.21000", "1e-7", "-0.5", '".5"', '"5."', "0", "null"]
)
def test_a_decimal_comes_as_text_or_number_and_never_as_a_float(text: str) -> None:
    order = accepted(literal("price", text))
    assert f'"price": {text}' in order.raw


def test_no_float_stands_in_what_is_read() -> None:
    read_back = read_object(b'{"a":1.10,"b":[2,3e5],"c":{"d":-0.0}}')
    assert read_back == {"a": "1.10", "b": ["2", "3e5"], "c": {"d": "-0.0"}}


OPTIONAL = [field.wire for field in FIELDS if field.wire not in ("symbol", "orderId")]


@pytest.mark.parametrize("wire", OPTIONAL)
@pytest.mark.parametrize("value", [..., None], ids=["missing", "null"])
def test_every_key_but_symbol_order_id_and_a_time_may_be_missing_or_null(wire: str, value: Any) -> None:
    assert accepted(changed(**{wire: value})).order_id == 16464950183


def test_keys_that_nobody_knows_yet_are_no_fault() -> None:
    assert '"goodTillDate": [1, {}]' in accepted(changed(pair="XRPUSD", goodTillDate=[1, {}])).raw


@pytest.mark.parametrize("wire", [field.wire for field in FIELDS if field.kind is Kind.TEXT and field.wire != "symbol"])
def test_values_are_open_sets(wire: str) -> None:
    accepted(changed(**{wire: "NEVER_SEEN_BEFORE"}))


@pytest.mark.parametrize(("missing", "expected"), [("time", (9, 9)), ("updateTime", (5, 5)), ("none", (5, 9))])
def test_one_time_stands_in_for_the_other(missing: str, expected: tuple[int, int]) -> None:
    order = accepted(changed(**({"time": 5, "updateTime": 9} | {missing: ...})))
    assert (order.order_time, order.update_time) == expected


@pytest.mark.parametrize("text", ["16464950183", '"16464950183"', str(2**63 - 1), str(-(2**63))])
def test_an_id_may_be_any_integer_that_the_database_holds(text: str) -> None:
    assert accepted(literal("orderId", text)).order_id == int(text.strip('"'))


@pytest.mark.parametrize(
    ("wire", "text", "reason"),
    [
        *((field.wire, "[]", f"{field.wire} is no {field.kind.name.lower()}") for field in FIELDS),
        ("symbol", '""', "symbol is missing"),
        ("symbol", "null", "symbol is missing"),
        ("symbol", "true", "symbol is no text"),
        ("orderId", "null", "orderId is missing"),
        ("orderId", '""', "orderId is no integer"),
        ("orderId", "1.0", "orderId is no integer"),
        ("orderId", "1e3", "orderId is no integer"),
        ("orderId", "true", "orderId is no integer"),
        ("orderId", str(2**63), "orderId is no integer"),
        ("orderId", "9" * 5_000, "orderId is no integer"),
        ("orderId", '"١٢٣"', "orderId is no integer"),
        ("price", '"1,5"', "price is no decimal"),
        ("price", '"abc"', "price is no decimal"),
        ("price", '""', "price is no decimal"),
        ("price", '"NaN"', "price is no decimal"),
        ("price", "NaN", "price is no decimal"),
        ("price", "-Infinity", "price is no decimal"),
        ("price", "1e999", "price is no decimal"),
        ("price", "1" + "0" * 61, "price is no decimal"),
        ("price", '" 1"', "price is no decimal"),
        *(("price", text, "price is no decimal") for text in ('"１.5"', '"1.٥"', '".٥"', '"1e٢"')),
        ("price", r'"1\n"', "price is no decimal"),
        ("reduceOnly", "1", "reduceOnly is no boolean"),
        ("reduceOnly", '"yes"', "reduceOnly is no boolean"),
        ("status", "{}", "status is no text"),
        ("clientOrderId", "false", "clientOrderId is no text"),
        ("time", "0", "time is no time in epoch milliseconds"),
        ("time", "-1", "time is no time in epoch milliseconds"),
        ("time", "253402300800000", "time is no time in epoch milliseconds"),
        ("updateTime", '"now"', "updateTime is no time in epoch milliseconds"),
        ("updateTime", '"١٢٣"', "updateTime is no time in epoch milliseconds"),
        ("updateTime", "1.5", "updateTime is no time in epoch milliseconds"),
    ],
)
def test_a_value_of_the_wrong_kind_sets_its_row_aside_with_the_reason(wire: str, text: str, reason: str) -> None:
    row = literal(wire, text)
    assert rejected(row).reason == reason
    assert rejected(row).raw == row


def test_without_any_time_a_row_is_set_aside() -> None:
    assert rejected(changed(time=..., updateTime=None)).reason == "time and updateTime are missing"


@pytest.mark.parametrize("row", ["1", '"text"', "null", "[]", "true", "NaN"])
def test_what_is_no_object_is_set_aside(row: str) -> None:
    assert rejected(row) == Reject(row, "the row is no object", is_json=row != "NaN")


@pytest.mark.parametrize("escape", [r"\u0000", r"\ud800", r"\udc00", r"\ud800x"])
@pytest.mark.parametrize("place", ["status", "note"])
def test_characters_that_a_database_cannot_keep_set_the_row_aside_as_text(place: str, escape: str) -> None:
    reject = rejected(literal(place, f'"a{escape}b"'))
    assert reject.reason == "the row holds characters that a database cannot keep"
    assert not reject.is_json


def test_a_key_can_hold_such_characters_as_well() -> None:
    assert not rejected(json.dumps(ROW)[:-1] + r', "a\u0000": 1}').is_json


@pytest.mark.parametrize("place", ["status", "note"])
def test_a_backslash_before_u0000_is_text_like_any_other(place: str) -> None:
    order = accepted(literal(place, r'"a\\u0000b"'))
    assert json.loads(order.raw)[place] == r"a\u0000b"
    assert rejected(literal(place, r'"a\\\u0000b"')).reason == "the row holds characters that a database cannot keep"


@pytest.mark.parametrize("value", ["NaN", "Infinity", "-Infinity", '[{"a": NaN}]'])
def test_a_number_that_is_none_sets_the_row_aside_even_under_a_key_that_nobody_knows(value: str) -> None:
    reject = rejected(literal("note", value))
    assert (reject.reason, reject.is_json) == ("the row holds NaN or Infinity, which are no JSON", False)
    assert accepted(changed(note=value)).raw == changed(note=value)


def test_escapes_of_other_characters_are_no_fault() -> None:
    assert accepted(changed(symbol="币安人生USDT", note="\U0001f600")).symbol == "币安人生USDT"


@pytest.mark.parametrize(
    ("row", "is_json"), [('{"a": 1}', True), ('{"a": NaN}', False), ('{"a": -Infinity}', False), ("1e999", True)]
)
def test_a_row_set_aside_is_json_only_to_the_letter(row: str, is_json: bool) -> None:
    assert rejected(row).is_json is is_json


WHOLE = f"[{json.dumps(ROW)}, {json.dumps(ROW)}]"


@pytest.mark.parametrize("length", range(0, len(WHOLE), 7))
def test_a_body_that_was_cut_anywhere_may_work_the_next_time(length: int) -> None:
    with pytest.raises(TransientError, match="cut or unreadable"):
        read(WHOLE[:length])


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b" ",
        b"<html></html>",
        b"\x00\x01",
        b"[{}",
        b"[1,]",
        b"[,1]",
        b"[1 2]",
        b"[1]]",
        b"[]x",
        b"[1;2]",
        b'{"code":',
        b'["\xff"]',
        b'["a\x00b"]',
        b"[01]",
        b"\xef\xbb\xbf[]",
        b"[" * 100_000,
        b"[" * 100_000 + b"]" * 100_000,
        b'[{"a":' + b"[" * 100_000,
    ],
)
def test_garbage_may_work_the_next_time(body: bytes) -> None:
    with pytest.raises(TransientError, match=r"\Athe exchange's answer is cut or unreadable\Z"):
        PageReader().read(body, 7)


@pytest.mark.parametrize("body", ["{}", '{"code":-1,"msg":"x"}', "null", "1", '"[]"', "true", "NaN"])
def test_json_that_is_no_array_is_not_what_the_exchange_promises(body: str) -> None:
    with pytest.raises(ContractError, match="no array of orders"):
        read(body)


def test_an_object_is_read_with_numbers_as_text() -> None:
    assert read_object(b'{"serverTime": 1591702613943}') == {"serverTime": "1591702613943"}


@pytest.mark.parametrize(
    ("body", "expected"),
    [(b"[]", ContractError), (b"5", ContractError), (b"{", TransientError), (b"\xff", TransientError)],
)
def test_what_is_no_object_is_refused(body: bytes, expected: type[Exception]) -> None:
    with pytest.raises(expected):
        read_object(body)


DEEP = {
    "array": "@",
    "object": '{"a": @}',
    "order": literal("note", r'["\u5e01", @]'),
    "NaN": literal("note", '["NaN", @]'),
}


@pytest.mark.parametrize("around", DEEP.values(), ids=DEEP)
@pytest.mark.parametrize(("left", "right"), [("[", "]"), ('{"a":', "}")], ids=["arrays", "objects"])
def test_of_rows_nested_too_deeply_none_is_dropped(around: str, left: str, right: str) -> None:
    outcomes = set()
    for depth in range(300, 1_100, 2):
        row = around.replace("@", left * depth + "1" + right * depth)
        try:
            page = read(f"[1, {row}]")
        except TransientError:
            outcomes.add("unreadable")
        else:
            assert [one.raw for one in (*page.rejects, *page.orders)] == ["1", row]
            outcomes.add("read")
    assert outcomes == {"read", "unreadable"}
