"""What a nightly run requests: from each watermark to now, what is read again, what is retried."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etl.core.paging import WIDEST_WINDOW
from etl.core.planning import OPENED, Known, Rules, plan_backfill, plan_nightly, plan_sync
from etl.core.timeline import DAY, HOUR, MINUTE, Window, merge, subtract
from etl.core.walking import Target

NOW = 1_790_000_000_123
RULES = Rules(now=NOW, settle_lag=10 * MINUTE, keeps=90 * DAY, widest=WIDEST_WINDOW)
SETTLED = RULES.settled
MONTH = Window(NOW - 30 * DAY, NOW - DAY)
"""What was proven until last night."""


def needs(targets: list[Target]) -> list[Window]:
    return [target.need for target in targets]


def test_a_nightly_run_reads_the_week_before_its_watermark_again_and_then_what_is_new() -> None:
    again = Window(MONTH.end - RULES.reread, MONTH.end - RULES.reread + WIDEST_WINDOW)
    assert plan_sync(None, Known(proven=[MONTH]), RULES) == [
        Target(need=again, requested=again, proven=(again,)),
        Target(Window(again.end, SETTLED), Window(again.end, NOW), proven=(Window(again.end, MONTH.end),)),
    ]


@pytest.mark.parametrize(("days", "requests"), [(0, 1), (6, 1), (7, 2), (30, 5)])
def test_how_far_it_reads_again_is_a_setting(days: int, requests: int) -> None:
    targets = plan_sync(None, Known(proven=[Window(NOW - 60 * DAY, NOW - DAY)]), replace(RULES, reread=days * DAY))
    assert merge(needs(targets)) == [Window(NOW - DAY - days * DAY, SETTLED)]
    assert len(targets) == requests


def test_what_was_never_requested_is_not_read_again() -> None:
    young = Window(NOW - 2 * DAY, NOW - DAY)
    (target,) = plan_sync(None, Known(proven=[young]), RULES)
    assert target.requested == Window(young.start, NOW)


def test_a_job_that_slept_for_weeks_reads_all_of_them_and_the_week_before() -> None:
    slept = Window(NOW - 80 * DAY, NOW - 20 * DAY)
    targets = plan_sync(None, Known(proven=[slept]), RULES)
    assert len(targets) == 4
    assert merge(needs(targets)) == [Window(slept.end - RULES.reread, SETTLED)]


def test_a_job_that_slept_beyond_the_retention_does_not_read_again_what_is_gone() -> None:
    slept = Window(NOW - 300 * DAY, NOW - 100 * DAY)
    targets = plan_sync(None, Known(proven=[slept]), RULES)
    assert merge(needs(targets)) == [Window(slept.end, SETTLED)]


def test_the_first_sync_is_a_backfill_of_all_that_is_kept() -> None:
    whole = plan_backfill(Window(RULES.floor, SETTLED), "BTCUSDT", Known(), RULES)
    assert len(whole) == 13
    assert plan_sync("BTCUSDT", Known(), RULES) == whole


def test_a_hole_behind_the_newest_proof_is_tried_again_and_one_given_up_is_not() -> None:
    hole, lost = Window(NOW - 60 * DAY, NOW - 59 * DAY), Window(NOW - 40 * DAY, NOW - 39 * DAY)
    proven = subtract([Window(NOW - 80 * DAY, NOW - DAY)], [hole, lost])
    targets = plan_sync(None, Known(proven=proven, given_up=[lost]), RULES)
    assert targets[0].need == hole
    assert len(targets) == 3
    assert all(target.requested.intersect(lost) is None for target in targets)


def test_what_was_given_up_within_the_week_is_not_read_again() -> None:
    crowd = Window(NOW - 3 * DAY, NOW - 3 * DAY + 1)
    proven = subtract([MONTH], [crowd])
    targets = plan_sync(None, Known(proven=proven, given_up=[crowd]), RULES)
    assert all(target.requested.intersect(crowd) is None for target in targets)
    assert subtract([Window(MONTH.end - RULES.reread, SETTLED)], needs(targets)) == [crowd]


def test_a_run_right_after_another_reads_again_and_needs_nothing_new() -> None:
    proven = Window(NOW - 30 * DAY, SETTLED)
    *_, last = plan_sync(None, Known(proven=[proven]), RULES)
    assert last.need.end == SETTLED
    assert last.requested.end == NOW


def test_a_proof_from_the_future_does_not_count() -> None:
    proven = Window(NOW - 9 * DAY, NOW + 30 * DAY)
    assert Known(proven=[proven]).until(NOW) == Known(proven=[Window(NOW - 9 * DAY, NOW)])
    assert Known(proven=[proven]).until(NOW - 10 * DAY) == Known(proven=[])


def test_nothing_later_than_the_earliest_clock_is_ever_needed() -> None:
    rules = replace(RULES, earliest=NOW - HOUR)
    assert max(window.end for window in needs(plan_sync(None, Known(proven=[MONTH]), rules))) == SETTLED - HOUR


@pytest.mark.parametrize(
    ("rules", "newest"),
    [
        (Rules(NOW, settle_lag=DAY, keeps=DAY, widest=WIDEST_WINDOW), NOW - DAY + 30_000),
        (Rules(NOW, settle_lag=DAY, keeps=None, widest=864_000), NOW - 864_000),
    ],
    ids=["floor", "widest"],
)
def test_where_nothing_new_is_left_to_need_only_the_holes_are_requested(rules: Rules, newest: int) -> None:
    whole = Window(NOW - 2 * DAY, newest)
    hole = Window(whole.start + HOUR, whole.start + HOUR + MINUTE)
    rules = replace(rules, reread=0)
    assert plan_sync(None, Known(proven=[whole]), rules) == []
    assert needs(plan_sync(None, Known(proven=subtract([whole], [hole])), rules)) == [hole]


def test_the_first_sync_under_a_retention_longer_than_the_exchange_is_old_begins_at_its_opening() -> None:
    rules = Rules(NOW, settle_lag=10 * MINUTE, keeps=36_500 * DAY, widest=WIDEST_WINDOW)
    assert merge(needs(plan_sync(None, Known(), rules))) == [Window(OPENED, SETTLED)]


spans = st.builds(
    lambda start, width: Window(20 * DAY + start, 20 * DAY + start + width), st.integers(0, 300), st.integers(1, 120)
)


@given(st.lists(spans, min_size=1, max_size=5), st.integers(10, 60), st.integers(0, 9), st.integers(0, 400))
def test_after_every_sync_all_from_the_oldest_proof_to_the_settled_edge_was_needed(
    known: list[Window], widest: int, settle_lag: int, later: int
) -> None:
    proven = merge(known)
    now = proven[-1].end + settle_lag + later
    rules = Rules(now=now, settle_lag=settle_lag, keeps=10 * DAY, widest=widest)
    targets = plan_sync(None, Known(proven=proven), rules)
    whole = Window(proven[0].start, max(rules.settled, proven[-1].end))
    assert subtract([whole], [*proven, *needs(targets)]) == []
    assert subtract(needs(targets), [whole]) == []
    for target in targets:
        assert target.requested.width <= widest
        assert target.need.intersect(target.requested) == target.need
        assert target.requested.end <= now


def test_a_nightly_run_with_two_symbols_requests_each_by_name() -> None:
    names = {name: Known(proven=[MONTH]) for name in ("BTCUSDT", "ETHUSDT")}
    targets = plan_nightly(Known(), names, RULES)
    assert [target.symbol for target in targets] == ["BTCUSDT", "BTCUSDT", "ETHUSDT", "ETHUSDT"]
    assert {target.need.end for target in targets[1::2]} == {SETTLED}


def test_a_nightly_run_with_three_symbols_requests_once_without_symbol_from_the_farthest_behind() -> None:
    ends = {"BTCUSDT": NOW - DAY, "ETHUSDT": NOW - 3 * DAY, "SOLUSDT": NOW - 2 * DAY}
    names = {name: Known(proven=[Window(MONTH.start, end)]) for name, end in ends.items()}
    targets = plan_nightly(Known(), names, RULES)
    assert {target.symbol for target in targets} == {None}
    assert merge(needs(targets)) == [Window(NOW - 10 * DAY, SETTLED)]


def test_once_all_symbols_were_requested_none_is_requested_by_name() -> None:
    every = Known(proven=[MONTH])
    targets = plan_nightly(every, {"BTCUSDT": Known(proven=[MONTH])}, RULES)
    assert targets == plan_sync(None, every, RULES)


def test_a_symbol_that_was_never_proven_is_no_reason_to_ask_by_name() -> None:
    assert plan_nightly(Known(), {"BTCUSDT": Known()}, RULES) == plan_sync(None, Known(), RULES)


def test_a_hole_of_one_symbol_is_tried_again_by_name() -> None:
    hole = Window(NOW - 20 * DAY, NOW - 19 * DAY)
    holed = Known(proven=subtract([MONTH], [hole]))
    *_, last = plan_nightly(Known(proven=[MONTH]), {"BTCUSDT": holed}, RULES)
    assert (last.symbol, last.need) == ("BTCUSDT", hole)


def test_a_hole_of_a_symbol_that_the_nightly_run_covers_anyway_is_not_requested_twice() -> None:
    hole = Window(NOW - DAY - HOUR, NOW - DAY - HOUR // 2)
    holed = Known(proven=subtract([MONTH], [hole]))
    every = Known(proven=[MONTH])
    assert plan_nightly(every, {"BTCUSDT": holed}, RULES) == plan_sync(None, every, RULES)


@pytest.mark.parametrize("proven", [(), (MONTH,)])
def test_no_two_requests_of_a_night_are_the_same(proven: tuple[Window, ...]) -> None:
    targets = plan_nightly(Known(proven=proven), {"BTCUSDT": Known(proven=[MONTH])}, RULES)
    assert len(set(targets)) == len(targets) >= 1
