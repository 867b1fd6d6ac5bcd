"""The lists of an account's records: their paths, what a request must name, and a desk with orders of one's own."""

from dataclasses import replace
from typing import Any

from etl.simulator.accounts import MAIN, Account
from etl.simulator.scenario import DAY_MS
from tests.documented import ROW
from tests.unit.desk import START, Desk

Params = dict[str, Any]

CLASSIC = replace(MAIN, wallets=("usdm", "coinm", "margin"))
UNIFIED = replace(CLASSIC, portfolio_margin_from_ms=0)
AT = START - DAY_MS
FAPI, DAPI, UM, CM = "/fapi/v1", "/dapi/v1", "/papi/v1/um", "/papi/v1/cm"
SYMBOL: Params = {"symbol": "BTCUSDT"}
CONTRACT: Params = {"symbol": "BTCUSD_PERP"}
PAIR: Params = {"pair": "BTCUSD"}
MARKET = {FAPI: "usdm", DAPI: "coinm", UM: "pm-usdm", CM: "pm-coinm"}
NAMED = {FAPI: SYMBOL, DAPI: CONTRACT, UM: SYMBOL, CM: CONTRACT}
LISTS = [(api, name) for api in MARKET for name in ("allOrders", "userTrades", "income")]


def account_of(api: str) -> Account:
    return UNIFIED if api.startswith("/papi") else CLASSIC


def order(number: int, at: int = AT, **more: Any) -> dict[str, Any]:
    return ROW | {"orderId": number, "time": at, "updateTime": at + 1} | more


def desk_of(*rows: Any, **switches: Any) -> Desk:
    desk = Desk(accounts=(CLASSIC,), **{"own_orders_a_day": 0, **switches})
    desk.sim("orders", list(rows))
    return desk


def ids(rows: list[dict[str, Any]]) -> list[int]:
    """The order ids of rows."""
    return [row["orderId"] for row in rows]
