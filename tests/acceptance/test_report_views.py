"""Every column of every report view against the exchange's own history, to the digit.

Every run of these tests sees the same histories, drawn once and for all and moved to the days before today.
"""

import json
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

import psycopg
import pytest
import requests
from psycopg.rows import dict_row

from etl.simulator.accounts import demo_accounts
from etl.simulator.history import Profile, Shape, generate
from etl.simulator.orders import Order, order_from_row
from etl.simulator.scenario import Scenario
from etl.simulator.server import Simulator
from tests.acceptance import report_oracle
from tests.acceptance.lab import DAY, HOUR, Lab, order_row
from tests.acceptance.report_oracle import EPOCH, Row, reader_row
from tests.command import Command
from tests.databases import clone
from tests.environment import bare_environment
from tests.roles import as_role

MINUTE = 60_000
DRAWN = 20_000
"""The day, counted from the epoch, from which on histories are drawn; the bursty one's blocks begin there."""

PLENTY = {"FORCE_ORDERS_WEIGHT_BUDGET": "100000"}
KEYS = {
    "report_force_orders": ("account", "market", "symbol", "order_id"),
    "report_daily": ("account", "market", "day", "symbol", "close_type", "quote_asset"),
    "report_symbols": ("account", "market", "symbol", "quote_asset"),
    "report_cascades": ("account", "market", "started_at"),
    "report_coverage": ("account", "market", "day"),
    "report_runs": ("run_id",),
}


def history(account: str, shape: Shape, first_day: int, days: int) -> list[Order]:
    """Drawn at a fixed date and moved to `first_day` and the days after it."""
    shift = (first_day - DRAWN) * DAY
    rows = (
        json.loads(order.rendered) for order in generate(account, DRAWN * DAY, (DRAWN + days) * DAY, Profile(shape, 30))
    )
    return [order_from_row(row | {name: row[name] + shift for name in ("time", "updateTime")}) for row in rows]


def oddities(at: int) -> list[Row]:
    """Rows that lack what others have, and a symbol that was not heard of for 35 days."""
    odd: list[Row] = [
        {"cumQuote": None},
        {"clientOrderId": "web_1"},
        {"avgPrice": None},
        {"price": None},
        {"side": None},
    ]
    odd += [{"symbol": "BTCXYZ"}, {"symbol": "BTCUSDT_260925", "cumQuote": None}, {"price": "0", "avgPrice": "0"}]
    rows = [order_row("ODDUSDT", number, at + number * 7_000) | changes for number, changes in enumerate(odd)]
    return [*rows, order_row("OLDUSDT", 1, at - 35 * DAY)]


@dataclass
class Reading:
    """What was read of three accounts, and what is known of each run; all instants are epoch milliseconds."""

    lab: Lab
    today: int
    runs: list[Row] = field(default_factory=list)
    proven: dict[str, list[tuple[int, int]]] = field(default_factory=lambda: defaultdict(list))
    named: dict[str, list[tuple[int, int]]] = field(default_factory=lambda: defaultdict(list))

    def backfill(self, account: str, first: float, last: float, symbol: str = "", code: int = 0) -> None:
        """Read from so many days before today until so many before today."""
        since, until = (round((self.today - days) * DAY) for days in (first, last))
        self.lab.tell("reset-stats", {})
        known = len(self.orders())
        words = ["--account", account, "--since", str(since), "--until", str(until), "--beyond-retention"]
        words += ["--symbol", symbol] if symbol else []
        began = self._clock()
        done = self.lab("backfill", *words)
        assert done.returncode == code, done.stderr
        (self.named if symbol else self.proven)[account].append((since, until))
        stats = self.lab.stats()
        self.runs.append(
            {"run_id": len(self.runs) + 1, "command": "backfill", "status": "incomplete" if code else "succeeded"}
            | {"between": (began, self._clock()), "requests": stats["requests"], "weight": stats["weight"]}
            | {"rows_received": stats["rows"], "orders_new": len(self.orders()) - known}
        )

    def _clock(self) -> datetime:
        (row,) = self.lab.sql("SELECT clock_timestamp() AS now")
        now: datetime = row["now"]
        return now

    def orders(self) -> list[Row]:
        """What report_force_orders should hold."""
        return [
            reader_row(account, row)
            for account in ("main", "account2", "account3")
            for row in self.received(account)
            if self.was_read(account, row["symbol"], row["time"])
        ]

    def received(self, account: str) -> list[Row]:
        answer = requests.get(f"{self.lab.simulator.url}/sim/history?account={account}", timeout=30)
        rows: list[Row] = json.loads(answer.content)
        return rows

    def was_read(self, account: str, symbol: str, at: int) -> bool:
        spans = self.proven[account] + (self.named[account] if symbol == "BTCUSDT" else [])
        return any(since <= at < until for since, until in spans)


