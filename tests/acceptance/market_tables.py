"""Accounts with each market, and each market's table beside the exchange's own history of it."""

import json
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

import requests

from etl.core.timeline import Window
from etl.simulator.accounts import MAIN, Account
from etl.simulator.history import Generated, Profile
from etl.simulator.markets import MARKETS
from etl.simulator.scenario import Scenario
from tests.acceptance.lab import COLUMNS, DECIMALS, Lab, Labs, expected_row
from tests.documented import ROWS

CLASSIC = replace(MAIN, wallets=("usdm", "coinm", "margin"))
UNIFIED = replace(CLASSIC, portfolio_margin_from_ms=0)

NAMES = tuple(MARKETS)
OF_CLASSIC = ("usdm", "coinm", "margin")
OF_UNIFIED = ("pm-usdm", "pm-coinm", "pm-margin")
PATHS = {name: market.path for name, market in MARKETS.items()}
ACCOUNT_INFO = "/sapi/v1/account/info"

BEYOND_FLOATS = 8_389_766_251_307_928_000
"""Above 2^53: a float, and so most JSON readers, would round such an order id."""

BUSY = Generated(Profile("bursty", 20.0), "markets", days=14)
"""Two weeks with pages that are full, and with crowded milliseconds."""

LONG = Generated(Profile("bursty", 3.0), "markets", days=60)
"""Two months in which every page has room."""

_COLUMNS = COLUMNS | {"qty": "orig_qty", "pair": "pair", "cumBase": "cum_base", "isIsolated": "is_isolated"}
_DECIMALS = {_COLUMNS[key] for key in (*DECIMALS, "qty", "cumBase")}
_SELECTED = ", ".join(
    f"{column}::text" if column in _DECIMALS else column for column in sorted({*_COLUMNS.values()} - {"symbol"})
)

Rows = dict[tuple[str, int], dict[str, Any]]


def account_of(market: str) -> Account:
    """An account that has this market."""
    return UNIFIED if MARKETS[market].portfolio_margin else CLASSIC


def histories(history: Generated, wallets: Sequence[str] = OF_CLASSIC) -> dict[str, Any]:
    """The same instants in each wallet of `main`; the simulator moves them to Portfolio Margin where that is due."""
    return {"main": dict.fromkeys(wallets, history)}


def market_lab(lab: Labs, market: str, of: Generated | None = BUSY, scenario: Scenario | None = None) -> Lab:
    """An exchange whose account has this market, and a command that reads it alone."""
    scenario = scenario or Scenario(order_id_offset=BEYOND_FLOATS)
    made = lab(scenario, (account_of(market),), histories=histories(of) if of else {"main": {}})
    made.command.environment["FORCE_ORDERS_MARKETS"] = market
    return made


def row_of(market: str, order_id: int, time: int, **changes: Any) -> dict[str, Any]:
    """The documented row of a market as another order."""
    row = ROWS[market] | {"orderId": order_id} | changes
    return row | {key: time for key in ("time", "updateTime", "updatedTime") if key in row}


def table(lab: Lab, market: str) -> Rows:
    """The stored rows of a market by symbol and id, decimals as their digits and times in milliseconds."""
    rows = lab.sql(f"""
        SELECT symbol, {_SELECTED}, close_type, raw, source, order_time_source,
               (extract(epoch FROM order_time) * 1000)::bigint AS order_ms,
               (extract(epoch FROM update_time) * 1000)::bigint AS update_ms
          FROM force_orders WHERE account = 'main' AND market = '{market}'
    """)
    return {(row["symbol"], row["order_id"]): row for row in rows}


def history(lab: Lab, market: str) -> list[dict[str, Any]]:
    """Every order that the exchange has of a market by now, as its own JSON."""
    answer = requests.get(f"{lab.simulator.url}/sim/history?market={market}", timeout=30)
    rows: list[dict[str, Any]] = json.loads(answer.content, parse_float=Decimal)
    return rows


def expected(row: dict[str, Any]) -> dict[str, Any]:
    """What the table should hold of a row, computed here again instead of by the code under test."""
    updated = row.get("updateTime", row.get("updatedTime"))
    own = expected_row({"updateTime": updated, **row})
    return own | {
        "orig_qty": row.get("origQty", row.get("qty")),
        "pair": row.get("pair"),
        "cum_base": row.get("cumBase"),
        "is_isolated": row.get("isIsolated"),
        "source": "api",
        "order_time_source": "time" if "time" in row else "update",
        "raw": row,
    }


def assert_is_the_history(lab: Lab, *markets: str) -> None:
    """The table holds all that the exchange has of these markets, to the digit, and nothing else of them."""
    for market in markets:
        stored, shown = table(lab, market), {(row["symbol"], row["orderId"]): row for row in history(lab, market)}
        assert stored.keys() == shown.keys(), market
        for key, row in shown.items():
            assert stored[key] == expected(row), market


def gaps(lab: Lab, market: str) -> list[dict[str, Any]]:
    """Of all symbols together."""
    return lab.sql(f"SELECT * FROM coverage_gaps WHERE market = '{market}' AND symbol = '*' ORDER BY gap_start")


def proven(lab: Lab, market: str) -> list[Window]:
    """What is proven of a market without symbol."""
    rows = lab.sql(f"""
        SELECT (extract(epoch FROM lower(piece)) * 1000)::bigint AS start,
               (extract(epoch FROM upper(piece)) * 1000)::bigint AS end
          FROM coverage, unnest(proven) AS piece WHERE market = '{market}' AND symbol = '*' ORDER BY 1
    """)
    return [Window(row["start"], row["end"]) for row in rows]
