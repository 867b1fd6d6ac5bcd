"""From a query to its page, under every reading of the documentation."""

import json
from typing import Any

import pytest

from etl.simulator.book import Book
from etl.simulator.orders import Order, order_from_row, unreadable_order
from etl.simulator.page import Query, page
from etl.simulator.scenario import DAY_MS, Scenario

NOW = 1_000 * DAY_MS


def order(time: int, symbol: str = "BTCUSDT", order_id: int | None = None, **more: Any) -> Order:
    row = {"symbol": symbol, "orderId": order_id or time % 1_000_000 + 1, "clientOrderId": "autoclose-1", "time": time}
    return order_from_row(row | {"updateTime": time} | more)


def shown(orders: list[Order], query: Query, now_ms: int = NOW, **switches: Any) -> list[int]:
    """The times of the rows of a page, as offsets from NOW - 1 day."""
    return [one.time - BASE for one in page(Book(orders), query, Scenario(**switches), now_ms)]


BASE = NOW - DAY_MS
TEN = [order(BASE + number) for number in range(10)]
ALL = Query(BASE, BASE + 9, limit=100)


def test_the_oldest_survive_by_default_and_come_first() -> None:
    assert shown(TEN, Query(BASE, BASE + 9, limit=3)) == [0, 1, 2]


def test_the_newest_can_survive_and_still_come_oldest_first() -> None:
    assert shown(TEN, Query(BASE, BASE + 9, limit=3), kept="newest") == [7, 8, 9]


def test_rows_can_be_gathered_symbol_by_symbol_before_the_cut() -> None:
    rows = [
        order(BASE, "ZRXUSDT"),
        order(BASE + 1, "AAVEUSDT"),
        order(BASE + 2, "ADAUSDT"),
        order(BASE + 3, "AAVEUSDT"),
    ]
    kept = page(Book(rows), Query(BASE, NOW, limit=3), Scenario(kept="by_symbol"), NOW)
    assert [(one.symbol, one.time - BASE) for one in kept] == [("AAVEUSDT", 1), ("ADAUSDT", 2), ("AAVEUSDT", 3)]


def test_random_survivors_are_the_same_for_the_same_query() -> None:
    query = Query(BASE, BASE + 9, limit=4)
    once = shown(TEN, query, kept="random")
    assert once == shown(TEN, query, kept="random") == sorted(once)
    assert len(set(once)) == 4
    assert any(shown(TEN, query, kept="random", seed=seed) != once for seed in range(2, 6))


def test_a_page_that_fits_is_whole_whatever_is_kept() -> None:
    for kept in ("oldest", "newest", "by_symbol", "random"):
        assert shown(TEN, ALL, kept=kept) == list(range(10))


def test_rows_can_come_newest_first() -> None:
    assert shown(TEN, Query(BASE, BASE + 9, limit=3), order="descending") == [2, 1, 0]


def test_rows_can_come_shuffled_always_in_the_same_way() -> None:
    once = shown(TEN, ALL, order="shuffled")
    assert sorted(once) == list(range(10)) != once
    assert once == shown(TEN, ALL, order="shuffled")


@pytest.mark.parametrize(
    ("start_inclusive", "end_inclusive", "expected"),
    [(True, True, [3, 4, 5]), (False, True, [4, 5]), (True, False, [3, 4]), (False, False, [4])],
)
def test_either_end_can_be_exclusive(start_inclusive: bool, end_inclusive: bool, expected: list[int]) -> None:
    query = Query(BASE + 3, BASE + 5, limit=100)
    assert shown(TEN, query, start_inclusive=start_inclusive, end_inclusive=end_inclusive) == expected


def test_the_ends_can_filter_and_sort_by_update_time() -> None:
    rows = [order(BASE + 10, updateTime=BASE + 60), order(BASE + 20, updateTime=BASE + 20)]
    query = Query(BASE + 15, BASE + 65, limit=100)
    assert shown(rows, query) == [20]
    assert shown(rows, query, filter_field="updateTime") == [20, 10]


def test_symbol_and_close_type_select_and_a_settlement_is_neither() -> None:
    rows = [
        order(BASE, clientOrderId="autoclose-15"),
        order(BASE + 1, clientOrderId="adl_autoclose"),
        order(BASE + 2, clientOrderId="settlement_autoclose-15"),
        order(BASE + 3, "ETHUSDT", clientOrderId="adl_autoclose"),
    ]
    assert shown(rows, Query(BASE, NOW, 100)) == [0, 1, 2, 3]
    assert shown(rows, Query(BASE, NOW, 100, close_type="LIQUIDATION")) == [0]
    assert shown(rows, Query(BASE, NOW, 100, close_type="ADL")) == [1, 3]
    assert shown(rows, Query(BASE, NOW, 100, "ETHUSDT", "ADL")) == [3]
    assert shown(rows, Query(BASE, NOW, 100, "ETHUSDT", "LIQUIDATION")) == []


def test_a_cap_shortens_pages_silently() -> None:
    assert shown(TEN, ALL, page_limit_cap=4) == [0, 1, 2, 3]


def test_duplicates_come_after_the_cut() -> None:
    rows = shown(TEN, Query(BASE, BASE + 9, limit=5), duplicates=2)
    assert len(rows) == 7
    assert set(rows) == {0, 1, 2, 3, 4}


def test_strays_are_rows_that_were_not_asked_for() -> None:
    rows = shown(TEN, Query(BASE, BASE + 4, limit=5), strays=3)
    assert len(rows) == 8
    assert set(rows) > {0, 1, 2, 3, 4}
    assert len(set(rows) - {0, 1, 2, 3, 4}) == 3


def test_what_is_beyond_the_retention_is_not_shown() -> None:
    rows = [order(NOW - 91 * DAY_MS), order(NOW - 89 * DAY_MS)]
    query = Query(NOW - 92 * DAY_MS, NOW - 88 * DAY_MS, limit=100)
    assert shown(rows, query) == [NOW - 89 * DAY_MS - BASE]
    assert len(shown(rows, query, retention_days=0)) == 2


def test_an_order_of_the_future_is_not_shown() -> None:
    assert shown(TEN, ALL, now_ms=BASE + 4) == [0, 1, 2, 3, 4]


def test_an_order_can_be_read_only_after_its_delay() -> None:
    assert shown(TEN, ALL, now_ms=BASE + 104, visibility_delay_ms=100) == [0, 1, 2, 3, 4]


def test_an_order_does_not_show_before_its_last_update() -> None:
    rows = [order(BASE, updateTime=BASE + 50), order(BASE + 1)]
    assert shown(rows, ALL, now_ms=BASE + 49) == [1]
    assert shown(rows, ALL, now_ms=BASE + 50) == [0, 1]


def test_a_later_version_replaces_the_row_and_other_symbols_keep_the_same_id() -> None:
    book = Book([order(BASE, order_id=7, status="NEW"), order(BASE, "ETHUSDT", order_id=7)])
    book.add([order(BASE, order_id=7, status="FILLED")])
    rows = [json.loads(one.rendered) for one in book.readable(NOW)]
    assert [(row["symbol"], row.get("status")) for row in rows] == [("BTCUSDT", "FILLED"), ("ETHUSDT", None)]


def test_unreadable_rows_match_by_their_place_and_travel_as_they_are() -> None:
    book = Book([*TEN, unreadable_order("no order", BASE + 2), unreadable_order({"orderId": None}, BASE + 3)])
    rows = [one.rendered for one in page(book, Query(BASE + 2, BASE + 3, 100), Scenario(), NOW)]
    assert b'"no order"' in rows
    assert b'{"orderId":null}' in rows
    assert len(rows) == 4
