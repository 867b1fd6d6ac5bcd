"""The second witness: a lost order is found and named, by the command and by the night, and its alarm can end."""

from tests.acceptance.lab import Labs
from tests.acceptance.reconciling import (
    ALL_ORDERS,
    backfilled,
    forced,
    lose,
    orders_found,
    reconciled,
    requests_to,
    traded,
)


def test_both_lists_agree_on_every_day(lab: Labs) -> None:
    one = backfilled(traded(lab))
    (said,) = reconciled(one)["reconciliations"]
    assert {day["verdict"] for day in said["days"]} == {"agreed"}, said
    assert len(said["days"]) == 19
    assert said["orders_compared"] == 3
    assert said["orders_listed"] > 3, "the owner has orders, too"
    assert said["orders"] == []
    done = one("reconcile")
    assert (done.returncode, done.stderr) == (0, "")
    assert "19 days agreed" in done.stdout
    assert orders_found(one) == []


def test_a_lost_order_is_found_and_named(lab: Labs) -> None:
    one = traded(lab)
    lose(one, 1)
    backfilled(one)
    assert one.sql("SELECT count(*) AS n FROM force_orders") == [{"n": 2}]
    done = one("reconcile")
    assert done.returncode == 3
    (line,) = done.stderr.splitlines()
    assert "BTCUSDT 1 (missing)" in line
    assert "force-orders coverage accept --account main --symbol BTCUSDT --order 1 --why TEXT" in line
    assert "18 days agreed" in done.stdout
    assert "1 disputed (BTCUSDT 1 missing)" in done.stdout
    (row,) = one.sql("SELECT * FROM reconciliation_orders")
    assert row["raw"]["clientOrderId"] == forced(one, 1)["clientOrderId"]
    assert one.sql("SELECT count(*) AS n FROM force_orders") == [{"n": 2}], "it is no force order"
    assert one("complete", row["order_time"].date().isoformat()).returncode == 3


def test_the_night_finds_it_too_and_the_next_one_asks_again(lab: Labs) -> None:
    one = traded(lab)
    lose(one, 1)
    backfilled(one)
    one.tell("reset-stats", {})
    done = one("sync")
    assert done.returncode == 3
    (line,) = done.stderr.splitlines()
    assert "BTCUSDT 1 (missing)" in line
    assert requests_to(one, ALL_ORDERS) == 1
    assert one.last_run()["status"] == "incomplete"
    assert one("sync").returncode == 3
    assert "BTCUSDT 1" in one("status").stdout
