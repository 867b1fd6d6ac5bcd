"""Several worker processes read everything once, evenly and within one budget, even if one of them is killed."""

import time
from collections import Counter
from typing import Any

import pytest

from etl.simulator.accounts import demo_accounts
from etl.simulator.history import Generated, Profile
from etl.simulator.scenario import Scenario
from tests.acceptance.lab import DAY, Lab, Labs
from tests.acceptance.long_running import Staying, history_of, with_keys
from tests.waiting import wait_until

MINUTE = 60_000
WEIGHT_A_MINUTE = 9_000
"""So that two weeks of 200 accounts take a whole minute and parts of two others."""


def fleet_of(lab: Labs, count: int, weight: int, **switches: Any) -> Lab:
    """An exchange that has so many accounts, each with a history of its own, and a minute of so much weight."""
    accounts = list(demo_accounts(count))
    histories = {one.name: Generated(Profile("quiet"), f"fleet/{one.name}", days=20) for one in accounts}
    made = lab(Scenario(weight_limit=weight, **switches), accounts=accounts, histories=histories, room=False)
    return with_keys(made, accounts, weight_budget=weight)


def done(lab: Lab) -> Counter[str]:
    """Runs that succeeded, by the worker that made them."""
    rows = lab.sql("SELECT worker, count(*) AS n FROM runs WHERE status = 'succeeded' AND job_id > 0 GROUP BY worker")
    return Counter({row["worker"]: row["n"] for row in rows})


def is_all_done(lab: Lab) -> bool:
    return not lab.sql("SELECT FROM jobs WHERE status IN ('todo', 'doing') LIMIT 1")


def test_three_workers_read_many_accounts_and_one_of_them_is_killed(lab: Labs, stay: Staying) -> None:
    fleet = fleet_of(lab, 60, 100_000)
    read_by_three_of_which_one_is_killed(fleet, 60, stay)
    assert (fleet.stats()["throttled"], fleet.stats()["bans"]) == (0, 0)


