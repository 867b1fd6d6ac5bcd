"""What is read out of a force order, and which of its versions counts."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etl.core.orders import FIELDS, CloseType, Order, close_type_of, latest_versions, versions


def order(symbol: str = "BTCUSDT", order_id: int = 1, updated: int = 5, raw: str = "{}") -> Order:
    return Order(symbol, order_id, 5, updated, CloseType.LIQUIDATION, raw)


@pytest.mark.parametrize(
    ("client_order_id", "expected"),
    [
        ("autoclose-1629544376210626761", CloseType.LIQUIDATION),
        ("adl_autoclose", CloseType.ADL),
        ("adl_autoclose-17", CloseType.ADL),
        ("settlement_autoclose-20260626", CloseType.SETTLEMENT),
        ("delivery_autoclose-20260626", CloseType.SETTLEMENT),
        ("autoclose", CloseType.UNKNOWN),
        ("AUTOCLOSE-1", CloseType.UNKNOWN),
        ("my-autoclose-1", CloseType.UNKNOWN),
        ("web_1", CloseType.UNKNOWN),
        ("", CloseType.UNKNOWN),
        (None, CloseType.UNKNOWN),
    ],
)
def test_the_prefix_of_the_client_order_id_tells_the_close_type(
    client_order_id: str | None, expected: CloseType
) -> None:
    assert close_type_of(client_order_id) is expected


def test_the_same_id_in_two_symbols_is_two_orders() -> None:
    both = [order("ETHUSDT", 7), order("BTCUSDT", 7)]
    assert latest_versions(both) == both[::-1]


def test_the_latest_update_wins_wherever_it_stands() -> None:
    newest = order(updated=9, raw="newest")
    assert latest_versions([order(updated=6), newest, order(updated=8)]) == [newest]


def test_of_two_versions_of_one_instant_the_later_on_the_page_wins() -> None:
    later = order(raw="later")
    assert latest_versions([order(raw="earlier"), later]) == [later]


def test_without_orders_there_are_no_versions() -> None:
    assert latest_versions(iter(())) == []


drawn_versions = st.lists(st.builds(order, st.sampled_from("AB"), st.integers(1, 3), st.integers(1, 4)), max_size=12)


@given(drawn_versions)
def test_each_order_stays_once_in_its_newest_version_sorted_by_key(some: list[Order]) -> None:
    latest = latest_versions(some)
    assert [one.key for one in latest] == sorted({one.key for one in some})
    assert all(one.update_time == max(v.update_time for v in some if v.key == one.key) for one in latest)


def test_no_field_and_no_column_is_named_twice() -> None:
    assert len({field.wire for field in FIELDS}) == len({field.column for field in FIELDS}) == len(FIELDS) == 21


def of_margin(order_id: int, update_time: int, is_isolated: bool | None) -> Order:
    times = update_time, update_time
    raw = f"{update_time}, {is_isolated}"
    return Order("BNBBTC", order_id, *times, CloseType.UNKNOWN, raw, is_isolated=is_isolated)


def test_of_two_orders_with_one_key_the_one_of_the_other_kind_of_margin_is_set_aside() -> None:
    isolated, later, cross, of_other_key = (
        *(of_margin(1, instant, is_isolated=True) for instant in (5, 6)),
        of_margin(1, 9, is_isolated=False),
        of_margin(2, 9, is_isolated=False),
    )
    rows = [isolated, cross, of_other_key, later]
    assert latest_versions(rows) == [later, of_other_key]
    _, (reject,) = versions(rows)
    assert (reject.raw, reject.is_json) == (cross.raw, True)
    assert reject.reason == "another order of BNBBTC with this orderId is of isolated margin"


def test_a_row_that_does_not_say_its_kind_of_margin_contradicts_none() -> None:
    rows = [of_margin(1, 5, is_isolated=None), of_margin(1, 6, is_isolated=True)]
    assert versions(rows) == ([rows[1]], [])
