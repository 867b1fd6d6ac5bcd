"""More orders in one millisecond than fit on a page."""

from collections.abc import Sequence

import pytest

from tests.acceptance.judge import Run, Trial, Trials, assert_complete, assert_nothing_is_lost_in_silence
from tests.acceptance.misbehaving import (
    DAY,
    SYMBOLS,
    UNKNOWN_SYMBOL,
    Asked,
    Exchange,
    Keeps,
    Row,
    now,
    order,
)
from tests.combining import each_value_once

GONE = "ZGONEUSDT"
"""A symbol that exchangeInfo no longer lists; gathered by symbol, it comes last."""


def crowd(at: int, symbols: Sequence[str], count: int, prefix: str = "autoclose-", first_id: int = 1) -> list[Row]:
    """So many orders of one kind in one millisecond, the symbols in turn."""
    return [
        order(symbols[n % len(symbols)], first_id + n, at, clientOrderId=f"{prefix}{at}{n:06d}") for n in range(count)
    ]


def assert_all_is_stored_and_proven_where_pages_are_short(trial: Trial, done: Run, largest: int) -> None:
    """A page of half the limit or more may stay in doubt in one millisecond, where nothing can be asked in parts."""
    assert_nothing_is_lost_in_silence(trial, done)
    assert trial.missing() == []
    if largest < 50:
        assert_complete(trial, done)


@each_value_once(keeps=["oldest", "newest", "by symbol"], count=[25, 35, 60])
def test_a_delisted_symbol_that_an_earlier_night_stored_is_read_in_a_crowd(
    trial: Trials, count: int, keeps: Keeps
) -> None:
    delisted = trial(Exchange([order(GONE, 9_000, now() - 40 * DAY)], keeps))
    assert delisted("backfill", "--until", "20d").returncode == 0
    at = now() - 2 * DAY
    delisted.exchange.rows += [row for symbol in (*SYMBOLS, GONE) for row in crowd(at, [symbol], count)]
    assert_all_is_stored_and_proven_where_pages_are_short(delisted, delisted("sync"), count)


@each_value_once(keeps=["oldest", "by symbol"], count=[25, 60])
def test_a_delisted_symbol_that_this_run_saw_is_read_in_a_crowd(trial: Trials, count: int, keeps: Keeps) -> None:
    at = now() - 2 * DAY
    crowded = [row for symbol in (*SYMBOLS, GONE) for row in crowd(at, [symbol], count)]
    delisted = trial(Exchange([order(GONE, 9_000, now() - 40 * DAY), *crowded], keeps), FORCE_ORDERS_CONCURRENCY="1")
    assert_all_is_stored_and_proven_where_pages_are_short(delisted, delisted("backfill"), count)


@pytest.mark.parametrize("count", [60, 5])
def test_a_delisted_symbol_that_is_refused_by_name_leaves_a_gap_where_it_may_be_missing(
    trial: Trials, count: int
) -> None:
    delisted = trial(Exchange([order(GONE, 9_000, now() - 40 * DAY)], "by symbol"))

    def answer(asked: Asked) -> list[Row]:
        if asked.symbol == GONE:
            raise UNKNOWN_SYMBOL
        return delisted.exchange.page(asked)

    delisted.exchange.answer = answer
    assert delisted("backfill", "--until", "20d").returncode == 0
    at = now() - 2 * DAY
    delisted.exchange.rows += [*crowd(at, SYMBOLS, 110), *crowd(at, [GONE], count)]
    assert_nothing_is_lost_in_silence(delisted, delisted("sync"))


@each_value_once(
    keeps=["oldest", "newest", "by symbol"],
    symbols=[SYMBOLS, SYMBOLS[:2]],
    counts=[(60, 60, 30), (99, 99, 1), (60, 50, 80)],
)
def test_settlements_beside_liquidations_and_adl_in_one_millisecond_are_read(
    trial: Trials, keeps: Keeps, symbols: Sequence[str], counts: tuple[int, int, int]
) -> None:
    """Settlements are of symbols of their own, which come last where pages are gathered by symbol."""
    at = now() - 2 * DAY
    liquidated, deleveraged, settled = counts
    crowded = trial(
        Exchange(
            [
                *crowd(at, symbols[:-1], liquidated),
                *crowd(at, symbols[:-1], deleveraged, "adl_autoclose", 1_000),
                *crowd(at, symbols[-1:], settled, "settlement_autoclose-", 2_000),
            ],
            keeps,
        )
    )
    done = crowded("backfill")
    if len(symbols) > 2:
        largest = max((liquidated + deleveraged) // 3, settled)
        assert_all_is_stored_and_proven_where_pages_are_short(crowded, done, largest)
    else:  # one symbol has more than a page of its own
        assert_nothing_is_lost_in_silence(crowded, done)


@each_value_once(keeps=["oldest", "newest", "by symbol"], count=[100, 101, 150, 300])
def test_more_of_one_symbol_than_fit_are_a_named_gap_and_what_can_be_fetched_is_stored(
    trial: Trials, keeps: Keeps, count: int
) -> None:
    at = now() - 20 * DAY
    neighbours = [order("ETHUSDT", 1, at), order("BTCUSDT", 9_001, at - DAY), order("BTCUSDT", 9_002, at + DAY)]
    saturated = trial(Exchange([*crowd(at, ["BTCUSDT"], count), *neighbours], keeps))
    done = saturated("backfill")
    assert_nothing_is_lost_in_silence(saturated, done)
    assert (done.returncode, saturated.reasons()) == (3, {"saturated"})
    assert len(saturated.missing()) == count - 100
    assert len(saturated.exchange.asked) < 100
    for gap in saturated.gaps():
        assert (gap["gap_end"] - gap["gap_start"]).total_seconds() <= 0.003


def test_more_of_one_symbol_than_fit_are_read_by_close_type_and_what_has_none_is_named(trial: Trials) -> None:
    at = now() - 20 * DAY
    liquidations, adls = crowd(at, ["BTCUSDT"], 80), crowd(at, ["BTCUSDT"], 80, "adl_autoclose", 1_000)
    mixed = trial(Exchange([*liquidations, *adls, *crowd(at, ["BTCUSDT"], 30, "settlement_autoclose-", 2_000)]))
    done = mixed("backfill")
    assert_nothing_is_lost_in_silence(mixed, done)
    assert done.returncode == 3
    assert len(mixed.missing()) <= 30
