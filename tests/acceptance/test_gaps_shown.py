"""A gap is shown once, however many symbols share it, and the command that closes it can be typed as it stands."""

import json
import shlex

from etl.simulator.scenario import Scenario
from tests.acceptance.lab import DAY, Lab, Labs, order_row

SYMBOLS = ("BTCUSDT", "ETHUSDT", "SOLUSDT")
WHOLE = {"FORCE_ORDERS_CONCURRENCY": "1", "FORCE_ORDERS_ATTEMPTS": "1"}


def with_a_hole(lab: Labs) -> Lab:
    """Three symbols with orders, and a week in the middle that could not be read."""
    holed = lab(histories={"main": []})
    holed.tell("orders", [order_row(symbol, 1, holed.now() - 2 * DAY) for symbol in SYMBOLS])
    holed.tell("faults", [{"kind": "garbage", "at": 5, "path": "/fapi/v1/forceOrders"}])
    return holed


def command_in(said: str) -> list[str]:
    """What closes the gap: the end of the last line of what was said."""
    _, found, command = said.splitlines()[-1].rpartition("to close the gap: force-orders ")
    assert found
    return shlex.split(command)


def failed_gaps(said: str) -> list[str]:
    """The rows of the table of gaps."""
    return [line for line in said.splitlines() if line.startswith("main ") and line.rstrip().endswith("failed")]


def test_the_summary_shows_a_gap_once_and_its_command_closes_it(lab: Labs) -> None:
    holed = with_a_hole(lab)
    done = holed("backfill", **WHOLE)
    assert done.returncode == 3, done.stderr
    assert "gaps: 1;" in done.stdout
    assert len(failed_gaps(done.stdout)) == 1
    closed = holed(*command_in(done.stdout))
    assert closed.returncode == 0, closed.stderr
    assert "1 window, " in closed.stdout
    assert holed.gaps() == []


def test_status_shows_a_gap_once_with_its_number_of_symbols_and_its_command_closes_it(lab: Labs) -> None:
    holed = with_a_hole(lab)
    assert holed("backfill", **WHOLE).returncode == 3
    assert len(holed.gaps()) == 4, "the view has a row for each symbol"
    shown = holed("status", "--check")
    assert shown.returncode == 3
    (row,) = failed_gaps(shown.stdout)
    assert row.split()[:4] == ["main", "*", "and", "3"]
    (warned,) = shown.stderr.splitlines()
    assert warned.startswith("force-orders: account main, * and 3 symbols: history unread for ")
    assert command_in(warned) == command_in(shown.stdout)
    assert sum(len(scope["gaps"]) for scope in json.loads(holed("status", "--json").stdout)["scopes"]) == 4
    assert holed(*command_in(warned)).returncode == 0
    assert holed.gaps() == []
    assert holed("status", "--check").returncode == 0


def test_history_that_was_not_read_for_long_names_the_nightly_job(lab: Labs) -> None:
    late = lab(histories={"main": []})
    assert late("backfill", "--until", "40d").returncode == 0
    (warned,) = late("status", "--check").stderr.splitlines()
    assert warned.endswith("; to read it: force-orders sync --account main")


def test_a_gap_that_nothing_closes_says_what_it_means(lab: Labs) -> None:
    crowd = lab(Scenario(weight_limit=1_000_000), histories={"main": []})
    at = crowd.now() - 20 * DAY
    crowd.tell("orders", [order_row("BTCUSDT", n, at) for n in range(150)])
    done = crowd("backfill", "--since", "100d", "--beyond-retention")
    assert done.returncode == 3, done.stderr
    lines = done.stdout.splitlines()[-2:]
    assert sorted(line.partition(": nothing closes it; ")[0] for line in lines) == ["beyond_retention", "saturated"]
