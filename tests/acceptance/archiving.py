"""Archives in the lab: files that the simulator makes, and the database held against its history."""

from decimal import Decimal
from pathlib import Path
from threading import Event
from typing import Any

import pytest
import requests

from etl.accounts.credentials import keyring
from etl.exchange.clock import ExchangeClock
from etl.runs import composition_by_hand, from_settings
from etl.runs.archive_preview import plan_archives
from etl.runs.archive_request import ArchiveSummary
from etl.runs.archive_steps import Pace
from etl.runs.spans import SpanText
from etl.settings.loading import load
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


def exports(lab: Lab) -> list[dict[str, Any]]:
    """Every export that the simulator accepted, oldest first."""
    answer: dict[str, Any] = requests.get(f"{lab.simulator.url}/sim/exports", timeout=30).json()
    made: list[dict[str, Any]] = answer["exports"]
    return made


class VirtualTime:
    """Time that passes only when somebody sleeps, for the exchange and the program alike."""

    def __init__(self, lab: Lab) -> None:
        self._lab = lab
        self.clock = ExchangeClock()
        self.slept = 0.0

    def sleep(self, seconds: float) -> None:
        self.slept += seconds
        self._lab.tell("clock", {"advance_ms": round(seconds * 1_000)})
        self.clock.set(self.clock.now() + round(seconds * 1_000))


def request(
    lab: Lab, environment: pytest.MonkeyPatch, since: int, *markets: str, again: bool = False
) -> tuple[ArchiveSummary, VirtualTime]:
    """`archive request --since … --yes` in this process and in virtual time."""
    for name, value in lab.command.environment.items():
        environment.setenv(name, value)
    settings, time = load(), VirtualTime(lab)
    keys = keyring(settings)
    with from_settings.store(settings) as connection:
        plan = plan_archives(connection, settings, keys, markets, SpanText(str(since)), again=again)
    return composition_by_hand.request_archives(settings, keys, plan, Event(), Pace(time.sleep), time.clock), time


def downloads(lab: Lab) -> Path:
    """Where the command keeps its files."""
    return Path(lab.command.environment["HOME"]) / ".local/share/force-orders/archive"
