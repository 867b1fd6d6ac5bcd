"""Pages shorter than the limit that are truncated: caps that fall, rise or alternate, and cuts by bytes."""

import json
from collections.abc import Iterable
from dataclasses import replace

import pytest

from tests.acceptance.judge import Trials, assert_complete, assert_nothing_is_lost_in_silence
from tests.acceptance.misbehaving import DAY, HOUR, SYMBOLS, Asked, Exchange, Keeps, Row, now, order, series
from tests.combining import each_value_once, few_of

ONE_AT_A_TIME = {"FORCE_ORDERS_CONCURRENCY": "1"}
"""So that requests have one order."""


def weeks(*counts: int) -> list[Row]:
    """So many orders on one day of each week, the oldest week first, the last one this week."""
    starts = [now() - 7 * DAY * back - 3 * DAY for back in reversed(range(len(counts)))]
    days = [
        series(count, at, at + DAY, first_id=1_000 * n)
        for n, (at, count) in enumerate(zip(starts, counts, strict=True))
    ]
    return [row for day in days for row in day]


def cap(exchange: Exchange, most: int) -> None:
    exchange.answer = lambda asked: exchange.page(asked, most)


def cap_after(exchange: Exchange, requests: int, before: int, after: int) -> None:
    exchange.answer = lambda asked: exchange.page(asked, before if asked.number <= requests else after)


def cut_by_bytes(exchange: Exchange, most: int) -> None:
    def answer(asked: Asked) -> list[Row]:
        rows, size = exchange.page(asked), 0
        for count, row in enumerate(rows):
            size += len(json.dumps(row)) + 2
            if size > most:
                return rows[:count]
        return rows

    exchange.answer = answer


def ignore_limit(exchange: Exchange, most: int, *, symbol: bool = False, close_type: bool = False) -> None:
    """Such requests get `most` rows, whatever limit they name."""

    def answer(asked: Asked) -> list[Row]:
        ignored = (symbol and asked.symbol is not None) or (close_type and asked.close_type is not None)
        return exchange.page(replace(asked, limit=most) if ignored else asked)

    exchange.answer = answer


def crowd(at: int, counts: Iterable[int]) -> list[Row]:
    """Orders in one millisecond: so many of the first symbol, of the second, and so on."""
    sizes = zip(SYMBOLS, counts, strict=False)
    return [order(symbol, 50_000 + n, at) for symbol, count in sizes for n in range(count)]


@each_value_once(keeps=["oldest", "newest"], most=[50, 40, 60, 84, 99])
def test_a_cap_that_falls_between_two_nights_loses_nothing(trial: Trials, most: int, keeps: Keeps) -> None:
    falling = trial(Exchange(weeks(160, 0, 0, 0), keeps))
    assert falling("backfill", "--until", "10d").returncode == 0
    falling.exchange.rows += series(most + 30, now() - 2 * DAY, now() - DAY)
    cap(falling.exchange, most)
    assert_complete(falling, falling("sync"))


@pytest.mark.parametrize("requests", few_of([2, 7, 20], 2))
def test_a_cap_that_falls_to_the_default_in_mid_run_loses_nothing(trial: Trials, requests: int) -> None:
    falling = trial(Exchange(weeks(*[150] * 4, *[80] * 8)), **ONE_AT_A_TIME)
    cap_after(falling.exchange, requests, 100, 50)
    assert_complete(falling, falling("backfill"))


@pytest.mark.parametrize("most", few_of([40, 50, 60, 84], 2))
def test_a_cap_that_falls_in_mid_run_before_a_page_of_the_limit_was_seen_loses_nothing(
    trial: Trials, most: int
) -> None:
    falling = trial(Exchange(weeks(*[95] * 4, *[most + 10] * 8)), **ONE_AT_A_TIME)
    cap_after(falling.exchange, 3, 100, most)
    assert_complete(falling, falling("backfill"))


@pytest.mark.parametrize("most", few_of([40, 50, 84], 2))
def test_a_cap_that_rises_between_two_nights_loses_nothing(trial: Trials, most: int) -> None:
    rising = trial(Exchange(weeks(120, 90, 0, 0)))
    cap(rising.exchange, most)
    done = rising("backfill", "--until", "10d")
    assert_complete(rising, done)
    rising.exchange.rows += series(130, now() - 2 * DAY, now() - DAY)
    rising.exchange.answer = rising.exchange.page
    assert_complete(rising, rising("sync"))


@pytest.mark.parametrize("most", few_of([40, 50, 84], 2))
def test_a_cap_that_rises_in_mid_run_loses_nothing(trial: Trials, most: int) -> None:
    rising = trial(Exchange(weeks(*[most + 30, most + 10, most] * 2, *[130] * 6)), **ONE_AT_A_TIME)
    cap_after(rising.exchange, 12, most, 100)
    assert_complete(rising, rising("backfill"))


@each_value_once(first=[0, 1], count=[51, 80, 99, 150])
def test_two_backends_of_which_one_ignores_the_limit_lose_nothing(trial: Trials, count: int, first: int) -> None:
    alternating = trial(Exchange(weeks(*[count] * 12)), **ONE_AT_A_TIME)
    alternating.exchange.answer = lambda asked: alternating.exchange.page(
        asked, 100 if asked.number % 2 == first else 50
    )
    assert_complete(alternating, alternating("backfill"))


