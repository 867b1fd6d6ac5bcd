"""What the proof costs where the exchange is honest: a quiet history the least, a bursty one about twice that."""

from random import Random

import pytest

from tests.acceptance.judge import Trial, Trials, assert_complete
from tests.acceptance.misbehaving import DAY, HOUR, SYMBOLS, Exchange, Keeps, Row, now, order, series
from tests.combining import each_value_once

WINDOWS = 13
"""The windows of less than 7 days that 90 days need."""

AROUND = 2
"""The weight of the exchange's clock and of its list of limits."""


def clusters(size: int, count: int) -> list[Row]:
    """So many clusters of orders, each within an hour, evenly over 84 days."""
    starts = [now() - 84 * DAY + n * 84 * DAY // count for n in range(count)]
    return [row for n, at in enumerate(starts) for row in series(size, at, at + HOUR, first_id=1_000 * n)]


def bursty(seed: str) -> list[Row]:
    """Bursts of up to 300 orders in two minutes, and a background of a few orders a day."""
    random = Random(seed)
    rows = []
    for n in range(400):
        rows.append(order(random.choice(SYMBOLS), n, now() - int(random.uniform(0.1, 89) * DAY)))
    for burst in range(20):
        at = now() - int(random.uniform(0.1, 89) * DAY)
        for n in range(random.randint(50, 300)):
            rows.append(order(random.choice(SYMBOLS), 1_000 * (burst + 1) + n, at + random.randrange(120_000)))
    return rows


def least(rows: list[Row]) -> int:
    """The least weight that any client could spend: in each window the pages that its orders need at 99 a page."""
    width = 90 * DAY / WINDOWS
    counts = [0] * WINDOWS
    for row in rows:
        counts[min(WINDOWS - 1, int((now() - row["time"]) / width))] += 1
    return sum(50 * max(1, -(-count // 99)) for count in counts)


def weight_of_backfill(started: Trial) -> int:
    assert_complete(started, started("backfill"))
    return started.exchange.weight


@pytest.mark.parametrize("keeps", ["oldest", "newest", "by symbol"])
def test_thirty_orders_spread_over_84_days_cost_the_least(trial: Trials, keeps: Keeps) -> None:
    quiet = trial(Exchange(series(30, now() - 84 * DAY, now() - HOUR), keeps))
    assert weight_of_backfill(quiet) <= 50 * WINDOWS + AROUND


@pytest.mark.parametrize(("size", "count"), [(6, 5), (5, 6), (10, 3), (15, 2), (3, 10), (2, 15), (30, 1)])
def test_thirty_orders_in_clusters_cost_the_least(trial: Trials, size: int, count: int) -> None:
    quiet = trial(Exchange(clusters(size, count)))
    assert weight_of_backfill(quiet) <= 50 * WINDOWS + AROUND


def test_an_empty_history_costs_the_least(trial: Trials) -> None:
    assert weight_of_backfill(trial(Exchange([]))) <= 50 * WINDOWS + AROUND


def test_a_quiet_night_costs_two_pages_at_most(trial: Trials) -> None:
    quiet = trial(Exchange(series(30, now() - 84 * DAY, now() - HOUR)))
    assert quiet("backfill", "--until", "1d").returncode == 0
    quiet.exchange.weight = 0
    assert_complete(quiet, quiet("sync"))
    assert quiet.exchange.weight <= 2 * 50 + AROUND


@each_value_once(keeps=["oldest", "newest"], seed=["1", "2", "3"])
def test_a_bursty_history_costs_little_more_than_twice_the_least(trial: Trials, keeps: Keeps, seed: str) -> None:
    rows = bursty(seed)
    cost = weight_of_backfill(trial(Exchange(rows, keeps)))
    assert cost <= 2.1 * least(rows) + AROUND
