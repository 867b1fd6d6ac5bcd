"""Which orders a run sees for the first time, where several of its walks show them."""

from collections.abc import Iterable

import pytest

from etl.core.orders import CloseType, Key, Order
from etl.core.sightings import Sightings
from etl.core.timeline import Window, overlaps
from etl.core.walking import Target


def order(order_id: int, at: int, updated: int | None = None, symbol: str = "BTCUSDT") -> Order:
    return Order(symbol, order_id, at, at if updated is None else updated, CloseType.ADL, "{}")


def target(start: int, end: int, symbol: str | None = None) -> Target:
    return Target(Window(start, end), Window(start, end), symbol)


EARLY, LATE = target(100, 200), target(200, 300)


def keys(*orders: Order) -> frozenset[Key]:
    return frozenset(one.key for one in orders)


def seen_first(sightings: Sightings, walks: Iterable[Target], *orders: Order) -> list[frozenset[Key]]:
    """What each walk in turn sees first, all being shown the same orders."""
    return [sightings.first(one, orders) for one in walks]


@pytest.mark.parametrize("at", [199, 200])
def test_an_order_that_two_neighbours_show_is_seen_first_by_one_of_them(at: int) -> None:
    shared = order(1, at)
    assert seen_first(Sightings([EARLY, LATE]), [LATE, EARLY], shared) == [keys(shared), keys()]


@pytest.mark.parametrize(("at", "updated"), [(190, 210), (210, 190)])
def test_an_order_between_whose_times_a_window_ends_is_seen_first_once(at: int, updated: int) -> None:
    across = order(1, at, updated)
    assert seen_first(Sightings([EARLY, LATE]), [EARLY, LATE], across) == [keys(across), keys()]


def test_an_order_that_was_not_requested_is_left_to_the_walk_that_requests_it() -> None:
    stray = order(1, 250)
    assert seen_first(Sightings([EARLY, LATE]), [EARLY, LATE, EARLY], stray) == [keys(), keys(stray), keys()]


def test_of_overlapping_windows_each_order_is_seen_first_once() -> None:
    whole = target(100, 300)
    orders = [order(number, at) for number, at in enumerate((100, 150, 199, 200, 250, 299))]
    seen = seen_first(Sightings([whole, EARLY]), [EARLY, whole], *orders)
    assert seen == [keys(*orders[:4]), keys(*orders[4:])]


def test_walks_of_two_symbols_share_nothing_and_each_shares_with_the_walk_of_all() -> None:
    named, other = target(100, 200, "BTCUSDT"), target(100, 200, "ETHUSDT")
    mine, its = order(1, 150), order(1, 150, symbol="ETHUSDT")
    two = Sightings([named, other])
    assert seen_first(two, [named, other], mine, its) == [keys(mine), keys(its)]
    assert two.remembers == 0
    assert seen_first(Sightings([named, EARLY]), [named, EARLY], mine, its) == [keys(mine), keys(its)]


def test_only_what_several_walks_may_show_is_remembered() -> None:
    sightings = Sightings([EARLY, LATE])
    sightings.first(EARLY, [order(at, at) for at in range(100, 200)])
    sightings.first(LATE, [order(at, at) for at in range(200, 300)])
    assert sightings.remembers == 2, "of the two milliseconds on either side of the instant where one ends"


@pytest.mark.parametrize(
    ("windows", "doubled"),
    [
        ([], []),
        ([(0, 10)], []),
        ([(0, 10), (10, 20)], []),
        ([(8, 20), (0, 10)], [(8, 10)]),
        ([(0, 30), (5, 10), (8, 12), (20, 40)], [(5, 12), (20, 30)]),
        ([(0, 10), (0, 10)], [(0, 10)]),
    ],
)
def test_overlaps_are_what_lies_in_two_windows(windows: list[tuple[int, int]], doubled: list[tuple[int, int]]) -> None:
    assert overlaps(Window(*one) for one in windows) == [Window(*one) for one in doubled]
