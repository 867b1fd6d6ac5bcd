"""Refusals as beyond retention (-4166) of time that the exchange is documented to keep."""

from collections.abc import Callable

from tests.acceptance.judge import Trials, assert_complete, assert_nothing_is_lost_in_silence, moment
from tests.acceptance.misbehaving import DAY, HOUR, MINUTE, TOO_OLD, Asked, Exchange, Row, now, series
from tests.combining import each_value_once

ONE_AT_A_TIME = {"FORCE_ORDERS_CONCURRENCY": "1"}
"""So that requests have one order."""

BACKFILL = ("backfill", "--since", "88d")
"""Nothing that comes to be too old between two nights."""

FEW_MINUTES = 5 * MINUTE


def three_months(count: int) -> list[Row]:
    return series(count, now() - 87 * DAY, now() - HOUR)


def refuse(exchange: Exchange, wrongly: Callable[[Asked], bool], most: int) -> None:
    """Refuse such requests, at most so many of them."""
    refused: list[Asked] = []

    def answer(asked: Asked) -> list[Row]:
        if wrongly(asked) and len(refused) < most:
            refused.append(asked)
            raise TOO_OLD
        return exchange.page(asked)

    exchange.answer = answer


@each_value_once(days=[20, 30, 85], times=[1, 2, 3, 1_000])
def test_a_wrong_refusal_of_a_week_gives_nothing_up_for_good(trial: Trials, days: int, times: int) -> None:
    wrong, at = trial(Exchange(three_months(178)), **ONE_AT_A_TIME), now() - days * DAY
    refuse(wrong.exchange, lambda asked: asked.start < at < asked.end, times)
    assert_nothing_is_lost_in_silence(wrong, wrong(*BACKFILL))
    wrong.exchange.answer = wrong.exchange.page
    assert_complete(wrong, wrong("sync"))


def test_one_wrong_refusal_is_doubted_and_asked_again_in_the_same_run(trial: Trials) -> None:
    wrong = trial(Exchange(three_months(178)), **ONE_AT_A_TIME)
    refuse(wrong.exchange, lambda asked: asked.number == 8, 1)
    assert_complete(wrong, wrong(*BACKFILL))


@each_value_once(remainder=[0, 1, 3, 7], count=[178, 1_780])
def test_a_wrong_refusal_of_one_request_in_ten_gives_nothing_up_for_good(
    trial: Trials, remainder: int, count: int
) -> None:
    wrong = trial(Exchange(three_months(count)), **ONE_AT_A_TIME)
    refuse(wrong.exchange, lambda asked: asked.number % 10 == remainder, 1_000)
    assert_nothing_is_lost_in_silence(wrong, wrong(*BACKFILL))
    wrong.exchange.answer = wrong.exchange.page
    assert_complete(wrong, wrong("sync"))


def test_a_wrong_refusal_of_a_sync_gives_nothing_up(trial: Trials) -> None:
    wrong = trial(Exchange(three_months(178)))
    assert wrong(*BACKFILL, "--until", "5d").returncode == 0
    refuse(wrong.exchange, lambda asked: True, 1_000)
    assert_nothing_is_lost_in_silence(wrong, wrong("sync"))
    wrong.exchange.answer = wrong.exchange.page
    assert_complete(wrong, wrong("sync"))


@each_value_once(moves=["at once", "with each request"], minutes=[1, 2, 3, 10, 39])
def test_an_edge_that_is_ahead_or_moves_costs_a_few_minutes_at_most(trial: Trials, minutes: int, moves: str) -> None:
    start = now() - 90 * DAY
    ahead = trial(Exchange(series(48, start + 2 * MINUTE, start + 4 * HOUR)), **ONE_AT_A_TIME)

    def answer(asked: Asked) -> list[Row]:
        steps = 1 if moves == "at once" else min(asked.number, 4) / 4
        ahead.exchange.edge_ahead = int(minutes * MINUTE * steps)
        return ahead.exchange.page(asked)

    ahead.exchange.answer = answer
    done = ahead("backfill")
    assert_nothing_is_lost_in_silence(ahead, done)
    reached = ahead.exchange.edge + FEW_MINUTES
    assert [row for row in ahead.missing() if row["time"] > reached] == []
    assert [gap for gap in ahead.gaps() if gap["gap_end"] > moment(reached)] == []
