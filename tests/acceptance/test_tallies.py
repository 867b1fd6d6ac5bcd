"""What a run says it found: each order once, and as before only what was there before the run."""

import pytest

from etl.simulator.history import Generated, Profile
from etl.simulator.scenario import Scenario
from tests.acceptance.lab import DAY, HOUR, Lab, Labs, assert_table_equals_history, order_row
from tests.combining import few_of

BURSTY = Generated(Profile("bursty", 30), "tallies", 60)
"""Full pages, whose rows come again in pieces, and up to forty orders in one millisecond."""

SPARSE = Generated(Profile("bursty", 2), "tallies", 60)
"""No page is full: a night sees every order of the window that it asks for."""

SCENARIOS = [
    Scenario(),
    Scenario(kept="newest", filter_field="updateTime"),
    Scenario(kept="random", order="shuffled", duplicates=1),
]


def tally(lab: Lab) -> tuple[int, int, int]:
    """Orders new, changed and as before, by the last run's row of the ledger."""
    run = lab.last_run()
    return run["inserted"], run["updated"], run["unchanged"]


@pytest.mark.parametrize("scenario", few_of(dict(zip(("oldest", "newest", "random"), SCENARIOS, strict=True)), 1))
def test_a_first_backfill_finds_nothing_as_before_and_a_repair_everything(lab: Labs, scenario: Scenario) -> None:
    one = lab(scenario, histories={"main": BURSTY})
    done = one("backfill")
    assert done.returncode == 0, done.stderr
    stored = len(one.table())
    assert stored > 1_000
    assert f"{stored} orders new, 0 changed, 0 as before" in done.stdout
    assert tally(one) == (stored, 0, 0)
    assert one.last_run()["rows_received"] > stored

    for arguments in (["verify"], ["verify", "--repair"]):
        one.tell("reset-stats", {})
        assert one(*arguments).returncode == 0
        assert tally(one) == (0, 0, reread(one, scenario))


def reread(lab: Lab, scenario: Scenario = SCENARIOS[0], where: str = "true") -> int:
    """How many orders of the table lie in what was asked for since the stats were reset, and fulfil a condition."""
    log = lab.stats()["log"]
    since, until = min(asked["startTime"] for asked in log), max(asked["endTime"] for asked in log)
    column = {"time": "order_time", "updateTime": "update_time"}[scenario.filter_field]
    (found,) = lab.sql(f"""
        SELECT count(*) AS orders FROM force_orders
         WHERE extract(epoch FROM {column}) * 1000 BETWEEN {since} AND {until} AND {where}
    """)
    return int(found["orders"])


def test_a_repair_says_what_it_stored(lab: Labs) -> None:
    one = lab(histories={"main": BURSTY})
    assert one("backfill").returncode == 0
    old = "order_time < now() - interval '1 day'"
    deleted = one.sql(f"DELETE FROM force_orders WHERE order_id % 7 = 0 AND {old} RETURNING 1")
    spoilt = one.sql(f"UPDATE force_orders SET raw = raw - 'side' WHERE order_id % 7 = 1 AND {old} RETURNING 1")
    one.tell("reset-stats", {})
    assert one("verify", "--repair", "--since", "89d").returncode == 0
    changed, left = (reread(one, where=f"{which} first_run_id = 1") for which in ("last_run_id = 2 AND", ""))
    assert changed == len(spoilt)
    assert tally(one) == (len(deleted), changed, left - changed)
    assert_table_equals_history(one)


def test_a_night_counts_the_orders_that_it_read_again_once_each(lab: Labs) -> None:
    one = lab(Scenario(clock_offset_ms=-DAY), histories={"main": SPARSE})
    assert one("backfill").returncode == 0
    one.tell("clock", {"advance_ms": DAY})
    one.tell("reset-stats", {})
    done = one("sync")
    assert done.returncode == 0, done.stderr
    again = reread(one, where="first_run_id = 1")
    new = one.sql("SELECT 1 FROM force_orders WHERE first_run_id = 2")
    assert again > 0
    assert tally(one) == (len(new), 0, again)


def test_orders_where_one_window_ends_and_the_next_begins_count_once(lab: Labs) -> None:
    one = lab(histories={"main": []})
    since = one.now() - 30 * DAY
    ends = [since + number * 6 * DAY for number in range(1, 4)]
    rows = [(end + shift, end + shift + lag) for end in ends for shift in (-HOUR, -1, 0, 1) for lag in (0, 2 * HOUR)]
    one.tell("orders", [order_row("BTCUSDT", n, at, updateTime=later) for n, (at, later) in enumerate(rows, start=1)])
    span = ["--since", str(since), "--until", str(since + 24 * DAY)]
    assert one("backfill", *span, FORCE_ORDERS_WINDOW_DAYS="6").returncode == 0
    assert tally(one) == (len(rows), 0, 0)
    assert one.last_run()["rows_received"] > len(rows)
    assert one("verify", "--repair", *span, FORCE_ORDERS_WINDOW_DAYS="6").returncode == 0
    assert tally(one) == (0, 0, len(rows))
