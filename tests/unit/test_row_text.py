"""A row as received is read without loss, whatever stands in a key that nobody knows."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etl.core.forced_names import PlacedBy, placed_by
from etl.core.markets import USDM
from etl.core.order_lists import differences
from etl.core.orders import Order
from etl.core.row_text import keys_of
from etl.core.wallets import Wallet
from etl.exchange.pages import read_page
from etl.exchange.row_types import DEEPEST
from tests.documented import RECEIVED_AT
from tests.postgres.samples import row

WALLET = Wallet("main", USDM)
ODD = [
    "9" * 5_000,
    "-" + "9" * 200_000,
    "0." + "9" * 5_000,
    "1e200000",
    "1e10000000000000000000",
    "-1e-99999999999999999999",
]


def order(value: str) -> Order:
    """The documented order with another key of this value."""
    (read,) = read_page(f'[{row()[:-1]}, "odd": {value}}}]'.encode(), RECEIVED_AT).orders
    return read


@given(st.decimals(allow_nan=False, allow_infinity=False) | st.integers())
def test_a_number_is_exact(number: Decimal | int) -> None:
    assert keys_of(f'{{"a": {number}}}') == {"a": Decimal(number)}


@pytest.mark.parametrize("value", ODD, ids=lambda value: value[:30])
def test_no_number_is_too_long_or_too_great_for_a_comparison(value: str) -> None:
    shown = order(value)
    assert placed_by(replace_name(shown)) is PlacedBy.NAMESAKE
    assert differences(shown, order("1")) == []


def replace_name(shown: Order) -> Order:
    """As a row of the list of all orders, under the name of a liquidation of another time."""
    raw = shown.raw.replace("autoclose-", "autoclose-1")
    return shown._replace(raw=raw)


def nested(depth: int) -> str:
    return "[" * depth + "]" * depth


def test_a_row_is_nested_as_deeply_as_all_that_reads_it_can_follow() -> None:
    """The row itself is the first level."""
    page = read_page(f'[{{"a": {nested(DEEPEST)}}}, {{"a": {nested(900)}}}, {{"a": {nested(100_000)}}}]'.encode(), 0)
    assert [one.reason for one in page.rejects] == ["the row is nested too deeply"] * 3
    assert keys_of(order(nested(DEEPEST - 1)).raw)["odd"]


def test_brackets_in_a_text_nest_nothing() -> None:
    assert order(f'"{"[{" * 5_000}"').raw.count("[{") == 5_000
    assert order(r'"\\\"[' + "[" * 5_000 + '"')
    assert order("[" + ",".join(["{}"] * 5_000) + "]")