@pytest.mark.slow
def test_three_workers_use_the_whole_weight_of_a_minute_and_never_more_though_one_is_killed(
    lab: Labs, stay: Staying
) -> None:
    turn = (int(time.time() * 1000) // MINUTE + 2) * MINUTE
    fleet = fleet_of(lab, 200, WEIGHT_A_MINUTE, clock_at_ms=turn - MINUTE)
    # One is killed before the measured minute: from then on its weight counts as other traffic, which is left room.
    read_by_three_of_which_one_is_killed(fleet, 200, stay, begins_at=turn - 15_000)

    stats = fleet.stats()
    assert (stats["throttled"], stats["bans"]) == (0, 0)
    whole = [one["weight"] for one in stats["weight_by_minute"] if one["minute_ms"] == turn]
    assert whole[0] >= 0.95 * WEIGHT_A_MINUTE, stats["weight_by_minute"]
    assert max(one["weight"] for one in stats["weight_by_minute"]) <= WEIGHT_A_MINUTE


def read_by_three_of_which_one_is_killed(
    fleet: Lab, accounts: int, stay: Staying, begins_at: int | None = None
) -> None:
    """Two weeks of every account; the jobs are enqueued once the exchange's clock is set to `begins_at`."""
    since = fleet.now() - 13 * DAY
    assert fleet("db", "upgrade").returncode == 0
    workers = [stay(fleet, "worker", "--jobs", "4") for _ in range(3)]
    wait_until(lambda: len(fleet.sql("SELECT FROM procrastinate_workers")) == 3)
    if begins_at is not None:
        fleet.tell("clock", {"set_ms": begins_at})
    enqueued = fleet("backfill", "--distributed", "--since", str(since))
    assert enqueued.stdout == f"enqueued {2 * accounts} jobs for {accounts} accounts, queues: default\n"
    wait_until(lambda: sum(done(fleet).values()) > accounts / 2)
    killed, *left = workers
    before = done(fleet)
    killed.kill()
    wait_until(lambda: is_all_done(fleet), 150)
    assert [stay.stop(worker) for worker in left] == [130, 130]

    assert fleet.sql("SELECT status, count(*) AS n FROM jobs GROUP BY 1") == [
        {"status": "succeeded", "n": 2 * accounts}
    ]
    assert_every_table_is_right(fleet, accounts, since)
    assert_spread_evenly(before, 3)
    after = done(fleet)
    assert_spread_evenly(Counter({name: after[name] for name in after if not name.endswith(f"/{killed.pid}")}), 2)


def assert_every_table_is_right(fleet: Lab, accounts: int, since: int) -> None:
    stored: dict[str, set[tuple[str, int, str]]] = {}
    for row in fleet.sql("SELECT account, symbol, order_id, raw ->> 'updateTime' AS updated FROM force_orders"):
        stored.setdefault(row["account"], set()).add((row["symbol"], row["order_id"], row["updated"]))
    covered = {row["account"]: row for row in fleet.sql("SELECT * FROM watermarks WHERE symbol = '*'")}
    assert len(covered) == accounts
    for account, mark in covered.items():
        start, end = (int(mark[name].timestamp() * 1000) for name in ("covered_since", "watermark"))
        assert start == since
        history = {
            (*key, str(row["updateTime"]))
            for key, row in history_of(fleet, account).items()
            if start <= row["time"] and row["updateTime"] < end
        }
        assert history <= stored.get(account, set())
        assert stored.get(account, set()) <= everything(fleet, account)
    assert fleet.gaps() == []


def everything(fleet: Lab, account: str) -> set[tuple[str, int, str]]:
    return {(*key, str(row["updateTime"])) for key, row in history_of(fleet, account).items()}


def assert_spread_evenly(runs: Counter[str], workers: int) -> None:
    """No worker has more than half as much again as its share."""
    assert len(runs) == workers
    share = sum(runs.values()) / workers
    assert max(runs.values()) <= 1.5 * share, runs
    assert min(runs.values()) >= 0.5 * share, runs


def test_workers_of_one_egress_share_a_budget_and_another_egress_has_its_own(lab: Labs, stay: Staying) -> None:
    minute = (int(time.time() * 1000) // MINUTE + 1) * MINUTE
    fleet = fleet_of(lab, 40, 100_000, clock_at_ms=minute + 2_000)
    assert fleet("backfill", "--distributed", "--since", "6d").returncode == 0

    def spent(egress: str) -> int:
        (most,) = fleet.sql(f"SELECT coalesce(max(weight), 0) AS weight FROM shared_weight WHERE egress = '{egress}'")
        return int(most["weight"])

    for _ in range(2):
        stay(fleet, "worker", FORCE_ORDERS_EGRESS="frankfurt", FORCE_ORDERS_WEIGHT_BUDGET="600")
    wait_until(lambda: spent("frankfurt") > 550)
    stay(fleet, "worker", FORCE_ORDERS_EGRESS="tokyo", FORCE_ORDERS_WEIGHT_BUDGET="600")
    wait_until(lambda: spent("tokyo") > 550)
    assert (spent("frankfurt") <= 600, spent("tokyo") <= 600) == (True, True)
    stats = fleet.stats()
    (weight,) = (one["weight"] for one in stats["weight_by_minute"] if one["minute_ms"] == minute)
    weight -= stats["requests_by_path"]["/fapi/v1/time"]  # before it is set, a clock knows no minute
    assert 2 * 500 < weight <= 2 * 600


def test_a_process_opens_no_more_connections_than_documented(lab: Labs, stay: Staying) -> None:
    """docs/fleet.md: two and up to four of the queue, and one for each job at once."""
    fleet = fleet_of(lab, 12, 100_000, latency_ms=200, retention_days=20)
    fleet.command.environment["FORCE_ORDERS_RETENTION_DAYS"] = "20"
    most = Counter[str]()

    def count() -> bool:
        opened = "SELECT count(*) AS n FROM pg_stat_activity WHERE datname = current_database() AND application_name ="
        for name in ("scheduler", "worker"):
            most[name] = max(most[name], fleet.sql(f"{opened} '{name}'")[0]["n"])
        return bool(fleet.sql("SELECT FROM jobs")) and is_all_done(fleet)

    def named(name: str) -> dict[str, str]:
        url = fleet.command.environment["FORCE_ORDERS_DATABASE_URL"]
        return {"FORCE_ORDERS_DATABASE_URL": f"{url}&application_name={name}"}

    scheduler = stay(fleet, "schedule", "--enqueue-only", **named("scheduler"))
    worker = stay(fleet, "worker", "--jobs", "3", **named("worker"))
    wait_until(count)
    assert [stay.stop(one) for one in (scheduler, worker)] == [130, 130]
    assert 3 <= most["scheduler"] <= 6
    assert 5 <= most["worker"] <= 9


def test_a_ban_that_one_worker_gets_stops_all_workers_of_its_egress(lab: Labs, stay: Staying) -> None:
    fleet = fleet_of(lab, 30, 100_000)
    assert fleet("backfill", "--distributed", "--since", "13d").returncode == 0
    fleet.tell("faults", [{"kind": "ban", "path": "/fapi/v1/forceOrders", "at": 20, "seconds": 3_600}])
    workers = [stay(fleet, "worker", "--jobs", "1", FORCE_ORDERS_CONCURRENCY="1") for _ in range(3)]
    wait_until(lambda: len(fleet.sql("SELECT FROM jobs WHERE status = 'todo' AND not_before > now()")) == 30)
    assert [stay.stop(worker) for worker in workers] == [130] * 3
    assert fleet.stats()["requests_during_ban"] <= 2, "requests that the other two had in flight when the ban began"
    assert len(fleet.sql("SELECT FROM cooldowns WHERE until > now() + interval '50 minutes'")) == 1
