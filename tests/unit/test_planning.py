"""What a backfill requests: layout, reach and cost. The nightly job: test_planning_sync."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etl.core.markets.market import FUTURES
from etl.core.paging import WIDEST_WINDOW
from etl.core.planning import OPENED, STRADDLE, Known, Rules, plan_backfill, scopes
from etl.core.retention import MARGIN
from etl.core.timeline import DAY, HOUR, MINUTE, Window, merge, subtract
from etl.core.walking import Target

NOW = 1_790_000_000_123
RULES = Rules(now=NOW, settle_lag=10 * MINUTE, keeps=90 * DAY, widest=WIDEST_WINDOW)


def needs(targets: list[Target]) -> list[Window]:
    return [target.need for target in targets]


def everything() -> list[Target]:
    return plan_backfill(Window(RULES.floor, NOW), None, Known(), RULES)


@pytest.mark.parametrize(
    ("symbols", "expected"),
    [
        ([], [None]),
        (["BTCUSDT"], ["BTCUSDT"]),
        (["BTCUSDT", "ETHUSDT"], ["BTCUSDT", "ETHUSDT"]),
        (["BTCUSDT", "ETHUSDT", "SOLUSDT"], [None]),
        (["BTCUSDT", "ETHUSDT", "BTCUSDT"], ["BTCUSDT", "ETHUSDT"]),
    ],
)
def test_up_to_two_symbols_are_read_by_name_and_more_without(symbols: list[str], expected: list[str | None]) -> None:
    assert scopes(symbols, FUTURES) == expected


def test_ninety_days_are_thirteen_windows_that_make_up_all_that_is_settled() -> None:
    targets = everything()
    assert len(targets) == 13
    assert merge(needs(targets)) == [Window(NOW - 90 * DAY + MARGIN, NOW - 10 * MINUTE)]
    assert sum(need.width for need in needs(targets)) == 90 * DAY - MARGIN - 10 * MINUTE


def test_no_window_is_wider_than_the_widest_and_on_the_wire_all_stay_below_seven_days() -> None:
    for target in everything():
        start, end = target.requested.wire()
        assert target.requested.width <= WIDEST_WINDOW
        assert end - start < 7 * DAY


def test_a_window_as_wide_as_can_be_stays_below_seven_days_on_the_wire() -> None:
    (target,) = plan_backfill(Window(NOW - 10 * DAY, NOW - 10 * DAY + WIDEST_WINDOW), None, Known(), RULES)
    start, end = target.requested.wire()
    assert end - start == 7 * DAY - 1


def test_what_is_proven_is_not_requested() -> None:
    span = Window(NOW - 30 * DAY, NOW - 2 * DAY)
    proven = Window(NOW - 25 * DAY, NOW - 5 * DAY)
    targets = plan_backfill(span, None, Known(proven=[proven]), RULES)
    assert needs(targets) == [Window(span.start, proven.start), Window(proven.end, span.end)]
    assert [target.requested.intersect(proven) for target in targets] == [
        Window(proven.start, proven.start + STRADDLE),
        None,
    ]


def test_where_all_is_proven_nothing_is_requested() -> None:
    span = Window(NOW - 30 * DAY, NOW - 2 * DAY)
    assert plan_backfill(span, None, Known(proven=[span]), RULES) == []


def test_what_was_given_up_is_requested_once_more() -> None:
    span = Window(NOW - 3 * DAY, NOW - 2 * DAY)
    assert needs(plan_backfill(span, None, Known(given_up=[span]), RULES)) == [span]


def test_what_is_not_settled_yet_is_not_needed() -> None:
    assert needs(plan_backfill(Window(NOW - DAY, NOW), None, Known(), RULES)) == [Window(NOW - DAY, RULES.settled)]
    assert plan_backfill(Window(RULES.settled, NOW), None, Known(), RULES) == []


def test_what_will_be_lost_first_is_requested_first_and_below_the_floor_the_newest_first() -> None:
    below = plan_backfill(Window(RULES.floor - 20 * DAY, RULES.floor), None, Known(), RULES)
    starts = [target.need.start for target in below]
    assert len(starts) == 3
    assert starts == sorted(starts, reverse=True)
    both = plan_backfill(Window(RULES.floor - 20 * DAY, NOW), None, Known(), RULES)
    assert both == everything() + below
    assert [need.start for need in needs(everything())] == sorted(need.start for need in needs(everything()))


def test_no_window_lies_across_the_floor() -> None:
    targets = plan_backfill(Window(RULES.floor - 3 * DAY, RULES.floor + 3 * DAY), None, Known(), RULES)
    assert needs(targets) == [Window(RULES.floor, RULES.floor + 3 * DAY), Window(RULES.floor - 3 * DAY, RULES.floor)]


def test_without_a_limit_to_the_retention_the_floor_is_the_opening_of_the_exchange() -> None:
    assert Rules(now=NOW, settle_lag=0, keeps=None, widest=DAY).floor == OPENED


def test_a_retention_longer_than_the_exchange_is_old_reaches_back_to_its_opening() -> None:
    rules = Rules(now=NOW, settle_lag=10 * MINUTE, keeps=36_500 * DAY, widest=WIDEST_WINDOW)
    assert rules.floor == OPENED
    targets = plan_backfill(Window(rules.floor, NOW), None, Known(), rules)
    assert merge(needs(targets)) == [Window(OPENED, rules.settled)]


@pytest.mark.parametrize("keeps", [90 * DAY, 36_500 * DAY, None])
def test_nothing_older_than_the_opening_of_the_exchange_is_requested(keeps: int | None) -> None:
    rules = Rules(now=NOW, settle_lag=10 * MINUTE, keeps=keeps, widest=WIDEST_WINDOW)
    targets = plan_backfill(Window(0, OPENED + 20 * DAY), None, Known(), rules)
    assert merge(needs(targets)) == [Window(OPENED, OPENED + 20 * DAY)]
    assert min(target.requested.start for target in targets) == OPENED
    assert plan_backfill(Window(0, OPENED), None, Known(), rules) == []


def test_the_window_that_ends_at_the_settled_edge_is_read_on_to_now() -> None:
    assert everything()[-1].requested.end == NOW
    assert all(target.requested == target.need for target in everything()[:-1])


def test_an_older_last_window_is_read_a_little_further_for_orders_that_straddle_its_end() -> None:
    span = Window(NOW - 3 * DAY, NOW - 2 * DAY)
    (target,) = plan_backfill(span, None, Known(), RULES)
    assert target == Target(span, Window(span.start, span.end + STRADDLE))


def test_the_read_on_does_not_reach_into_the_future() -> None:
    rules = Rules(now=NOW, settle_lag=0, keeps=None, widest=WIDEST_WINDOW)
    (target,) = plan_backfill(Window(NOW - DAY, NOW - 5), None, Known(), rules)
    assert target.requested.end == NOW


def test_neighbouring_holes_are_requested_at_once_where_one_request_reaches_over_both() -> None:
    start = NOW - 30 * DAY
    proven = [Window(start + HOUR, start + 2 * HOUR), Window(start + 3 * HOUR, start + 4 * HOUR)]
    span = Window(start, start + 5 * HOUR)
    assert needs(plan_backfill(span, None, Known(proven=proven), RULES)) == [span]


def test_holes_too_far_apart_for_one_request_are_requested_each_by_itself() -> None:
    start = NOW - 30 * DAY
    proven = Window(start + HOUR, start + HOUR + WIDEST_WINDOW)
    span = Window(start, proven.end + HOUR)
    assert needs(plan_backfill(span, None, Known(proven=[proven]), RULES)) == [
        Window(start, proven.start),
        Window(proven.end, span.end),
    ]


def test_bundling_starts_again_once_the_request_is_full() -> None:
    holes = [Window(0, 2), Window(4, 6), Window(8, 10), Window(11, 13)]
    proven = subtract([Window(0, 13)], holes)
    rules = Rules(now=OPENED + 1_000, settle_lag=0, keeps=None, widest=10)
    shifted = [Window(OPENED + window.start, OPENED + window.end) for window in proven]
    targets = plan_backfill(Window(OPENED, OPENED + 13), None, Known(proven=shifted), rules)
    assert needs(targets) == [Window(OPENED, OPENED + 10), Window(OPENED + 11, OPENED + 13)]


small_windows = st.builds(lambda start, width: Window(start, start + width), st.integers(0, 80), st.integers(1, 60))


@given(small_windows, st.lists(small_windows, max_size=5), st.integers(0, 30), st.integers(1, 80), st.integers(0, 9))
def test_every_backfill_needs_all_that_is_unproven_and_settled_within_windows_that_can_be_requested(
    span: Window, known: list[Window], settle_lag: int, keeps: int, later: int
) -> None:
    base = OPENED + MARGIN
    now = base + 100 + later
    proven = merge(Window(base + one.start, base + one.end) for one in known)
    asked = Window(base + span.start, base + span.end)
    rules = Rules(now=now, settle_lag=settle_lag, keeps=MARGIN + keeps, widest=10)
    targets = plan_backfill(asked, "BTCUSDT", Known(proven=proven), rules)
    assert subtract(subtract([asked], proven), [Window(rules.settled, 1 << 50), *needs(targets)]) == []
    assert subtract(needs(targets), [asked]) == []
    assert all(need.end <= rules.settled for need in needs(targets))
    assert sum(need.width for need in needs(targets)) == sum(window.width for window in merge(needs(targets)))
    for target in targets:
        assert target.need.start == target.requested.start
        assert target.need.end <= target.requested.end <= now
        assert target.requested.width <= rules.widest
        assert target.symbol == "BTCUSDT"
