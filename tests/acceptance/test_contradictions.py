"""An answer that leaves out a stored order proves nothing, unless that order may have vanished."""

from collections.abc import Callable

import pytest

from tests.acceptance.judge import Trial, Trials, assert_complete, assert_nothing_is_lost_in_silence
from tests.acceptance.misbehaving import DAY, HOUR, MINUTE, Asked, Exchange, Row, now, order, series
from tests.combining import each_value_once

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


@each_value_once(count=[40, 300], days=[2.2, 6, 3, 4])
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


@each_value_once(filtered_by=["time", "updateTime"], count=[60, 600])
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


def test_an_order_that_vanished_for_good_bars_proof_until_an_operator_accepts_it(trial: Trials) -> None:
    ran = two_days_ago(trial, a_week(40))
    omit(ran.exchange, lambda row: row["orderId"] == 20)
    for _ in range(2):
        red = ran("sync")
        assert (red.returncode, ran.reasons()) == (3, {"disputed"})
    symbol = next(row["symbol"] for row in ran.exchange.rows if row["orderId"] == 20)
    remedy = f"force-orders coverage accept --account main --symbol {symbol} --order 20 --why TEXT"
    assert f"if the exchange never shows that order again: {remedy}" in red.stderr
    words = remedy.removeprefix("force-orders ").replace("TEXT", "purged").split()
    for said in ("need not show", "need not show, as accepted before,"):
        done = ran(*words)
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout == f"the exchange {said} order 20 of account main; the order stays stored\n"
    assert ran.sql("SELECT kind, details, why FROM decisions") == [
        {"kind": "vanished", "details": {"symbol": symbol, "order_id": 20}, "why": "purged"}
    ]
    assert_complete(ran, ran("sync"))
    checked = ran("verify")
    assert checked.returncode == 0
    assert "extra 0; no longer shown by the exchange, as expected: 1;" in checked.stdout
    assert ran.sql("SELECT extra, forgotten FROM verifications") == [{"extra": 0, "forgotten": 1}]


def test_an_accepted_order_is_no_witness_of_a_new_key(trial: Trials) -> None:
    """The newest order that is stored vanished."""
    ran = trial(Exchange(series(10, now() - 9 * DAY, now() - 3 * DAY)))
    assert_complete(ran, ran("backfill"))
    omit(ran.exchange, lambda row: row["orderId"] == 10)
    newest = ran.exchange.rows[-1]["symbol"]
    words = ("--account", "main", "--symbol", newest, "--order", "10", "--why", "purged")
    assert ran("sync", BINANCE_API_KEY="x" * 64).returncode == 2
    assert ran("coverage", "accept", *words).returncode == 0
    assert_complete(ran, ran("sync", BINANCE_API_KEY="x" * 64))


@pytest.mark.parametrize(
    ("account", "symbol", "said"),
    [
        ("nobody", "BTCUSDT", "there is no account 'nobody' in the database"),
        ("main", "BTC-USDT", "'BTC-USDT' is not a symbol"),
        ("main", "BTCUSDT", "account main has no order 77 of BTCUSDT"),
    ],
)
def test_an_order_that_is_not_stored_cannot_be_accepted(trial: Trials, account: str, symbol: str, said: str) -> None:
    ran = trial(Exchange(series(10, now() - 9 * DAY, now() - 3 * DAY)))
    assert_complete(ran, ran("backfill"))
    done = ran("coverage", "accept", "--account", account, "--symbol", symbol, "--order", "77", "--why", "x")
    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr


def test_verify_expects_the_exchange_to_forget_orders_without_a_fill(trial: Trials) -> None:
    unfilled = [order("BTCUSDT", 9_000 + days, now() - days * DAY, **UNFILLED) for days in (1, 5)]
    ran = trial(Exchange([*series(20, now() - 30 * DAY, now() - HOUR), *unfilled]))
    assert_complete(ran, ran("backfill"))
    omit(ran.exchange, lambda row: row["orderId"] == 9_005)
    forgetful = ran("verify")
    assert (forgetful.returncode, forgetful.stderr) == (0, "")
    assert "extra 0; no longer shown by the exchange, as expected: 1;" in forgetful.stdout
    omit(ran.exchange, lambda row: row["orderId"] in (9_001, 9_005))
    assert ran("verify").returncode == 3
    counts = ran.sql("SELECT extra, forgotten FROM verifications ORDER BY id")
    assert counts == [{"extra": 0, "forgotten": 1}, {"extra": 1, "forgotten": 1}]


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
