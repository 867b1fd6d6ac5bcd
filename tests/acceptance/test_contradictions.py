"""An answer that leaves out a stored order proves nothing, unless that order may have vanished."""

from collections.abc import Callable

import pytest

from tests.acceptance.judge import Trial, Trials, assert_complete, assert_nothing_is_lost_in_silence
from tests.acceptance.misbehaving import DAY, HOUR, MINUTE, Asked, Exchange, Row, now, order, series

UNFILLED = {"status": "EXPIRED", "executedQty": "0", "cumQuote": "0", "cumBase": "0", "avgPrice": "0"}


def omit(exchange: Exchange, omitted: Callable[[Row], bool]) -> None:
    """Answer as a replica that lacks such orders."""

    def answer(asked: Asked) -> list[Row]:
        kept = [row for row in exchange.matching(asked) if not omitted(row)]
        return exchange.cut(kept, asked.limit)

    exchange.answer = answer


def two_days_ago(trial: Trials, rows: list[Row], **environment: str) -> Trial:
    """The program ran two days ago."""
    ran = trial(Exchange(row for row in rows if row["time"] < now() - 2 * DAY), **environment)
    assert ran("backfill", "--until", "2d").returncode == 0
    ran.exchange.rows = rows
    return ran


def a_week(count: int) -> list[Row]:
    return series(count, now() - 9 * DAY, now() - HOUR)


@pytest.mark.parametrize("count", [40, 300])
@pytest.mark.parametrize("days", [2.2, 3, 4, 6])
def test_eight_nights_of_a_lagging_replica_prove_nothing_and_the_ninth_is_whole(
    trial: Trials, days: float, count: int
) -> None:
    """The replica shows nothing that is younger than so many days."""
    lagging = two_days_ago(trial, a_week(count))
    omit(lagging.exchange, lambda row: row["time"] > now() - int(days * DAY))
    for _ in range(8):
        assert_nothing_is_lost_in_silence(lagging, lagging("sync"))
    assert lagging.reasons() == {"disputed"}
    lagging.exchange.answer = lagging.exchange.page
    assert_complete(lagging, lagging("sync"))


@pytest.mark.parametrize("count", [40, 300])
def test_a_replica_that_lacks_one_symbol_proves_nothing(trial: Trials, count: int) -> None:
    lagging = two_days_ago(trial, a_week(count))
    omit(lagging.exchange, lambda row: row["symbol"] == "SOLUSDT")
    for _ in range(2):
        assert_nothing_is_lost_in_silence(lagging, lagging("sync"))


@pytest.mark.parametrize("every", [2, 3, 5])
def test_a_replica_that_lacks_orders_here_and_there_proves_nothing(trial: Trials, every: int) -> None:
    lagging = two_days_ago(trial, a_week(60))
    omit(lagging.exchange, lambda row: row["orderId"] % every == 0)
    for _ in range(2):
        assert_nothing_is_lost_in_silence(lagging, lagging("sync"))


def test_a_stored_order_that_was_not_proven_yet_bars_the_proof_as_well(trial: Trials) -> None:
    """The first run stores what is younger than its settle lag; the replica lacks that and what came since."""
    rows = series(20, now() - 20 * HOUR, now() - HOUR)
    lagging = trial(Exchange(rows[::2]))
    assert lagging("backfill", "--since", "5d", FORCE_ORDERS_SETTLE_SECONDS="86400").returncode == 0
    assert len(lagging.stored()) == 10
    lagging.exchange.rows = rows
    omit(lagging.exchange, lambda row: row["time"] > now() - 10 * HOUR)
    assert_nothing_is_lost_in_silence(lagging, lagging("sync"))
    lagging.exchange.answer = lagging.exchange.page
    assert_complete(lagging, lagging("sync"))


@pytest.mark.parametrize("filtered_by", ["time", "updateTime"])
@pytest.mark.parametrize("count", [60, 600])
def test_an_honest_exchange_is_never_disputed_whichever_time_it_filters_by(
    trial: Trials, count: int, filtered_by: str
) -> None:
    """Orders are updated up to an hour after they were made, so that some lie across the ends of each window."""
    rows = [row | {"updateTime": row["time"] + row["orderId"] % 60 * MINUTE} for row in a_week(count)]
    honest = trial(Exchange(row for row in rows if row["updateTime"] < now() - HOUR))
    honest.exchange.filtered_by = filtered_by
    for arguments in (("backfill", "--until", "3d"), ("sync",), ("sync",)):
        assert honest(*arguments).returncode == 0
    assert (honest.missing(), honest.gaps()) == ([], [])


@pytest.mark.parametrize("status", ["EXPIRED", "CANCELED"])
def test_an_order_without_a_fill_may_vanish_after_three_days(trial: Trials, status: str) -> None:
    vanishing = order("BTCUSDT", 9_000, now() - 4 * DAY, **UNFILLED | {"status": status})
    ran = two_days_ago(trial, [*a_week(40), vanishing])
    omit(ran.exchange, lambda row: row["orderId"] == 9_000)
    assert_complete(ran, ran("sync"))


@pytest.mark.parametrize(
    ("days", "changes"),
    [
        (4.0, {}),
        (4.0, {"status": "EXPIRED", "executedQty": "0.0005"}),
        (2.5, UNFILLED),
    ],
)
def test_an_order_with_a_fill_or_younger_than_three_days_may_not_vanish(
    trial: Trials, days: float, changes: dict[str, str]
) -> None:
    vanishing = order("BTCUSDT", 9_000, now() - int(days * DAY), **changes)
    ran = two_days_ago(trial, [*a_week(40), vanishing])
    omit(ran.exchange, lambda row: row["orderId"] == 9_000)
    done = ran("sync")
    assert (done.returncode, ran.reasons()) == (3, {"disputed"})
    assert ran.missing() == [], "nothing is deleted, and all that came is stored"
