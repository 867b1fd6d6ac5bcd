"""From the bytes of an answer to a page: every row by itself, none dropped, none guessed."""

import json

import pytest

from etl.core.paging import Page
from etl.errors import ContractError, TransientError
from etl.exchange.pages import read_object, read_page
from tests.documented import RECEIVED_AT, ROW


def read(body: str) -> Page:
    return read_page(body.encode(), RECEIVED_AT)


def test_a_page_knows_when_it_was_received_and_how_large_it_was() -> None:
    assert read("[]") == Page((), (), received_at=RECEIVED_AT, size=2)


def test_each_row_is_kept_character_by_character() -> None:
    rows = [
        '{ "orderId":1 ,\n"symbol" : "A", "time":1790000000005, "price":"10913.21000" , "x":1.10e+2}',
        '{"symbol":"B","orderId":2,"updateTime":1790000000006,"symbol2":"\\u5e01","币":"安"}',
        '{"no":  "order"}',
        "17",
    ]
    page = read("\r\n [ " + " ,\t".join(rows) + " ] \n")
    assert [order.raw for order in page.orders] == rows[:2]
    assert [reject.raw for reject in page.rejects] == rows[2:]
    assert page.length == 4


WHOLE = f"[{json.dumps(ROW)}, {json.dumps(ROW)}]"


@pytest.mark.parametrize("length", range(0, len(WHOLE), RECEIVED_AT))
def test_a_body_that_was_cut_anywhere_may_work_the_next_time(length: int) -> None:
    with pytest.raises(TransientError, match="cut off or unreadable"):
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
        b"[01]",
        b"[tru]",
        b"[NaNa]",
        b'["\xff]',
        b'["\xff"}',
        b'[{"\xff" 1}]',
        b'[{"\xff":}]',
        b'[{"\xff":1,}]',
        b'[{"\xff":1 "b":2}]',
        b'[{1:"\xff"}]',
        b'[["\xff",]]',
        b'["\xff"]x',
        b'["a\x00b]',
        b'[\x00"a"]',
        b'["\xff" "b"]',
        b'{"\xff":1',
        b"\xef\xbb\xbf[]",
        b"[" * 100_000,
        b'[{"a":' + b"[" * 100_000,
    ],
)
def test_garbage_may_work_the_next_time(body: bytes) -> None:
    with pytest.raises(TransientError, match=r"\Athe exchange's response is cut off or unreadable\Z"):
        read_page(body, RECEIVED_AT)


@pytest.mark.parametrize("body", ["{}", '{"code":-1,"msg":"x"}', "null", "1", '"[]"', "true", "NaN"])
def test_json_that_is_no_array_is_not_what_the_exchange_promises(body: str) -> None:
    with pytest.raises(ContractError, match="not an array of orders"):
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


GOOD = json.dumps(ROW, separators=(",", ":")).encode()

BAD = {
    "no UTF-8": GOOD.replace(b"BTCUSDT", b"BTC\xffUSDT"),
    "half a character before a quote": GOOD.replace(b"BTCUSDT", b"\xe5\xb8"),
    "NUL": GOOD.replace(b"FILLED", b"FIL\x00LED"),
    "line feed": GOOD.replace(b"FILLED", b"FIL\nLED"),
    "NaN": GOOD.replace(b'"10871.09"', b"NaN"),
    "negative infinity": GOOD.replace(b'"10871.09"', b"-Infinity"),
    "half a surrogate pair": GOOD.replace(b"FILLED", rb"\ud800"),
    "nested deeply": GOOD.replace(b'"BOTH"', b"[" * 100_000 + b"]" * 100_000),
    "nested deeply in objects": GOOD.replace(b'"BOTH"', b'{"a":' * 100_000 + b"1" + b"}" * 100_000),
    "no object": b'"\xff}],["',
    "brackets in a text": GOOD.replace(b"FILLED", rb"\"}],[{\"" + b"\x01"),
    "a backslash before a quote": GOOD.replace(b"FILLED", rb"\\" + b"\x01" + rb"\\"),
}


@pytest.mark.parametrize("bad", BAD.values(), ids=BAD)
@pytest.mark.parametrize("between", [b",", b" ,\n"], ids=["compact", "spaced"])
def test_a_row_that_no_parser_takes_is_set_aside_alone(bad: bytes, between: bytes) -> None:
    page = read_page(b"[" + between.join([GOOD, bad, b"{}", bad, GOOD]) + b"] ", RECEIVED_AT)
    assert [order.raw.encode() for order in page.orders] == [GOOD, GOOD]
    damaged, empty, again = page.rejects
    assert (damaged, empty.raw) == (again, "{}")
    assert damaged.raw == bad.decode(errors="backslashreplace").replace("\0", r"\x00")
    assert not damaged.is_json


def test_an_array_in_which_only_damaged_rows_stand_is_a_page() -> None:
    assert [reject.raw for reject in read_page(b'["\xff","\x01",NaN,[],{}]', RECEIVED_AT).rejects] == [
        r'"\xff"',
        '"\x01"',
        "NaN",
        "[]",
        "{}",
    ]


def test_where_two_quotes_are_lost_rows_are_never_miscounted() -> None:
    quotes = [at for at, byte in enumerate(GOOD) if byte == ord('"')]
    damaged = [GOOD[:at] + GOOD[at + 1 :] for at in quotes]
    for first in damaged:
        for last in damaged[::5]:
            with pytest.raises(TransientError):
                read_page(b"[" + b",".join([first, GOOD, last]) + b"]", RECEIVED_AT)


@pytest.mark.parametrize("body", [b'{"a":"\xff"}', b'"\x01"', b"-Infinity", b'{"a":{"b":["\x00"],"c":{}}}'])
def test_damage_in_what_is_no_array_changes_nothing(body: bytes) -> None:
    with pytest.raises(ContractError, match="not an array of orders"):
        read_page(body, RECEIVED_AT)


def test_no_float_stands_in_what_is_read() -> None:
    read_back = read_object(b'{"a":1.10,"b":[2,3e5],"c":{"d":-0.0}}')
    assert read_back == {"a": "1.10", "b": ["2", "3e5"], "c": {"d": "-0.0"}}


DEEP = {
    "array": "@",
    "object": '{"a": @}',
    "order": json.dumps(ROW | {"note": ["\u5e01", "@"]}).replace('"@"', "@"),
    "NaN": json.dumps(ROW | {"note": ["NaN", "@"]}).replace('"@"', "@"),
}


@pytest.mark.parametrize("around", DEEP.values(), ids=DEEP)
@pytest.mark.parametrize(("left", "right"), [("[", "]"), ('{"a":', "}")], ids=["arrays", "objects"])
def test_of_rows_nested_deeply_none_is_dropped(around: str, left: str, right: str) -> None:
    for depth in range(300, 1_100, 2):
        row = around.replace("@", left * depth + "1" + right * depth)
        page = read(f"[1, {row}]")
        assert [*(one.raw for one in page.rejects), *(one.raw for one in page.orders)] == ["1", row]
