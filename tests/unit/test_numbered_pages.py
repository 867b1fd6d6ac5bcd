"""From the bytes of a numbered page to its rows and their total: none dropped, none guessed."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etl.core.paging import Page
from etl.errors import ContractError, TransientError
from etl.exchange.json_elements import split, split_object
from etl.exchange.pages import read_numbered_page
from tests.documented import RECEIVED_AT, ROW

GOOD = json.dumps(ROW).encode()

MARGIN_ROW = (
    '{"avgPrice":"0.00388359","executedQty":"31.39000000","orderId":180015097,"price":"0.00388110","qty":"31.39000000",'
    '"side":"SELL","symbol":"BNBBTC","timeInForce":"GTC","updatedTime":1558941374745}'
)
"""The row of both margin endpoints' documentation, without `isIsolated`."""


def read(body: bytes) -> Page:
    return read_numbered_page(body, RECEIVED_AT)


def raws(page: Page) -> list[str]:
    return [*(order.raw for order in page.orders), *(reject.raw for reject in page.rejects)]


def test_an_empty_list_is_a_page() -> None:
    assert read(b'{"rows":[],"total":0}') == Page((), (), RECEIVED_AT, size=21, total=0)


def test_a_page_has_the_rows_and_the_total_that_the_exchange_sends() -> None:
    page = read(b'{"rows":[' + GOOD + b'],"total":37}')
    assert [order.raw for order in page.orders] == [GOOD.decode()]
    assert (page.rejects, page.total) == ((), 37)


def test_the_documented_row_is_on_its_page_character_by_character() -> None:
    page = read(f'{{"rows":[{MARGIN_ROW}],"total":1}}'.encode())
    assert (raws(page), page.total) == ([MARGIN_ROW], 1)


def test_the_order_of_the_keys_and_space_between_them_do_not_matter() -> None:
    page = read(b'\r\n { "total" : 2 ,\n\t"rows" : [ ' + GOOD + b" , {} ] } ")
    assert (raws(page), page.total) == ([GOOD.decode(), "{}"], 2)


def test_other_keys_are_ignored_whatever_they_hold() -> None:
    noise = b'"msg":"\xff\x01","data":{"rows":[1],"total":9},"nan":NaN,"list":[[{"rows":[2]}]],'
    page = read(b"{" + noise + b'"rows":[' + GOOD + b'],"total":1,"":null}')
    assert (raws(page), page.total) == ([GOOD.decode()], 1)


@pytest.mark.parametrize(
    "bad",
    [
        b"17",
        b"null",
        b"{}",
        b"NaN",
        b'"\xff}],["',
        GOOD.replace(b"BTCUSDT", b"BTC\xffUSDT"),
        GOOD.replace(b"FILLED", b"FIL\nLED"),
        GOOD.replace(b"FILLED", rb"\"}],\"total\":0,\"rows\":[{"),
        GOOD.replace(b'"BOTH"', b"[" * 10_000 + b"]" * 10_000),
        GOOD.replace(b"1596107620044", b"-1").replace(b"1596107620087", b"-1"),
    ],
)
def test_a_row_that_cannot_be_read_hides_no_other(bad: bytes) -> None:
    page = read(b'{"total":3,"rows":[' + b",".join([GOOD, bad, GOOD]) + b"]}")
    assert page.length == 3
    assert raws(page).count(GOOD.decode()) == 2


WHOLE = b'{"rows":[' + GOOD + b"," + GOOD + b'],"total":2}'


@pytest.mark.parametrize("length", range(0, len(WHOLE), 7))
def test_a_body_that_was_cut_anywhere_may_work_the_next_time(length: int) -> None:
    with pytest.raises(TransientError, match="cut off or unreadable"):
        read(WHOLE[:length])


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b" \r\n",
        b"<html></html>",
        WHOLE + b"}",
        WHOLE + WHOLE,
        WHOLE.replace(b'"total":2', b'"total":02'),
        WHOLE.replace(b'"total":2', b'"total":'),
        WHOLE.replace(b"]", b"", 1),
        WHOLE.replace(b'"FILLED"', b'"FILLED', 1),
        b"\xef\xbb\xbf" + WHOLE,
    ],
)
def test_what_is_no_json_may_work_the_next_time_and_an_empty_body_is_no_page(body: bytes) -> None:
    with pytest.raises(TransientError, match="cut off or unreadable"):
        read(body)


@pytest.mark.parametrize("total", [b'"2"', b"2.0", b"2e0", b"-2", b"-0", b"null", b"true", b"[2]", b"NaN", b"9" * 30])
def test_a_total_that_is_no_integer_is_not_what_the_exchange_promises(total: bytes) -> None:
    with pytest.raises(ContractError, match="not a numbered page of orders"):
        read(b'{"rows":[],"total":' + total + b"}")


@pytest.mark.parametrize(
    "body",
    [
        b"[]",
        b"null",
        b"1",
        b'"rows"',
        b"{}",
        b'{"total":0}',
        b'{"rows":[]}',
        b'{"code":-1,"msg":"x"}',
        b'{"rows":null,"total":0}',
        b'{"rows":{},"total":0}',
        b'{"rows":"[]","total":0}',
        b'{"data":{"rows":[],"total":0}}',
        b'[{"rows":[],"total":0}]',
        b'{"Rows":[],"total":0}',
    ],
)
def test_json_of_another_shape_is_not_what_the_exchange_promises(body: bytes) -> None:
    with pytest.raises(ContractError, match="not a numbered page of orders"):
        read(body)


@pytest.mark.parametrize("twice", [b'"rows":[]', b'"total":1'])
def test_a_key_that_stands_there_twice_might_hide_rows(twice: bytes) -> None:
    with pytest.raises(ContractError, match="not a numbered page of orders"):
        read(b'{"rows":[{}],' + twice + b',"total":1}')


documents = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=10,
)


@given(st.lists(documents, max_size=6), st.integers(0, 10**17), st.dictionaries(st.text(max_size=6), documents))
def test_every_row_is_kept_with_its_own_text(rows: list[Any], total: int, others: dict[str, Any]) -> None:
    page = read(json.dumps(others | {"rows": rows, "total": total}).encode())
    assert sorted(raws(page)) == sorted(json.dumps(row) for row in rows)
    assert page.total == total


@given(documents)
def test_an_object_is_split_into_its_keys_and_values_and_nothing_else_is(document: Any) -> None:
    members = split_object(json.dumps(document).encode())
    if isinstance(document, dict):
        assert members == [(json.dumps(key).encode(), json.dumps(value).encode()) for key, value in document.items()]
    else:
        assert members is None
    assert (split(json.dumps(document).encode()) is not None) is isinstance(document, list)


@given(st.binary(max_size=100))
def test_any_bytes_give_a_page_or_an_error_of_ours(body: bytes) -> None:
    with pytest.raises((TransientError, ContractError)):
        read(body)