@pytest.mark.parametrize("most", few_of([30, 40, 50, 60, 84], 2))
def test_a_cap_that_was_always_lower_than_the_limit_loses_nothing(trial: Trials, most: int) -> None:
    capped = trial(Exchange(weeks(most, most + 30, 0, 2 * most, most + 1)))
    cap(capped.exchange, most)
    assert_complete(capped, capped("backfill"))


@each_value_once(keeps=["oldest", "newest"], rows=[84.5, 85, 60, 30])
def test_pages_that_are_cut_by_bytes_lose_nothing(trial: Trials, rows: float, keeps: Keeps) -> None:
    cutting = trial(Exchange(weeks(*[150] * 12), keeps))
    cut_by_bytes(cutting.exchange, int(rows * (len(json.dumps(cutting.exchange.rows[0])) + 2)))
    assert_nothing_is_lost_in_silence(cutting, cutting("backfill"))


@pytest.mark.parametrize("rows", [84, 65])
def test_pages_of_rows_of_varying_length_that_are_cut_by_bytes_lose_nothing(trial: Trials, rows: int) -> None:
    cutting = trial(Exchange(weeks(*[150] * 12)))
    for n, row in enumerate(cutting.exchange.rows):
        row["priceMatch"] = "NONE" * (n * 7 % 31)
    mean = sum(len(json.dumps(row)) + 2 for row in cutting.exchange.rows) / len(cutting.exchange.rows)
    cut_by_bytes(cutting.exchange, int(rows * mean))
    assert_nothing_is_lost_in_silence(cutting, cutting("backfill"))


@each_value_once(most=[50, 40], counts=[(60, 60, 60), (50, 50, 50), (61, 10, 80)])
def test_a_limit_that_is_ignored_where_a_symbol_is_named_is_noticed_in_a_crowd(
    trial: Trials, most: int, counts: tuple[int, ...]
) -> None:
    ignoring = trial(Exchange([*weeks(150, 0), *crowd(now() - 2 * DAY, counts)]))
    ignore_limit(ignoring.exchange, most, symbol=True)
    assert_nothing_is_lost_in_silence(ignoring, ignoring("backfill"))


@pytest.mark.parametrize("most", [50, 40])
def test_a_limit_that_is_ignored_where_a_symbol_is_named_is_noticed_when_reading_by_name(
    trial: Trials, most: int
) -> None:
    at = now() - 2 * DAY
    rows = [
        *series(160, at - 20 * DAY, at - 19 * DAY, ["BTCUSDT"]),
        *series(most + 10, at, at + DAY, ["BTCUSDT"], 1_000),
    ]
    ignoring = trial(Exchange(rows))
    assert ignoring("backfill", "--until", "10d").returncode == 0
    ignore_limit(ignoring.exchange, most, symbol=True)
    assert_complete(ignoring, ignoring("backfill", "--symbol", "BTCUSDT"))


@pytest.mark.parametrize("most", [50, 40])
@pytest.mark.parametrize("symbols", [1, 4])
def test_a_limit_that_is_ignored_where_a_close_type_is_named_is_noticed(trial: Trials, most: int, symbols: int) -> None:
    """The first page of 100 shows of either close type just those that its own page shows."""
    at = now() - 2 * DAY
    kinds = [*["autoclose-1"] * most, *["adl_autoclose"] * most]
    kinds += [*["autoclose-1"] * (60 - most), *["adl_autoclose"] * (60 - most)]
    rows = [order(SYMBOLS[n % symbols], n, at, clientOrderId=kind) for n, kind in enumerate(kinds)]
    ignoring = trial(Exchange(rows))
    ignore_limit(ignoring.exchange, most, close_type=True)
    assert_nothing_is_lost_in_silence(ignoring, ignoring("backfill"))


@each_value_once(most=[40, 50], counts=[(61,), (16, 15, 15, 15), (31, 30)])
def test_a_crowded_millisecond_under_a_low_cap_is_read_by_symbol_or_named(
    trial: Trials, most: int, counts: tuple[int, ...]
) -> None:
    crowded = trial(Exchange([*weeks(0), *crowd(now() - 2 * DAY, counts)]))
    cap(crowded.exchange, most)
    done = crowded("backfill")
    assert_nothing_is_lost_in_silence(crowded, done)
    if max(counts) < most // 2:
        assert_complete(crowded, done)


def test_a_cap_that_falls_while_a_crowded_millisecond_is_read_loses_nothing(trial: Trials) -> None:
    falling = trial(Exchange([*weeks(150, 0), *crowd(now() - 2 * DAY, (20, 20, 20, 20))]), **ONE_AT_A_TIME)
    cap_after(falling.exchange, 4, 100, 50)
    assert_complete(falling, falling("backfill"))


@pytest.mark.parametrize("keeps", ["oldest", "newest"])
def test_a_lone_page_that_was_truncated_is_found_by_a_verification_that_cuts_through_it(
    trial: Trials, keeps: Keeps
) -> None:
    """Forty orders, in the backfill's seventh window alone."""
    start, width = now() - 90 * DAY, 90 * DAY // 13
    rows = series(40, start + 6 * width + HOUR, start + 7 * width - HOUR)
    lone = trial(Exchange(rows, keeps))
    cap(lone.exchange, 30)
    assert lone("backfill").returncode == 0
    assert len(lone.missing()) == 10, "a page of fewer than 34 orders that stands alone is believed"
    assert lone("verify").returncode == 3
    assert lone.sql("SELECT missing > 0 AS is_found FROM verifications") == [{"is_found": True}]
