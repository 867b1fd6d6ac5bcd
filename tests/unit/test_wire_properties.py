"""Whatever the bytes are: a page with every row in it, or one of our errors."""

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from etl.core.orders import FIELDS, Kind
from etl.core.paging import Page
from etl.errors import ContractError, ExchangeError, TransientError
from etl.exchange.row import read_row
from etl.exchange.usual import read_usual
from etl.exchange.wire import PageReader, read_object
from tests.documented import ROW

thorough = settings(deadline=None, max_examples=300)

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
    {"symbol": st.text(min_size=1, max_size=8), "orderId": st.integers(0, 2**63 - 1), "time": st.integers(1, 2**40)},
    optional={field.wire: scalars for field in FIELDS if field.wire not in ("symbol", "orderId")},
)


def outcome(body: bytes) -> Page | ExchangeError:
    try:
        return PageReader().read(body, 0)
    except (TransientError, ContractError) as error:
        return error


def all_raw(page: Page) -> list[str]:
    return sorted([order.raw for order in page.orders] + [reject.raw for reject in page.rejects])


@thorough
@given(st.binary(max_size=200) | st.text(max_size=100).map(str.encode))
@example(b"[")
@example(b"[1e")
def test_any_bytes_give_a_page_or_an_error_of_ours(body: bytes) -> None:
    result = outcome(body)
    if isinstance(result, Page):
        assert result.length == len(json.loads(body))


@thorough
@given(anything, st.booleans())
def test_any_json_gives_a_page_if_it_is_an_array_and_else_is_no_page(document: Any, ascii_only: bool) -> None:
    text = json.dumps(document, ensure_ascii=ascii_only)
    result = outcome(text.encode(errors="surrogatepass"))
    if isinstance(document, list) and (ascii_only or text.isascii()):
        assert isinstance(result, Page)
        assert result.length == len(document)
    elif not isinstance(document, list):
        assert isinstance(result, ContractError | TransientError)


@thorough
@given(st.lists(rows | likely, max_size=6))
def test_every_row_is_either_an_order_or_set_aside_with_its_own_text(documents: list[Any]) -> None:
    page = PageReader().read(json.dumps(documents).encode(), 0)
    assert all_raw(page) == sorted(json.dumps(document) for document in documents)


@thorough
@given(st.lists(likely, min_size=1, max_size=4))
def test_what_became_an_order_is_what_its_columns_say(documents: list[Any]) -> None:
    for order in PageReader().read(json.dumps(documents).encode(), 0).orders:
        row = json.loads(order.raw)
        assert (order.symbol, order.order_id, order.order_time) == (row["symbol"], row["orderId"], row["time"])
        for field in FIELDS:
            value = row.get(field.wire)
            if field.kind is Kind.BOOLEAN:
                assert value in (None, True, False, "true", "false")
            if field.kind is Kind.DECIMAL and value is not None:
                assert Decimal(str(value)).is_finite()


@thorough
@given(anything)
def test_only_an_object_is_read_as_an_object(document: Any) -> None:
    try:
        result: object = read_object(json.dumps(document).encode())
    except ContractError as error:
        result = error
    assert isinstance(result, dict) is isinstance(document, dict)
    assert not isinstance(result, dict) or result.keys() == document.keys()


nearly_usual = st.builds(
    lambda changes, without: {key: value for key, value in (ROW | changes).items() if key not in without},
    st.dictionaries(keys, scalars, max_size=2),
    st.sets(keys, max_size=1),
)


@thorough
@given(nearly_usual, st.sampled_from([(",", ":"), (", ", ": ")]), st.booleans())
@example(ROW, (",", ":"), False)
@example(ROW | {"goodTillDate": 0, "priceMatch": "NONE", "pair": None}, (",", ":"), False)
def test_what_is_read_at_a_glance_is_what_a_closer_look_finds(
    document: dict[str, Any], separators: tuple[str, str], ascii_only: bool
) -> None:
    raw = json.dumps(document, separators=separators, ensure_ascii=ascii_only)
    order = read_usual(raw)
    assert order in (None, read_row(raw))


@pytest.mark.parametrize("later", [{}, {"goodTillDate": 0, "priceMatch": "NONE", "pair": None, "priceProtect": False}])
def test_a_row_as_documented_is_read_at_a_glance_whatever_keys_came_later(later: dict[str, Any]) -> None:
    raw = json.dumps(ROW | later, separators=(",", ":"))
    order = read_usual(raw)
    assert order is not None
    assert order == read_row(raw)


@pytest.mark.parametrize("again", [*ROW])
def test_a_key_that_comes_twice_is_looked_at_closely(again: str) -> None:
    assert read_usual(json.dumps(ROW, separators=(",", ":"))[:-1] + f',"{again}":null}}') is None


@thorough
@given(st.lists(st.lists(nearly_usual | rows, max_size=4), max_size=4))
def test_a_reader_that_knows_rows_reads_pages_as_one_that_sees_them_for_the_first_time(pages: list[list[Any]]) -> None:
    knowing = PageReader()
    for page in [*pages, *pages]:
        body = json.dumps(page).encode()
        assert knowing.read(body, 0) == PageReader().read(body, 0)
