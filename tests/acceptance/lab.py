"""A simulated exchange, a database and the command that joins them."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from subprocess import CompletedProcess
from typing import Any

import psycopg
import requests
from psycopg.rows import dict_row

from etl.simulator.server import Simulator
from tests.command import Command
from tests.documented import ROW

HOUR = 3_600_000
DAY = 24 * HOUR
FORCE_ORDERS = "/fapi/v1/forceOrders"

COLUMNS = {
    "orderId": "order_id",
    "symbol": "symbol",
    "status": "status",
    "clientOrderId": "client_order_id",
    "price": "price",
    "avgPrice": "avg_price",
    "origQty": "orig_qty",
    "executedQty": "executed_qty",
    "cumQuote": "cum_quote",
    "timeInForce": "time_in_force",
    "type": "type",
    "reduceOnly": "reduce_only",
    "closePosition": "close_position",
    "side": "side",
    "positionSide": "position_side",
    "stopPrice": "stop_price",
    "workingType": "working_type",
    "origType": "orig_type",
}
DECIMALS = {"price", "avgPrice", "origQty", "executedQty", "cumQuote", "stopPrice"}


def expected_row(row: dict[str, Any]) -> dict[str, Any]:
    """What the table should hold of an exchange row, computed here again instead of by the code under test."""
    columns = {
        column: str(row[key]) if key in DECIMALS and row.get(key) is not None else row.get(key)
        for key, column in COLUMNS.items()
    }
    prefix = str(row.get("clientOrderId") or "")
    kinds = {"autoclose-": "LIQUIDATION", "adl_autoclose": "ADL", "settlement_autoclose-": "SETTLEMENT"}
    close_type = next((kind for start, kind in kinds.items() if prefix.startswith(start)), "UNKNOWN")
    order_time, update_time = row.get("time", row.get("updateTime")), row.get("updateTime", row.get("time"))
    return columns | {"close_type": close_type, "order_ms": order_time, "update_ms": update_time, "raw": row}


ROOM = 100_000
"""Weight a minute with which no request waits for the next minute."""


@dataclass
class Lab:
    """One simulator, one database and one command.

    The command connects as the writer, with the rights of docs/operations.md. The test itself reads with all rights.
    """

    simulator: Simulator
    database_url: str
    command: Command

    def __call__(self, *arguments: str, **environment: str) -> "CompletedProcess[str]":
        return self.command(*arguments, **environment)

    def history(self) -> list[dict[str, Any]]:
        """Every order that the simulator has, as its own JSON."""
        answer = requests.get(f"{self.simulator.url}/sim/history", timeout=30)
        rows: list[dict[str, Any]] = json.loads(answer.content, parse_float=Decimal)
        return rows

    def stats(self) -> dict[str, Any]:
        stats: dict[str, Any] = requests.get(f"{self.simulator.url}/sim/stats", timeout=30).json()
        return stats

    def tell(self, what: str, body: object) -> None:
        """POST to a control endpoint: orders, scenario, faults, clock, reset-stats."""
        answer = requests.post(f"{self.simulator.url}/sim/{what}", json=body, timeout=30)
        assert answer.status_code == 200, answer.text

    def now(self) -> int:
        return int(requests.get(f"{self.simulator.url}/fapi/v1/time", timeout=30).json()["serverTime"])

    def sql(self, query: str) -> list[dict[str, Any]]:
        with psycopg.connect(self.database_url, row_factory=dict_row) as connection:
            return connection.execute(query).fetchall()

    def table(self) -> dict[tuple[str, int], dict[str, Any]]:
        """Every row of force_orders by symbol and id, decimals as their digits and times as milliseconds."""
        decimals = ", ".join(f"{COLUMNS[key]}::text" for key in sorted(DECIMALS))
        others = ", ".join(column for key, column in COLUMNS.items() if key not in DECIMALS)
        rows = self.sql(f"""
            SELECT {others}, {decimals}, close_type, raw,
                   (extract(epoch FROM order_time) * 1000)::numeric AS order_ms,
                   (extract(epoch FROM update_time) * 1000)::numeric AS update_ms
              FROM force_orders
        """)
        return {(row["symbol"], row["order_id"]): row for row in rows}

    def expected(self, since: int = 0) -> dict[tuple[str, int], dict[str, Any]]:
        """What the table should hold: the simulator's own history from `since` on."""
        return {
            (row["symbol"], row["orderId"]): expected_row(row)
            for row in self.history()
            if row.get("time", row["updateTime"]) >= since
        }

    def gaps(self) -> list[dict[str, Any]]:
        return self.sql("SELECT * FROM coverage_gaps ORDER BY symbol, gap_start")

    def watermark(self, symbol: str = "*") -> dict[str, Any]:
        (row,) = self.sql(f"SELECT * FROM watermarks WHERE symbol = '{symbol}'")
        return row

    def last_run(self) -> dict[str, Any]:
        return self.sql("SELECT * FROM runs ORDER BY id DESC LIMIT 1")[0]


Labs = Callable[..., Lab]
"""The fixture `lab`: makes labs, its arguments those of `Simulator`."""


def order_row(symbol: str, order_id: int, time: int, **changes: Any) -> dict[str, Any]:
    """The documented row as another order."""
    own = {"clientOrderId": f"autoclose-{time}000001", "time": time, "updateTime": time + 5}
    return ROW | {"symbol": symbol, "orderId": order_id} | own | changes


def ask(database_url: str, account: str = "main", symbol: str = "*") -> None:
    """As after a backfill of August 2026 that found no order."""
    with psycopg.connect(database_url) as connection:
        connection.execute(
            "INSERT INTO coverage (account, market, symbol, asked_since, proven) VALUES"
            " (%s, 'usdm', %s, '2026-08-01Z', '{[2026-08-01Z, 2026-09-01Z)}')",
            (account, symbol),
        )


def assert_table_equals_history(lab: Lab) -> None:
    since = int(lab.watermark()["covered_since"].timestamp() * 1000)
    table, expected = lab.table(), lab.expected(since)
    assert table.keys() == expected.keys()
    for key, row in table.items():
        assert {name: row[name] for name in expected[key]} == expected[key]
