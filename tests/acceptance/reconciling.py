"""What the tests of reconciliations share: histories, what is lost of them, and what was said of it."""

import json
import time
from collections.abc import Sequence
from dataclasses import replace
from subprocess import CompletedProcess
from typing import Any

import requests

from etl.core.timeline import to_datetime
from etl.simulator.scenario import Scenario
from tests.acceptance.lab import DAY, HOUR, Lab, Labs, order_row

ALL_ORDERS = "/fapi/v1/allOrders"
ON = {"FORCE_ORDERS_RECONCILE_DAYS": "7", "FORCE_ORDERS_ATTEMPTS": "1"}
THREE = ({"number": 1}, {"number": 2, "days": 3}, {"number": 3, "days": 5, "symbol": "ETHUSDT"})
"""Forced orders, by the arguments of `forced`."""
UNFILLED = {"executedQty": "0", "status": "EXPIRED", "avgPrice": "0.00000", "cumQuote": "0"}
OFF = {"FORCE_ORDERS_RECONCILE_DAYS": "0"}


def at_one_o_clock(scenario: Scenario | None = None) -> Scenario:
    """The exchange's clock stands at 13:00 UTC, at most a day ago: so the numbers of days are always the same."""
    now = time.time_ns() // 1_000_000
    at = (now - 13 * HOUR) // DAY * DAY + 13 * HOUR
    return replace(scenario or Scenario(), clock_offset_ms=at - now)


def midday(lab: Lab, days: int) -> int:
    """Noon of UTC, so many days ago."""
    return (lab.now() // DAY - days) * DAY + 12 * HOUR


def forced(lab: Lab, number: int, days: int = 2, symbol: str = "BTCUSDT", **changes: Any) -> dict[str, Any]:
    """A forced order at noon of a day that is over."""
    return order_row(symbol, number, midday(lab, days) + number, **changes)


def forced_day(lab: Lab, days: int) -> str:
    return to_datetime(midday(lab, days)).date().isoformat()


def traded(lab: Labs, scenario: Scenario | None = None, rows: Sequence[dict[str, Any]] = THREE, **options: Any) -> Lab:
    """An account with forced orders, which nothing has read yet; each of `rows` holds the arguments of `forced`."""
    made = lab(at_one_o_clock(scenario), histories={"main": []}, **options)
    made.command.environment.update(ON)
    for row in rows:
        made.tell("orders", [forced(made, **row)])
    return made


def backfilled(made: Lab, since: str = "20d") -> Lab:
    done = made("backfill", "--since", since)
    assert (done.returncode, done.stderr) == (0, "")
    return made


def lose(lab: Lab, number: int, symbol: str = "BTCUSDT", market: str = "usdm") -> None:
    """The list of force orders loses an order; the list of all orders keeps it."""
    lab.tell(f"lose?market={market}", {"symbol": symbol, "orderId": number})


def reconciled(lab: Lab, *arguments: str, code: int = 0, **environment: str) -> dict[str, Any]:
    """What `reconcile --json` says of the only account, and its faults."""
    done: CompletedProcess[str] = lab("reconcile", "--json", *arguments, **environment)
    assert done.returncode == code, done.stdout + done.stderr
    said: dict[str, Any] = json.loads(done.stdout)
    return said


def verdicts(lab: Lab) -> set[str]:
    return {row["verdict"] for row in lab.sql("SELECT verdict FROM reconciliation_days")}


def orders_found(lab: Lab) -> list[tuple[str, int, str]]:
    rows = lab.sql("SELECT symbol, order_id, kind FROM reconciliation_orders ORDER BY symbol, order_id")
    return [(row["symbol"], row["order_id"], row["kind"]) for row in rows]


def requests_to(lab: Lab, path: str) -> int:
    return int(lab.stats()["requests_by_path"].get(path, 0))


def whole_history(lab: Lab, market: str = "usdm") -> list[dict[str, Any]]:
    """Every order of the account, its own among them."""
    books = requests.get(f"{lab.simulator.url}/sim/books", {"market": market}, timeout=30).json()
    rows: list[dict[str, Any]] = books["orders"]
    return rows
