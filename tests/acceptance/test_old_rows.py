"""What is older than the exchange is documented to keep is stored when it comes, and never proven from what comes."""

import pytest

from tests.acceptance.judge import Trials, assert_complete, assert_nothing_is_lost_in_silence, moment
from tests.acceptance.misbehaving import DAY, HOUR, Asked, Exchange, Row, now, order, series
from tests.combining import few_of

BEYOND = ("backfill", "--since", "201d", "--beyond-retention")


def purge(exchange: Exchange, days: dict[str, int]) -> None:
    """Keep each symbol for so many days and say nothing of what is purged; any window is answered."""
    exchange.edge_ahead = None

    def answer(asked: Asked) -> list[Row]:
        kept = [row for row in exchange.matching(asked) if row["time"] >= now() - days.get(row["symbol"], 90) * DAY]
        return exchange.cut(kept, asked.limit)

    exchange.answer = answer


@pytest.mark.parametrize("days", few_of([91, 100, 150, 199], 2))
def test_a_stray_from_beyond_retention_does_not_prove_the_time_since_then(trial: Trials, days: int) -> None:
    """56 orders of that time are purged."""
    straying = trial(Exchange(series(56, now() - 200 * DAY, now() - 91 * DAY)))
    recent = series(90, now() - 89 * DAY, now() - HOUR, first_id=1_000)
    straying.exchange.rows += recent
    purge(straying.exchange, {})
    purged = straying.exchange.answer
    stray = order("BTCUSDT", 9_000, now() - days * DAY)
    straying.exchange.answer = lambda asked: [stray, *purged(asked)[:99]]
    done = straying(*BEYOND)
    straying.exchange.rows.append(stray)
    assert_nothing_is_lost_in_silence(straying, done)
    assert done.returncode == 3
    assert len(straying.missing()) == 56, "the stray is stored, and all that can be read"


@pytest.mark.parametrize("kept", [{"BTCUSDT": 200}, {"BTCUSDT": 120, "ETHUSDT": 100}, {"XRPUSDT": 200, "SOLUSDT": 150}])
def test_a_server_that_purges_symbol_by_symbol_proves_nothing_beyond_retention(
    trial: Trials, kept: dict[str, int]
) -> None:
    purging = trial(Exchange(series(200, now() - 200 * DAY, now() - HOUR)))
    purge(purging.exchange, kept)
    done = purging(*BEYOND)
    assert_nothing_is_lost_in_silence(purging, done)
    assert (done.returncode, purging.reasons()) == (3, {"beyond_retention"})
    assert [row for row in purging.missing() if row["time"] >= now() - kept.get(row["symbol"], 90) * DAY] == []
    (mark,) = purging.sql("SELECT covered_since FROM watermarks WHERE symbol = '*'")
    assert mark["covered_since"] >= moment(now() - 90 * DAY - HOUR)


def test_what_was_beyond_retention_stays_so_on_the_following_nights(trial: Trials) -> None:
    purging = trial(Exchange(series(200, now() - 200 * DAY, now() - HOUR)))
    purge(purging.exchange, {"BTCUSDT": 200})
    assert purging(*BEYOND).returncode == 3
    for _ in range(2):
        purging("sync")
        assert purging.silently_lost() == []


def test_orders_from_before_retention_that_still_come_are_stored(trial: Trials) -> None:
    generous = trial(Exchange(series(200, now() - 200 * DAY, now() - HOUR)))
    generous.exchange.edge_ahead = None
    done = generous(*BEYOND)
    assert (done.returncode, generous.missing()) == (3, [])
    assert generous.reasons() == {"beyond_retention"}


@pytest.mark.parametrize("days", ["210", "0"])
def test_only_the_operator_moves_the_line(trial: Trials, days: str) -> None:
    generous = trial(Exchange(series(200, now() - 200 * DAY, now() - HOUR)), FORCE_ORDERS_RETENTION_DAYS=days)
    generous.exchange.edge_ahead = None
    assert_complete(generous, generous("backfill", "--since", "201d"))
