"""What short pages and refusals say about how far back the exchange keeps orders."""

import pytest

from etl.core.retention import FINEST, MARGIN, Retention
from etl.core.timeline import DAY, HOUR, Window

NOW = 1_000 * DAY
KEEPS = 90 * DAY
FLOOR = NOW - KEEPS


def test_a_short_page_within_the_retention_proves_its_window() -> None:
    window = Window(FLOOR, FLOOR + DAY)
    assert Retention(KEEPS, NOW).judge(window, None, NOW) == ([window], [])


def test_an_empty_page_older_than_the_retention_is_unknown_and_not_none() -> None:
    window = Window(FLOOR - 2 * DAY, FLOOR - DAY)
    assert Retention(KEEPS, NOW).judge(window, None, NOW) == ([], [window])


def test_an_empty_page_across_the_floor_proves_the_newer_part_only() -> None:
    proven, beyond = Retention(KEEPS, NOW).judge(Window(FLOOR - DAY, FLOOR + DAY), None, NOW)
    assert proven == [Window(FLOOR, FLOOR + DAY)]
    assert beyond == [Window(FLOOR - DAY, FLOOR)]


def test_a_row_shows_that_everything_since_is_kept() -> None:
    window = Window(FLOOR - 3 * DAY, FLOOR - DAY)
    proven, beyond = Retention(KEEPS, NOW).judge(window, FLOOR - 2 * DAY, NOW)
    assert proven == [Window(FLOOR - 2 * DAY, FLOOR - DAY)]
    assert beyond == [Window(FLOOR - 3 * DAY, FLOOR - 2 * DAY)]


def test_a_later_and_older_row_settles_earlier_doubts() -> None:
    retention = Retention(KEEPS, NOW)
    doubted, older = Window(FLOOR - 2 * DAY, FLOOR - DAY), Window(FLOOR - 4 * DAY, FLOOR - 3 * DAY)
    assert retention.judge(doubted, None, NOW) == ([], [doubted])
    proven, beyond = retention.judge(older, older.start, NOW)
    assert (proven, beyond) == ([older, doubted], [])
    assert retention.judge(older, older.start, NOW) == ([older], [])


def test_the_floor_moves_on_with_the_clock_of_the_answers() -> None:
    retention = Retention(KEEPS, NOW)
    window = Window(FLOOR, FLOOR + DAY)
    assert retention.judge(window, None, NOW + HOUR) == (
        [Window(FLOOR + HOUR, FLOOR + DAY)],
        [Window(FLOOR, FLOOR + HOUR)],
    )
    assert retention.floor == FLOOR + HOUR


def test_an_answer_that_came_out_of_turn_does_not_turn_the_clock_back() -> None:
    retention = Retention(KEEPS, NOW)
    retention.judge(Window(NOW - DAY, NOW), None, NOW - HOUR)
    assert retention.floor == FLOOR


def test_without_a_limit_every_short_page_proves_its_window() -> None:
    retention = Retention(None, NOW)
    assert retention.floor is None
    assert retention.judge(Window(0, DAY), None, NOW) == ([Window(0, DAY)], [])


def test_a_refusal_answers_for_every_window_that_begins_no_later() -> None:
    retention = Retention(KEEPS, NOW)
    refused = Window(FLOOR - DAY, FLOOR)
    assert not retention.is_refused(refused)
    retention.refuse(refused)
    retention.refuse(Window(FLOOR - 9 * DAY, FLOOR))
    assert [retention.is_refused(Window(start, NOW)) for start in (refused.start, 0, refused.start + 1)] == [
        True,
        True,
        False,
    ]


def test_a_refused_window_across_the_floor_is_narrowed_to_what_is_kept() -> None:
    window = Window(FLOOR - DAY, FLOOR + DAY)
    given_up, worth_asking = Retention(KEEPS, NOW).narrow_down(window)
    assert given_up == [Window(FLOOR - DAY, FLOOR + MARGIN)]
    assert worth_asking == [Window(FLOOR + MARGIN, FLOOR + DAY)]


def test_a_refused_window_below_the_floor_is_given_up_whole() -> None:
    window = Window(FLOOR - 2 * DAY, FLOOR - DAY)
    assert Retention(KEEPS, NOW).narrow_down(window) == ([window], [])


@pytest.mark.parametrize("keeps", [KEEPS, None])
def test_where_less_is_kept_than_configured_the_edge_is_searched_newer_half_first(keeps: int | None) -> None:
    window = Window(FLOOR + DAY, FLOOR + 3 * DAY)
    given_up, worth_asking = Retention(keeps, NOW).narrow_down(window)
    assert given_up == []
    assert worth_asking == [Window(FLOOR + 2 * DAY, FLOOR + 3 * DAY), Window(FLOOR + DAY, FLOOR + 2 * DAY)]


def test_what_ends_where_a_refusal_began_is_given_up_without_a_question() -> None:
    retention = Retention(KEEPS, NOW)
    retention.refuse(Window(FLOOR + 2 * DAY, FLOOR + 3 * DAY))
    older = Window(FLOOR + DAY, FLOOR + 2 * DAY)
    assert retention.narrow_down(older) == ([older], [])


def test_the_search_for_the_edge_ends_at_an_hour() -> None:
    narrow = Window(FLOOR + DAY, FLOOR + DAY + FINEST)
    assert Retention(KEEPS, NOW).narrow_down(narrow) == ([narrow], [])
