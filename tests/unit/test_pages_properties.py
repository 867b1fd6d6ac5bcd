"""Whatever the bytes are: a page with every row in it, or one of our errors."""

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from etl.core.orders import FIELDS, FieldType, Order, Reject
from etl.core.paging import Page
from etl.errors import ContractError, ExchangeError, TransientError
from etl.exchange.json_elements import split
from etl.exchange.pages import read_object, read_page
from etl.exchange.rows import read_row
from tests.documented import RECEIVED_AT, ROW

scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(1, 2_000_000_000_000)
    | st.floats()
    | st.text(max_size=8)
    | st.text(st.characters(categories=["Cs", "Cc"]), max_size=3)
    | st.sampled_from(["true", "1.5", "0", "autoclose-1", "9" * 30, "1e5", "1e500", "NaN"])
)
anything = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=12,
)
keys = st.sampled_from([field.wire for field in FIELDS] + ["time", "updateTime", "note"])
rows = st.dictionaries(keys, scalars, max_size=12) | anything
likely = st.fixed_dictionaries(
    {
        "symbol": st.text(min_size=1, max_size=8),
        "orderId": st.integers(0, 2**63 - 1),
        "time": st.integers(10**12, RECEIVED_AT),
    },
    optional={field.wire: scalars for field in FIELDS if field.wire not in ("symbol", "orderId")},
)


def outcome(body: bytes) -> Page | ExchangeError:
    try:
        return read_page(body, RECEIVED_AT)
    except (TransientError, ContractError) as error:
        return error


def all_raw(page: Page) -> list[str]:
    return sorted([order.raw for order in page.orders] + [reject.raw for reject in page.rejects])


def leniently(body: bytes) -> Any:
    """By a parser that bears any byte in a text, NaN and Infinity."""
    return json.loads(body.decode("latin-1"), strict=False)


@given(st.binary(max_size=200) | st.text(max_size=100).map(str.encode))
@example(b"[")
@example(b"[1e")
def test_any_bytes_give_a_page_or_an_error_of_ours(body: bytes) -> None:
    result = outcome(body)
    if isinstance(result, Page):
        assert result.length == len(leniently(body))


@given(anything, st.booleans())
def test_any_json_gives_a_page_if_it_is_an_array_and_else_is_no_page(document: Any, ascii_only: bool) -> None:
    text = json.dumps(document, ensure_ascii=ascii_only)
    result = outcome(text.encode(errors="surrogatepass"))
    if isinstance(document, list) and (ascii_only or text.isascii()):
        assert isinstance(result, Page)
        assert result.length == len(document)
    elif not isinstance(document, list):
        assert isinstance(result, ContractError | TransientError)


@given(st.lists(rows | likely, max_size=6))
def test_every_row_is_either_an_order_or_set_aside_with_its_own_text(documents: list[Any]) -> None:
    page = read_page(json.dumps(documents).encode(), RECEIVED_AT)
    assert all_raw(page) == sorted(json.dumps(document) for document in documents)


usual = st.builds(lambda order_id: json.dumps(ROW | {"orderId": order_id}).encode(), st.integers(1, 99))
unusual = (rows | likely).map(json.dumps).map(str.encode) | st.sampled_from(
    [
        b'{"symbol": "A", "orderId": 1, "time": 1790000000000, "note": "\\u0000"}',
        b'{"symbol": "A", "orderId": 1, "time": 1790000000000, "note": "\xff"}',
        b'{"symbol": "A", "orderId": 1, "time": 1790000000000, "note": NaN}',
        b'{"symbol": "A", "orderId": 1, "time": 1790000000000, "price": "1.5.5"}',
        b'{"symbol": "A", "orderId": 1, "time": 1790000000000, "note": ' + b"[" * 199 + b"]" * 199 + b"}",
        b'{"symbol": "A", "orderId": 1, "time": 1790000000000, "note": ' + b"[" * 200 + b"]" * 200 + b"}",
    ]
)


@given(st.lists(usual, max_size=4), st.lists(unusual, max_size=1), st.lists(usual, max_size=4))
def test_the_rows_of_a_page_are_read_as_each_is_read_alone(
    before: list[bytes], among: list[bytes], after: list[bytes]
) -> None:
    raws = [*before, *among, *after]
    page = read_page(b"[" + b", ".join(raws) + b"]", RECEIVED_AT)
    alone = [read_row(raw, RECEIVED_AT) for raw in raws]
    assert page.orders == tuple(one for one in alone if isinstance(one, Order))
    assert page.rejects == tuple(one for one in alone if isinstance(one, Reject))


@given(st.lists(likely, min_size=1, max_size=4))
def test_what_became_an_order_is_what_its_columns_say(documents: list[Any]) -> None:
    for order in read_page(json.dumps(documents).encode(), RECEIVED_AT).orders:
        row = json.loads(order.raw)
        assert (order.symbol, order.order_id, order.order_time) == (row["symbol"], row["orderId"], row["time"])
        for field in FIELDS:
            value = row.get(field.wire)
            if field.type is FieldType.BOOLEAN:
                assert value in (None, True, False, "true", "false")
            if field.type is FieldType.DECIMAL and value is not None:
                assert Decimal(str(value)).is_finite()


@given(anything)
def test_only_an_object_is_read_as_an_object(document: Any) -> None:
    try:
        result: object = read_object(json.dumps(document).encode())
    except ContractError as error:
        result = error
    assert isinstance(result, dict) is isinstance(document, dict)
    assert not isinstance(result, dict) or result.keys() == document.keys()


pieces = st.sampled_from(
    [
        b"[",
        b"]",
        b"{",
        b"}",
        b",",
        b":",
        b" ",
        b"\n",
        b'"',
        b'"a"',
        b'"\xff":',
        b'"\x01"',
        b'"\\""',
        b"NaN",
        b"-1",
        b"0",
    ]
)


@given(
    st.lists(pieces, max_size=12).map(b"".join) | st.lists(rows, max_size=3).map(lambda some: json.dumps(some).encode())
)
def test_an_array_is_split_as_a_lenient_parser_reads_it_and_nothing_else_is(body: bytes) -> None:
    try:
        expected = leniently(body)
    except ValueError:
        with pytest.raises(ValueError, match="document"):
            split(body)
    else:
        elements = split(body)
        assert (elements is None) is not isinstance(expected, list)
        assert elements is None or repr([leniently(one) for one in elements]) == repr(expected)


@given(
    st.lists(rows | likely, max_size=4), st.lists(rows | likely, max_size=4), st.sampled_from([b"\xff", b"\0", b"\n"])
)
def test_a_damaged_row_costs_no_other(before: list[Any], after: list[Any], damage: bytes) -> None:
    around = [json.dumps(document).encode() for document in [*before, *after]]
    damaged = b'{"note":"' + damage + b'"}'
    page = read_page(b"[" + b",".join([*around[: len(before)], damaged, *around[len(before) :]]) + b"]", RECEIVED_AT)
    alone = read_page(b"[" + b",".join(around) + b"]", RECEIVED_AT)
    assert page.orders == alone.orders
    assert len(page.rejects) == len(alone.rejects) + 1
