"""Archives in the lab: files that the simulator makes, and the database held against its history."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import requests

from etl.simulator.history import Generated, Profile
from tests.acceptance.lab import DAY, Lab

YEARS = {"main": Generated(Profile("demo"), "archive", days=1_096)}
"""Three years of an account."""

FILLED = {"orig_qty", "executed_qty", "cum_quote", "price", "avg_price", "stop_price"}
IN_FILE = {
    *FILLED,
    *("symbol", "client_order_id", "status", "side", "position_side", "type", "time_in_force", "close_type"),
}
"""The columns that an archive file has, besides the key and the two times."""


def order_file(lab: Lab, path: Path, since: int, until: int, **parameters: str | int) -> Path:
    """Store the simulator's file of a span."""
    values: dict[str, str | int] = {"startTime": since, "endTime": until, **parameters}
    answer = requests.get(f"{lab.simulator.url}/sim/export-file", params=values, timeout=30)
    assert answer.status_code == 200, answer.text
    path.write_bytes(answer.content)
    return path


def rows(lab: Lab) -> dict[tuple[str, int], dict[str, Any]]:
    """Every order that is stored, with where it comes from."""
    found = lab.sql("SELECT *, extract(epoch FROM order_time) * 1000 AS order_ms FROM force_orders")
    return {(row["symbol"], row["order_id"]): row for row in found}


def assert_equal_to_history(lab: Lab, since: int, until: int) -> None:
    """The table holds every order of a span, equal to the simulator's own history in every field that its file has."""
    table = {key: row for key, row in rows(lab).items() if since <= row["order_ms"] < until}
    expected = {key: row for key, row in lab.expected(since).items() if row["order_ms"] < until}
    assert table.keys() == expected.keys()
    for key, row in table.items():
        own = expected[key]
        is_archived = row["source"] == "archive"
        for name in IN_FILE:
            if own[name] is None:
                continue  # the row of the API does not have it, and a file has 0
            value = Decimal(own[name]) if name in FILLED else own[name]
            assert row[name] == value, (key, name)
        unit = 1_000 if is_archived else 1
        assert row["order_ms"] == own["order_ms"] // unit * unit
        assert row["time_precision"] == ("s" if is_archived else "ms")
        lacking = (row["reduce_only"], row["close_position"], row["working_type"], row["orig_type"])
        assert (lacking == (None,) * 4) == is_archived


def states(lab: Lab, since: int, until: int) -> dict[str, int]:
    """How many days of a span have each state."""
    first, last = (f"to_timestamp({at} / 1000.0)::date" for at in (since, until - DAY))
    found = lab.sql(f"SELECT state, count(*) AS days FROM report_completeness({first}, {last}) GROUP BY state")
    return {row["state"]: row["days"] for row in found}