@pytest.fixture(scope="module")
def reading(server_url: str, template: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reading]:
    """A bursty account with a hole in which one symbol was read, a quiet one asked for too late, one without orders."""
    today = int(time.time() * 1000) // DAY
    accounts = demo_accounts(3)
    histories = {
        "main": history("main", "bursty", today - 40, 38)
        + [order_from_row(row) for row in oddities((today - 3) * DAY)],
        "account2": history("account2", "quiet", today - 60, 58),
        "account3": [],
    }
    scenario = Scenario(clock_at_ms=today * DAY + 12 * HOUR, weight_limit=1_000_000)
    directory = tmp_path_factory.mktemp("reading")
    command = Command(directory, bare_environment(directory))
    with (
        clone(server_url, template, f"{template}_reading") as url,
        Simulator(scenario, accounts, histories) as simulator,
    ):
        read = Reading(Lab(simulator, url, command.against(simulator, as_role("writer", url), **PLENTY)), today)
        settings = ""
        for account in accounts[1:]:
            for name, text in (("key", account.key), ("secret", account.secret)):
                (directory / f"{account.name}.{name}").write_text(text)
                (directory / f"{account.name}.{name}").chmod(0o600)
            files = f"{directory}/{account.name}"
            settings += f'[accounts.{account.name}]\napi_key_file = "{files}.key"\napi_secret_file = "{files}.secret"\n'
        (directory / "force-orders.toml").write_text(settings)
        read.backfill("main", 40, 20)
        read.backfill("main", 15.5, 1)
        read.backfill("main", 18, 17, symbol="BTCUSDT")
        read.backfill("account2", 120, 1, code=3)
        read.backfill("account3", 5, 2)
        yield read


def exactly(value: Any) -> Any:
    """A value of the database as `report_oracle` has it."""
    if isinstance(value, Decimal):
        return Fraction(value)
    if isinstance(value, dict):
        return {name: None if sent is None else Fraction(sent) for name, sent in value.items()}
    if isinstance(value, datetime):
        return (value - EPOCH) // timedelta(microseconds=1)
    return value // timedelta(microseconds=1) if isinstance(value, timedelta) else value


def keyed(view: str, rows: Iterable[Row]) -> dict[tuple[Any, ...], Row]:
    """The rows by what tells them apart, which no two may share."""
    listed = list(rows)
    by_key = {tuple(row[name] for name in KEYS[view]): row for row in listed}
    assert len(by_key) == len(listed)
    return by_key


def shown(reading: Reading, view: str, pause: str = "") -> tuple[dict[tuple[Any, ...], Row], datetime]:
    """What a view shows, and the database's clock then."""
    with psycopg.connect(reading.lab.database_url, row_factory=dict_row) as connection:
        if pause:
            connection.execute(f"SET force_orders.cascade_pause = '{pause}'")
        rows = connection.execute(f"SELECT * FROM {view}").fetchall()
        (clock,) = connection.execute("SELECT now()").fetchall()
    return keyed(view, ({name: exactly(value) for name, value in row.items()} for row in rows)), clock["now"]


