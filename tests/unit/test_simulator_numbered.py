"""Numbered pages of margin orders: what they show, and how they shift while they are read."""

from dataclasses import replace
from typing import Any

import pytest

from etl.simulator.accounts import MAIN
from etl.simulator.scenario import DAY_MS
from tests.unit.desk import START, Desk

SAPI, PAPI = "/sapi/v1/margin/forceLiquidationRec", "/papi/v1/margin/forceOrders"
HOLDER = replace(MAIN, wallets=("margin",))
FIRST = START - DAY_MS
WINDOW: dict[str, Any] = {"startTime": FIRST, "endTime": START}


def order(number: int, isolated: bool = False, symbol: str = "BTCUSDT") -> dict[str, Any]:
    return {"orderId": number, "qty": "1", "symbol": symbol, "isIsolated": isolated, "updatedTime": FIRST + number}


def desk_of(*rows: dict[str, Any], **switches: Any) -> Desk:
    desk = Desk(accounts=(HOLDER,), **switches)
    desk.sim("orders", list(rows), market="margin")
    return desk


def ids(document: Any) -> list[int]:
    return [one["orderId"] for one in document["rows"]]


TWELVE = [order(number) for number in range(1, 13)]


def test_ten_rows_a_page_newest_first_and_the_total_of_all() -> None:
    desk = desk_of(*TWELVE)
    first, second, third = (desk.read(SAPI, current=number, **WINDOW) for number in (1, 2, 3))
    assert (ids(first), ids(second), ids(third)) == ([*range(12, 2, -1)], [2, 1], [])
    assert [page["total"] for page in (first, second, third)] == [12, 12, 12]
    assert desk.read(SAPI, **WINDOW) == first
    assert first["rows"][0] == order(12)


def test_rows_can_come_oldest_first() -> None:
    assert ids(desk_of(*TWELVE, numbered_order="ascending").read(SAPI, current=2, **WINDOW)) == [11, 12]


def test_the_window_counts_the_instant_of_the_last_change() -> None:
    desk = desk_of(*TWELVE)
    assert ids(desk.read(SAPI, startTime=FIRST + 3, endTime=FIRST + 5)) == [5, 4, 3]


def test_a_page_holds_at_most_a_hundred() -> None:
    desk = desk_of(*(order(number) for number in range(1, 151)))
    assert len(desk.read(SAPI, size=500, **WINDOW)["rows"]) == 100
    desk.sim("scenario", {"limit_above_max": "refused"})
    assert desk.refused(SAPI, size=500) == (400, -1130)
    desk.sim("scenario", {"page_limit_cap": 7})
    assert len(desk.read(SAPI, size=100, **WINDOW)["rows"]) == 7


def test_isolated_pairs_are_asked_for_by_name() -> None:
    desk = desk_of(order(1), order(2, isolated=True), order(1, isolated=True), order(3, True, "BNBBTC"))
    assert ids(desk.read(SAPI, **WINDOW)) == [1]
    assert ids(desk.read(SAPI, isolatedSymbol="BTCUSDT", **WINDOW)) == [2, 1]
    desk.sim("scenario", {"isolated_in_cross": True})
    assert ids(desk.read(SAPI, **WINDOW)) == [3, 2, 1, 1]


def test_a_new_isolated_pair_is_listed() -> None:
    desk = desk_of(order(1, True, "NEWUSDT"))
    assert "NEWUSDT" in {one["symbol"] for one in desk.read("/sapi/v1/margin/isolated/allPairs")}
    assert desk.refused(SAPI, isolatedSymbol="OTHERUSDT") == (400, -1121)


@pytest.mark.parametrize(
    ("params", "code"),
    [
        ({"current": 0}, -1130),
        ({"size": 0}, -1130),
        ({"current": "one"}, -1100),
        ({"limit": 10}, -1104),
        ({"symbol": "BTCUSDT"}, -1104),
        ({"startTime": START, "endTime": START - 1}, -4188),
    ],
)
def test_what_cannot_be_answered_has_its_code(params: dict[str, Any], code: int) -> None:
    assert desk_of().refused(SAPI, **params) == (400, code)


def test_papi_has_no_filter() -> None:
    desk = Desk(accounts=(replace(HOLDER, portfolio_margin_from_ms=0),))
    assert desk.refused(PAPI, isolatedSymbol="BTCUSDT") == (400, -1104)
    desk.sim("orders", TWELVE, market="pm-margin")
    assert ids(desk.read(PAPI, current=2, **WINDOW)) == [2, 1]


def test_a_row_that_arrives_between_two_pages_shifts_the_second() -> None:
    desk = desk_of(*TWELVE, late_rows=1)
    first, second = (desk.read(SAPI, current=number, size=5, **WINDOW) for number in (1, 2))
    assert (ids(first), first["total"]) == ([11, 10, 9, 8, 7], 11)
    assert (ids(second), second["total"]) == ([7, 6, 5, 4, 3], 12)
    assert desk.sim("history", market="margin") == TWELVE


def test_all_late_rows_are_there_when_the_last_page_is_read() -> None:
    desk = desk_of(*TWELVE, late_rows=50)
    totals = [desk.read(SAPI, current=number, size=5, **WINDOW)["total"] for number in (1, 2, 3)]
    assert totals == [10, 11, 12]


def test_what_has_arrived_stays_however_it_is_asked_for() -> None:
    desk = desk_of(*TWELVE, late_rows=2)
    for number in (1, 2, 3):
        desk.read(SAPI, current=number, size=5, **WINDOW)
    assert ids(desk.read(SAPI, size=5, **WINDOW)) == [12, 11, 10, 9, 8]
    assert ids(desk.read(SAPI, size=5, startTime=FIRST + 7, endTime=START)) == [12, 11, 10, 9, 8]


def test_nothing_is_late_where_one_page_suffices() -> None:
    assert desk_of(*TWELVE, late_rows=3).read(SAPI, size=100, **WINDOW)["total"] == 12


def test_strays_and_duplicates_fall_into_numbered_pages_too() -> None:
    outside = order(99) | {"updatedTime": FIRST - DAY_MS}
    desk = desk_of(*TWELVE, outside, strays=1, duplicates=2)
    page = desk.read(SAPI, size=100, **WINDOW)
    assert (page["total"], len(page["rows"]), len({*ids(page)})) == (12, 15, 13)
