"""Answers to another question: another window, another symbol, a cache's page, and times in another unit."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from tests.acceptance.judge import Trials, assert_complete, assert_nothing_is_lost_in_silence
from tests.acceptance.misbehaving import DAY, HOUR, MINUTE, Asked, Exchange, Row, now, order, series
from tests.combining import each_value_once, few_of

OPENED = "2019-09-08"
"""No order is older."""

UNITS: dict[str, Callable[[int], object]] = {
    "seconds": lambda at: at // 1_000,
    "seconds as text": lambda at: str(at // 1_000),
    "microseconds": lambda at: at * 1_000,
}


def three_months(count: int = 44) -> list[Row]:
    return series(count, now() - 90 * DAY + HOUR, now() - HOUR)


def shift(exchange: Exchange, by: int, *, only: Callable[[Asked], bool] = lambda asked: True) -> None:
    """Answer for the window that lies `by` milliseconds later."""

    def answer(asked: Asked) -> list[Row]:
        moved = by if only(asked) else 0
        return exchange.cut(
            [row for row in exchange.rows if asked.start + moved <= row["time"] <= asked.end + moved], asked.limit
        )

    exchange.answer = answer


@pytest.mark.parametrize("by", few_of([-7 * DAY, -30 * DAY, -DAY, -12 * HOUR, DAY, 7 * DAY], 3))
def test_a_server_that_answers_for_another_window_proves_nothing_that_it_did_not_show(trial: Trials, by: int) -> None:
    wrong = trial(Exchange(three_months(300)))
    shift(wrong.exchange, by)
    assert_nothing_is_lost_in_silence(wrong, wrong("backfill"))


@pytest.mark.parametrize("by", [-HOUR, HOUR, -20 * MINUTE])
def test_a_server_whose_windows_are_off_by_an_hour_or_less_proves_nothing_that_it_did_not_show(
    trial: Trials, by: int
) -> None:
    wrong = trial(Exchange(series(400, now() - 2 * DAY + 5 * MINUTE, now() - 12 * MINUTE)))
    shift(wrong.exchange, by)
    assert_nothing_is_lost_in_silence(wrong, wrong("backfill", "--since", "2d"))


def test_a_window_that_was_answered_wrongly_has_a_reason_of_its_own_and_verify_does_not_agree(trial: Trials) -> None:
    wrong = trial(Exchange(three_months()))
    shift(wrong.exchange, -7 * DAY)
    done = wrong("backfill")
    assert_nothing_is_lost_in_silence(wrong, done)
    assert (done.returncode, wrong.reasons()) == (3, {"disputed"})
    assert wrong("verify").returncode != 0


def test_a_window_that_is_answered_wrongly_once_is_asked_for_again(trial: Trials) -> None:
    wrong = trial(Exchange(three_months()))
    shift(wrong.exchange, -7 * DAY, only=lambda asked: asked.number == 5)
    assert_complete(wrong, wrong("backfill"))


@pytest.mark.parametrize("count", [44, 600])
def test_a_cache_that_ignores_what_is_asked_proves_nothing_that_it_did_not_show(trial: Trials, count: int) -> None:
    stale = trial(Exchange(three_months(count)))
    first: list[list[Row]] = []

    def answer(asked: Asked) -> list[Row]:
        if not first:
            first.append(stale.exchange.page(asked))
        return first[0]

    stale.exchange.answer = answer
    done = stale("backfill")
    assert_nothing_is_lost_in_silence(stale, done)
    assert done.returncode == 3
    assert stale("verify").returncode != 0


@pytest.mark.parametrize("count", [44, 600])
def test_a_cache_that_takes_overlapping_windows_for_the_same_proves_nothing_that_it_did_not_show(
    trial: Trials, count: int
) -> None:
    stale = trial(Exchange(three_months(count)))
    cached: list[tuple[Asked, list[Row]]] = []

    def answer(asked: Asked) -> list[Row]:
        for earlier, rows in cached:
            if earlier.start <= asked.end and asked.start <= earlier.end:
                return rows
        cached.append((asked, stale.exchange.page(asked)))
        return cached[-1][1]

    stale.exchange.answer = answer
    assert_nothing_is_lost_in_silence(stale, stale("backfill"))


def test_rows_of_another_symbol_do_not_answer_for_the_one_that_was_named(trial: Trials) -> None:
    wrong = trial(Exchange(series(60, now() - 20 * DAY, now() - HOUR, ["BTCUSDT", "ETHUSDT"])))

    def others(asked: Asked) -> list[Row]:
        inside = [row for row in wrong.exchange.rows if asked.start <= row["time"] <= asked.end]
        return [row for row in inside if row["symbol"] != asked.symbol]

    wrong.exchange.answer = others
    done = wrong("backfill", "--since", "21d", "--symbol", "BTCUSDT")
    wrong.exchange.rows = [row for row in wrong.exchange.rows if row["symbol"] == "BTCUSDT"]  # what was asked for
    assert_nothing_is_lost_in_silence(wrong, done)
    assert (done.returncode, wrong.reasons()) == (3, {"disputed"})


@pytest.mark.parametrize("ignored", ["symbol", "close type"])
def test_a_server_that_ignores_a_filter_in_a_crowd_loses_nothing_in_silence(trial: Trials, ignored: str) -> None:
    at = now() - 2 * DAY
    crowd = [order(symbol, n, at) for symbol in ("BTCUSDT", "ETHUSDT", "SOLUSDT") for n in range(60)]
    wrong = trial(Exchange(crowd))

    def answer(asked: Asked) -> list[Row]:
        symbol = None if ignored == "symbol" else asked.symbol
        close_type = None if ignored == "close type" else asked.close_type
        return wrong.exchange.page(Asked(asked.number, asked.start, asked.end, asked.limit, symbol, close_type))

    wrong.exchange.answer = answer
    assert_nothing_is_lost_in_silence(wrong, wrong("backfill"))


def test_a_stray_in_old_proven_time_that_was_never_shown_takes_that_proof_back(trial: Trials) -> None:
    """A first run was answered with nothing; one page of a later night tells of it by mistake."""
    lied = trial(Exchange([]))
    assert_complete(lied, lied("backfill"))
    lied.exchange.rows = series(60, now() - 80 * DAY, now() - 30 * DAY)
    honest = lied.exchange.page
    lied.exchange.answer = lambda asked: [*honest(asked), lied.exchange.rows[7]]
    night = lied("sync")
    assert night.returncode == 3
    assert "a page found 1 order that the exchange had not shown, for example XRPUSDT 8; now stored" in night.stderr
    assert "disputed" in lied.reasons()
    lied.exchange.answer = honest
    assert_complete(lied, lied("sync"))


@each_value_once(days=[2, 30, 200], number=[3, None])
def test_one_stray_among_good_rows_is_stored_and_spoils_nothing(trial: Trials, days: int, number: int | None) -> None:
    """On one page or on each; the stray is an order of the account, of another time."""
    stray = order("XRPUSDT", 9_999, now() - days * DAY)
    straying = trial(Exchange([*three_months(300), stray]))
    honest = straying.exchange.page
    straying.exchange.answer = lambda asked: (
        [*honest(asked), stray] if number in (None, asked.number) else honest(asked)
    )
    assert_complete(straying, straying("backfill"))


def test_one_row_of_another_symbol_among_good_rows_is_stored_and_spoils_nothing(trial: Trials) -> None:
    straying = trial(Exchange(series(60, now() - 20 * DAY, now() - HOUR, ["BTCUSDT"])))
    stray = order("ETHUSDT", 7, now() - 15 * DAY)
    straying.exchange.answer = lambda asked: [*straying.exchange.page(asked), stray]
    done = straying("backfill", "--since", "21d", "--symbol", "BTCUSDT")
    assert_nothing_is_lost_in_silence(straying, done)
    assert done.returncode == 0
    assert ("ETHUSDT", 7) in {row[:2] for row in straying.stored()}


@each_value_once(days=[1, 3, 6], end=["first", "last"])
def test_verify_finds_what_a_server_left_out_that_clamps_its_windows(trial: Trials, end: str, days: int) -> None:
    clamped = trial(Exchange(three_months(90)))

    def answer(asked: Asked) -> list[Row]:
        first = replace(asked, end=min(asked.end, asked.start + days * DAY))
        last = replace(asked, start=max(asked.start, asked.end - days * DAY))
        return clamped.exchange.page(first if end == "first" else last)

    clamped.exchange.answer = answer
    assert clamped("backfill").returncode == 0
    assert clamped.missing()
    assert clamped("verify").returncode == 3


@pytest.mark.parametrize("keys", [("updateTime",), ("time", "updateTime")], ids="+".join)
def test_a_time_a_year_ahead_waits_in_quarantine_and_the_right_version_is_stored(
    trial: Trials, keys: tuple[str, ...]
) -> None:
    ahead = trial(Exchange(three_months()))

    def answer(asked: Asked) -> list[Row]:
        page = ahead.exchange.page(asked)
        return [row | {key: row[key] + 365 * DAY for key in keys if row["orderId"] == 40} for row in page]

    ahead.exchange.answer = answer
    done = ahead("backfill")
    assert_nothing_is_lost_in_silence(ahead, done)
    assert (done.returncode, len(ahead.missing())) == (3, 1)
    ahead.exchange.answer = ahead.exchange.page
    assert ahead("verify", "--repair").returncode == 0
    assert ahead.missing() == []
    assert ahead.sql("SELECT FROM quarantined_orders WHERE resolved_at IS NULL") == []


@each_value_once(unit=list(UNITS), keys=[("time", "updateTime"), ("time",), ("updateTime",)], every=[1, 10])
def test_a_time_in_another_unit_is_read_by_a_rule_or_quarantined_never_stored_as_it_stands(
    trial: Trials, unit: str, keys: tuple[str, ...], every: int
) -> None:
    rows = series(60, now() - 60 * DAY, now() - HOUR)
    for row in rows:
        row["time"] = row["updateTime"] = row["time"] // 1_000 * 1_000  # so that no unit is less exact

    def in_unit(row: Row) -> Row:
        return row | {key: UNITS[unit](row[key]) for key in keys}

    odd = trial(Exchange(rows))
    odd.exchange.answer = lambda asked: [
        row if row["orderId"] % every else in_unit(row) for row in odd.exchange.page(asked)
    ]
    done = odd("backfill")
    assert (
        odd.sql(f"""
        SELECT symbol, order_id, order_time, update_time
          FROM force_orders
         WHERE NOT (least(order_time, update_time) > '{OPENED}' AND greatest(order_time, update_time) < now())
    """)
        == []
    )
    assert_nothing_is_lost_in_silence(odd, done)