def test_the_orders_are_those_of_the_exchange(reading: Reading) -> None:
    expected = reading.orders()
    assert len(expected) > 500
    assert {order["close_type"] for order in expected} == {"LIQUIDATION", "ADL", "SETTLEMENT", "UNKNOWN"}
    found, now = shown(reading, "report_force_orders")
    for order in found.values():
        assert order.pop("first_seen_at") <= order.pop("changed_at") <= exactly(now)
    assert found == keyed("report_force_orders", expected)


def test_the_days_add_up(reading: Reading) -> None:
    expected = keyed("report_daily", report_oracle.daily(reading.orders()))
    assert sum(row["improvement_bps"] is not None for row in expected.values()) > 50
    assert shown(reading, "report_daily")[0] == expected


def test_the_symbols_add_up_of_all_time_and_of_thirty_days(reading: Reading) -> None:
    found, now = shown(reading, "report_symbols")
    expected = keyed("report_symbols", report_oracle.symbols(reading.orders(), exactly(now)))
    assert any(0 < row["orders_30d"] < row["orders"] for row in expected.values())
    assert any(row["orders_30d"] == 0 for row in expected.values())
    assert found == expected


@pytest.mark.parametrize(
    ("pause", "seconds"), [("", 60), ("5 seconds", 5), ("1 hour", 3600)], ids=["by default", "5 seconds", "1 hour"]
)
def test_the_cascades_are_those_that_a_scan_finds(reading: Reading, pause: str, seconds: int) -> None:
    expected = keyed("report_cascades", report_oracle.cascades(reading.orders(), seconds * 1_000_000))
    assert any(row["orders"] == 1 for row in expected.values())
    assert any(row["orders"] > 50 and row["peak_orders_per_second"] > 10 for row in expected.values())
    assert shown(reading, "report_cascades", pause)[0] == expected


def test_every_day_since_the_first_question_is_proven_partly_or_not(reading: Reading) -> None:
    found, now = shown(reading, "report_coverage")
    midnight, today = reading.today * DAY, exactly(now) // 1000 // DAY
    kept_since = midnight + 12 * HOUR - 90 * DAY + MINUTE
    gaps = {
        "main": [(midnight - 20 * DAY, midnight - 15 * DAY - 12 * HOUR, "not_fetched")],
        "account2": [(midnight - 120 * DAY, kept_since, "beyond_retention")],
        "account3": [],
    }
    first = {"main": 40, "account2": 120, "account3": 5}
    proven = reading.proven | {"account2": [(kept_since, midnight - DAY)]}
    counted = Counter((order["account"], report_oracle.day_of(order["order_time"])) for order in reading.orders())
    expected = [
        {"account": account, "market": "usdm", **row, "orders": counted[account, row["day"]]}
        for account in gaps
        for row in report_oracle.calendar(
            midnight - first[account] * DAY, today, proven[account], reading.named[account], gaps[account]
        )
    ]
    assert {(row["coverage"], row["reasons"]) for row in expected} == {
        *(("proven", None), ("not", None)),
        *(
            ("partly", "not_fetched"),
            ("not", "not_fetched"),
            ("partly", "beyond_retention"),
            ("not", "beyond_retention"),
        ),
    }
    assert any(row["coverage"] == "proven" and not row["orders"] for row in expected)
    assert found == keyed("report_coverage", expected)


def test_each_run_is_told_with_what_it_cost_and_found(reading: Reading) -> None:
    found, _ = shown(reading, "report_runs")
    assert len(found) == len(reading.runs) == 5
    for run in reading.runs:
        row = found[run["run_id"],]
        began, ended = (exactly(moment) for moment in run["between"])
        assert began <= row["started_at"] < row["finished_at"] <= ended
        assert row["duration"] == row["finished_at"] - row["started_at"]
        told = {name: value for name, value in run.items() if name != "between"}
        assert {name: row[name] for name in told} == told
        assert (row["orders_changed"], row["rows_quarantined"], row["error"]) == (0, 0, None)
        assert 0 <= row["orders_unchanged"] <= row["rows_received"] - row["orders_new"]
    assert sum(run["orders_new"] for run in reading.runs) == len(reading.orders())
