"""Mark prices: few requests for many minutes, and rows that are read exactly or not at all."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etl.core.mark_prices import MOST_MINUTES, MarkPrice, PriceRequest, price_requests
from etl.core.timeline import MINUTE
from etl.errors import ContractError, TransientError
from etl.exchange.mark_prices import read_prices

T = 1_795_000_020_000


def test_minutes_of_one_symbol_that_lie_close_together_are_one_request() -> None:
    minutes = [("A", T), ("A", T + 98 * MINUTE), ("A", T + 99 * MINUTE), ("B", T), ("A", T)]
    assert price_requests(minutes) == [
        PriceRequest("A", T, T + 98 * MINUTE, [T, T + 98 * MINUTE]),
        PriceRequest("A", T + 99 * MINUTE, T + 99 * MINUTE, [T + 99 * MINUTE]),
        PriceRequest("B", T, T, [T]),
    ]


@given(st.lists(st.tuples(st.sampled_from("AB"), st.integers(0, 1_000)), max_size=60))
def test_every_minute_is_asked_for_once_and_no_request_is_too_long(drawn: list[tuple[str, int]]) -> None:
    minutes = {(symbol, T + number * MINUTE) for symbol, number in drawn}
    requests = price_requests(minutes)
    asked = [(one.symbol, minute) for one in requests for minute in one.wanted]
    assert sorted(asked) == sorted(minutes)
    assert all((one.last - one.first) // MINUTE < MOST_MINUTES for one in requests)
    assert all((one.first, one.last) == (one.wanted[0], one.wanted[-1]) for one in requests)


def test_a_price_keeps_every_digit() -> None:
    row = f'[{T},"0.012345678901234567890","1","1","1","0",{T + 59_999}]'
    assert read_prices(f"[{row}]".encode(), T) == [MarkPrice(T, "0.012345678901234567890", row)]


@pytest.mark.parametrize("row", ["[]", "[1,2]", f'[{T},"NaN"]', f'[{T},"0"]', f'[{T},"-1"]', f"[{T},null]", "{}", "7"])
def test_what_is_no_minute_with_a_price_breaks_the_contract(row: str) -> None:
    with pytest.raises(ContractError):
        read_prices(f"[{row}]".encode(), T)


@pytest.mark.parametrize("cell", [b'"\xff"', rb'"\u0000"', b"[" * 250 + b"]" * 250])
def test_a_row_that_the_database_cannot_keep_breaks_the_contract(cell: bytes) -> None:
    with pytest.raises(ContractError):
        read_prices(b'[[%d,"1",%b]]' % (T, cell), T)


def test_what_is_cut_off_is_tried_again() -> None:
    with pytest.raises(TransientError):
        read_prices(b'[[1,"2"', T)
