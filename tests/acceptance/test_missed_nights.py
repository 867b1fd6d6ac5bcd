"""A late order behind the watermark is found by the next sync, however long the program was off."""

import pytest

from tests.acceptance.judge import Trial, Trials, assert_complete
from tests.acceptance.misbehaving import DAY, HOUR, Exchange, Row, now, order, series
from tests.combining import each_value_once

OFF = [1, 6.9, 10, 13.9, 20, 20.9, 30]
"""Days without a run; after just under so many weeks, the windows since then reach hardly behind the watermark."""


def after_a_pause(trial: Trials, days: float, late: list[Row], between: list[Row], **environment: str) -> Trial:
    """The program ran until so many days ago. Then the late orders appeared, and those since then came to be."""
    paused = trial(Exchange(series(40, now() - 80 * DAY, now() - 70 * DAY)), **environment)
    assert paused("backfill", "--until", str(now() - int(days * DAY))).returncode == 0
    paused.exchange.rows += [*late, *between]
    return paused


def late_by(days: float, off: float) -> list[Row]:
    """An order of so many days before the watermark."""
    return [order("BTCUSDT", 9_000, now() - int((off + days) * DAY))]


@each_value_once(late=[0.5, 1.5, 6.9], off=OFF)
def test_an_order_that_appears_late_is_found_after_missed_nights(trial: Trials, off: float, late: float) -> None:
    between = series(int(3 * off), now() - int(off * DAY), now() - HOUR, first_id=1_000)
    paused = after_a_pause(trial, off, late_by(late, off), between)
    assert_complete(paused, paused("sync"))


@each_value_once(late=[0.5, 3, 6.9], off=[1, 3, 10], count=[99, 150])
def test_an_order_that_appears_late_is_found_where_full_pages_cut_the_window(
    trial: Trials, off: int, late: float, count: int
) -> None:
    between = series(count, now() - off * DAY, now() - off * DAY + HOUR, first_id=1_000)
    paused = after_a_pause(trial, off, late_by(late, off), between)
    assert_complete(paused, paused("sync"))


@pytest.mark.parametrize("off", [1, 14])
def test_an_order_that_changes_late_is_found_after_missed_nights(trial: Trials, off: int) -> None:
    at = now() - (off + 5) * DAY
    paused = trial(Exchange([order("BTCUSDT", 1, at, status="PARTIALLY_FILLED", executedQty="0.0005")]))
    assert paused("backfill", "--until", f"{off}d").returncode == 0
    paused.exchange.rows = [order("BTCUSDT", 1, at, updateTime=at + DAY)]
    assert_complete(paused, paused("sync"))


@pytest.mark.parametrize("off", [1, 14])
def test_an_order_that_appears_late_is_found_where_one_symbol_is_read_by_name(trial: Trials, off: int) -> None:
    paused = trial(Exchange([order("BTCUSDT", 1, now() - 60 * DAY)]))
    assert paused("backfill", "--symbol", "BTCUSDT", "--until", f"{off}d").returncode == 0
    paused.exchange.rows += late_by(6.5, off)
    assert_complete(paused, paused("sync"))


@pytest.mark.parametrize(("reread", "late"), [("7", 6.9), ("30", 25), ("60", 55), ("3", 2.9)])
def test_the_setting_says_how_far_back_late_orders_are_found(trial: Trials, reread: str, late: float) -> None:
    paused = after_a_pause(trial, 14, late_by(late, 14), [], FORCE_ORDERS_REREAD_DAYS=reread)
    assert_complete(paused, paused("sync"))


@pytest.mark.parametrize(("reread", "windows"), [("0", 2), ("7", 3), ("30", 7)])
def test_reading_again_costs_the_windows_that_it_needs_and_no_more(trial: Trials, reread: str, windows: int) -> None:
    paused = after_a_pause(trial, 13, [], [], FORCE_ORDERS_REREAD_DAYS=reread)
    paused.exchange.asked.clear()
    assert_complete(paused, paused("sync"))
    assert len(paused.exchange.asked) == windows
