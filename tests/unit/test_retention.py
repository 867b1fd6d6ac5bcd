"""What pages and refusals say about how far back the exchange keeps orders."""

import pytest

from etl.core.retention import DOCUMENTED, FINEST, MARGIN, Retention
from etl.core.timeline import DAY, HOUR, Window

NOW = 1_000 * DAY
KEEPS = 90 * DAY
FLOOR = NOW - KEEPS


def test_a_page_within_the_retention_proves_its_window() -> None:
    window = Window(FLOOR, FLOOR + DAY)
    assert Retention(KEEPS, NOW).judge(window) == ([window], [])


def test_a_page_older_than_the_retention_proves_nothing() -> None:
    window = Window(FLOOR - 2 * DAY, FLOOR - DAY)
    assert Retention(KEEPS, NOW).judge(window) == ([], [window])


def test_a_page_across_the_floor_proves_the_newer_part_only() -> None:
    proven, beyond = Retention(KEEPS, NOW).judge(Window(FLOOR - DAY, FLOOR + DAY))
    assert proven == [Window(FLOOR, FLOOR + DAY)]
    assert beyond == [Window(FLOOR - DAY, FLOOR)]


def test_the_floor_moves_on_with_the_exchanges_clock_and_never_back() -> None:
    retention = Retention(KEEPS, NOW)
    retention.passed(NOW + HOUR)
    retention.passed(NOW - HOUR)
    assert retention.judge(Window(FLOOR, FLOOR + DAY)) == (
        [Window(FLOOR + HOUR, FLOOR + DAY)],
        [Window(FLOOR, FLOOR + HOUR)],
    )


def test_without_a_limit_every_page_proves_its_window() -> None:
    assert Retention(None, NOW).judge(Window(0, DAY)) == ([Window(0, DAY)], [])


@pytest.mark.parametrize("keeps", [KEEPS, 30 * DAY, 200 * DAY, None])
def test_a_refusal_of_what_the_exchange_promises_to_keep_is_doubtful_whatever_is_configured(keeps: int | None) -> None:
    edge = NOW - DOCUMENTED + MARGIN
    retention = Retention(keeps, NOW)
    assert retention.is_doubtful(Window(edge, NOW))
    assert not retention.is_doubtful(Window(edge - 1, NOW))


def test_a_refusal_covers_every_window_that_begins_no_later() -> None:
    retention = Retention(KEEPS, NOW)
    refused = Window(FLOOR - DAY, FLOOR)
    assert not retention.is_refused(refused)
    retention.narrow_down(refused)
    retention.narrow_down(Window(FLOOR - 9 * DAY, FLOOR))
    starts = (refused.start, 0, refused.start + 1)
    assert [retention.is_refused(Window(start, NOW)) for start in starts] == [True, True, False]


def test_a_refused_window_across_the_floor_is_narrowed_to_what_is_kept() -> None:
    window = Window(FLOOR - DAY, FLOOR + DAY)
    given_up, still_to_request = Retention(KEEPS, NOW).narrow_down(window)
    assert given_up == [Window(FLOOR - DAY, FLOOR + MARGIN)]
    assert still_to_request == [Window(FLOOR + MARGIN, FLOOR + DAY)]


def test_a_refused_window_below_the_floor_is_given_up_whole() -> None:
    window = Window(FLOOR - 2 * DAY, FLOOR - DAY)
    assert Retention(KEEPS, NOW).narrow_down(window) == ([window], [])


@pytest.mark.parametrize("keeps", [200 * DAY, None])
def test_where_less_is_kept_than_configured_the_edge_is_searched_newer_half_first(keeps: int | None) -> None:
    window = Window(FLOOR - 3 * DAY, FLOOR - DAY)
    given_up, still_to_request = Retention(keeps, NOW).narrow_down(window)
    assert given_up == []
    assert still_to_request == [Window(FLOOR - 2 * DAY, FLOOR - DAY), Window(FLOOR - 3 * DAY, FLOOR - 2 * DAY)]


def test_what_ends_where_a_refusal_began_is_given_up_without_a_request() -> None:
    retention = Retention(None, NOW)
    retention.narrow_down(Window(FLOOR - 2 * DAY, FLOOR - DAY))
    older = Window(FLOOR - 3 * DAY, FLOOR - 2 * DAY)
    assert retention.narrow_down(older) == ([older], [])


def test_the_search_for_the_edge_ends_at_an_hour() -> None:
    narrow = Window(FLOOR - DAY, FLOOR - DAY + FINEST)
    assert Retention(None, NOW).narrow_down(narrow) == ([narrow], [])
