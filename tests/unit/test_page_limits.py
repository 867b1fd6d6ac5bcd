"""Which pages are whole, by the pages of their kind around them."""

import pytest

from etl.core.orders import CloseType, Order
from etl.core.page_limits import Doubt, PageLimits
from etl.core.paging import Page, PageRequest
from etl.core.timeline import DAY, Window

WINDOW = Window(10 * DAY, 11 * DAY)
PLAIN = PageRequest(WINDOW, 100)
BY_SYMBOL = PageRequest(WINDOW, 100, "BTCUSDT")
BY_CLOSE_TYPE = PageRequest(WINDOW, 100, "BTCUSDT", CloseType.ADL)
ROW = "x" * 350


def page(rows: int, *, row: str = ROW, strays: int = 0) -> Page:
    at = [WINDOW.start] * (rows - strays) + [0] * strays
    orders = tuple(Order("BTCUSDT", number, t, t, CloseType.ADL, row) for number, t in enumerate(at))
    return Page(orders, (), WINDOW.end, 2 + sum(1 + len(order.raw) for order in orders))


def note(limits: PageLimits, rows: int, request: PageRequest = PLAIN) -> Doubt | None:
    return limits.note(request, page(rows))


def is_whole(doubt: Doubt | None) -> bool:
    return doubt is None or doubt.is_over


@pytest.mark.parametrize("rows", [0, 1, 19])
def test_a_page_of_less_than_a_fifth_of_the_limit_is_whole(rows: int) -> None:
    assert note(PageLimits(100), rows) is None


@pytest.mark.parametrize("rows", [20, 49, 50, 60, 99, 100])
def test_a_larger_page_is_in_doubt_while_nothing_is_known(rows: int) -> None:
    doubt = note(PageLimits(100), rows)
    assert doubt is not None
    assert not doubt.is_over
    assert not doubt.has_earlier, "no later page can end the doubt"


@pytest.mark.parametrize("rows", [20, 49, 60, 97])
def test_a_full_page_before_and_one_after_end_the_doubt(rows: int) -> None:
    limits = PageLimits(100)
    note(limits, 100)
    doubt = note(limits, rows)
    assert doubt is not None
    assert not doubt.is_over, "the limit may have fallen since"
    note(limits, 100)
    assert doubt.is_over


def test_a_full_page_after_it_alone_does_not_since_the_limit_may_have_risen() -> None:
    limits = PageLimits(100)
    doubt = note(limits, 60)
    note(limits, 100)
    assert not is_whole(doubt)


@pytest.mark.parametrize(
    ("rows", "longer", "whole"), [(30, 33, True), (30, 31, False), (30, 30, False), (60, 80, False)]
)
def test_below_half_of_the_limit_a_longer_page_with_room_for_two_more_rows_is_enough(
    rows: int, longer: int, whole: bool
) -> None:
    limits = PageLimits(100)
    note(limits, longer)
    doubt = note(limits, rows)
    note(limits, longer)
    assert is_whole(doubt) is whole


def test_a_page_of_exactly_the_documented_default_is_always_in_doubt() -> None:
    limits = PageLimits(100)
    note(limits, 100)
    doubt = note(limits, 50)
    note(limits, 100)
    assert not is_whole(doubt)


def test_where_the_default_is_the_limit_it_is_a_full_page_and_nothing_else() -> None:
    assert note(PageLimits(50), 9) is None
    assert not is_whole(note(PageLimits(50), 50))


@pytest.mark.parametrize("other", [BY_SYMBOL, BY_CLOSE_TYPE])
def test_from_half_of_the_limit_on_pages_of_another_kind_say_nothing(other: PageRequest) -> None:
    limits = PageLimits(100)
    note(limits, 100, other)
    doubt = note(limits, 60)
    note(limits, 100, other)
    assert not is_whole(doubt)


@pytest.mark.parametrize("other", [BY_SYMBOL, BY_CLOSE_TYPE])
def test_below_half_of_the_limit_pages_of_any_kind_count(other: PageRequest) -> None:
    limits = PageLimits(100)
    note(limits, 60, other)
    doubt = note(limits, 40)
    note(limits, 60, other)
    assert is_whole(doubt)


def test_a_full_page_of_fewer_bytes_says_nothing_about_a_page_that_may_be_cut_by_bytes() -> None:
    limits = PageLimits(100)
    light = page(100, row="x" * 100)
    limits.note(PLAIN, light)
    doubt = limits.note(PLAIN, page(84))
    limits.note(PLAIN, light)
    assert not is_whole(doubt)


def test_rows_that_were_not_requested_do_not_make_a_page_longer() -> None:
    limits = PageLimits(100)
    for rows in (page(100, strays=1), page(60), page(100, strays=1)):
        doubt = limits.note(PLAIN, rows)
        assert not is_whole(doubt)


def test_a_request_whose_page_was_longer_settles_a_doubt_and_there_may_be_none() -> None:
    limits = PageLimits(100)
    longer = PageRequest(Window(0, 11 * DAY), 100)
    limits.note(longer, page(100))
    doubt = note(limits, 60)
    assert doubt is not None
    assert limits.request_to_settle(doubt) == longer
    of_symbol = note(limits, 60, BY_SYMBOL)
    assert of_symbol is not None
    assert limits.request_to_settle(of_symbol) is None


def test_under_the_smallest_limit_an_empty_page_is_whole() -> None:
    assert note(PageLimits(1), 0) is None
    assert not is_whole(note(PageLimits(1), 1))


@pytest.mark.parametrize("rows", [99, 101])
def test_a_page_of_a_default_below_a_fifth_of_the_limit_or_more_is_in_doubt(rows: int) -> None:
    doubt = note(PageLimits(1_000, 100), rows, PageRequest(WINDOW, 1_000))
    assert (doubt is None) is (rows < 100)


def test_a_page_of_just_a_small_default_is_never_whole_since_a_server_may_ignore_the_limit() -> None:
    limits, request = PageLimits(1_000, 100), PageRequest(WINDOW, 1_000)
    note(limits, 1_000, request)
    doubts = {rows: note(limits, rows, request) for rows in (99, 100, 101)}
    note(limits, 1_000, request)
    assert {rows: is_whole(doubt) for rows, doubt in doubts.items()} == {99: True, 100: False, 101: True}
    assert not any(limits.may_be_lone(doubt) for doubt in [doubts[100]] if doubt)


@pytest.mark.parametrize("rows", [50, 100, 500])
def test_a_page_of_the_length_of_another_endpoint_s_limit_is_never_whole(rows: int) -> None:
    limits, request = PageLimits(1_000, 100), PageRequest(WINDOW, 1_000)
    note(limits, 1_000, request)
    doubts = {count: note(limits, count, request) for count in (rows - 1, rows, rows + 1)}
    note(limits, 1_000, request)
    assert {count: is_whole(doubt) for count, doubt in doubts.items()} == {rows - 1: True, rows: False, rows + 1: True}
