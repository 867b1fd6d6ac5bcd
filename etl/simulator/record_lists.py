"""The lists of an account's records, one value each: where a market shows orders, trades and income, and how far."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Literal

from etl.simulator.markets import SIGNED
from etl.simulator.pools import Price, flat, with_symbol
from etl.simulator.rules import Reach
from etl.simulator.scenario import DAY_MS, WEEK_MS, Scenario

Scope = Literal["any", "symbol", "symbol or pair"]

TIMED = SIGNED | {"symbol", "limit"}
YEAR_MS = 365 * DAY_MS
COINM_INCOME_DAYS = 200  # in Portfolio Margin


@dataclass(frozen=True, slots=True)
class RecordList:
    """One endpoint. `scope`: what a request must name. `limits`: the rows of a page by default and at most."""

    path: str
    price: Price
    scope: Scope
    limits: tuple[int, int]
    parameters: frozenset[str]
    reach: Callable[[Scenario], Reach]


def _of_orders(scenario: Scenario) -> Reach:
    return Reach(scenario.window_rule, scenario.longest_window_ms, scenario.retention_days)


def _of_orders_at_papi_cm(scenario: Scenario) -> Reach:
    return replace(_of_orders(scenario), rule="none")


def _of_trades(scenario: Scenario) -> Reach:
    return replace(_of_orders(scenario), kept_days=scenario.trades_retention_days)


def _of_trades_at_papi_cm(scenario: Scenario) -> Reach:
    return Reach("le", DAY_MS, scenario.trades_retention_days, DAY_MS, "24 hours")


def _of_income(scenario: Scenario) -> Reach:
    return Reach("none", WEEK_MS, scenario.income_retention_days)


def _of_income_at_dapi(scenario: Scenario) -> Reach:
    return Reach("le", YEAR_MS, scenario.income_retention_days, longest_name="1 year")


def _of_income_at_papi_cm(_scenario: Scenario) -> Reach:
    days = COINM_INCOME_DAYS
    return Reach("le", days * DAY_MS, days, days * DAY_MS, f"{days} days")


_ORDERS = TIMED | {"orderId"}
_TRADES = TIMED | {"fromId"}
_INCOME = TIMED | {"incomeType"}
_PAIR, _ID = frozenset({"pair"}), frozenset({"orderId"})
_MANY, _FEW = (500, 1000), (50, 100)

ALL_ORDERS: Mapping[str, RecordList] = {
    "usdm": RecordList("/fapi/v1/allOrders", flat(5), "any", _MANY, _ORDERS, _of_orders),
    "coinm": RecordList("/dapi/v1/allOrders", flat(5), "symbol or pair", _FEW, _ORDERS | _PAIR, _of_orders),
    "pm-usdm": RecordList("/papi/v1/um/allOrders", flat(5), "symbol", _MANY, _ORDERS, _of_orders),
    "pm-coinm": RecordList(
        "/papi/v1/cm/allOrders", with_symbol(20, 40), "symbol or pair", _FEW, _ORDERS | _PAIR, _of_orders_at_papi_cm
    ),
}
"""By market, as the others."""

TRADES: Mapping[str, RecordList] = {
    "usdm": RecordList("/fapi/v1/userTrades", flat(5), "symbol", _MANY, _TRADES | _ID, _of_trades),
    "coinm": RecordList(
        "/dapi/v1/userTrades", flat(5), "symbol or pair", (50, 1000), _TRADES | _ID | _PAIR, _of_trades
    ),
    "pm-usdm": RecordList("/papi/v1/um/userTrades", flat(5), "symbol", _MANY, _TRADES, _of_trades),
    "pm-coinm": RecordList(
        "/papi/v1/cm/userTrades",
        with_symbol(20, 40),
        "symbol or pair",
        (50, 1000),
        _TRADES | _PAIR,
        _of_trades_at_papi_cm,
    ),
}

INCOME: Mapping[str, RecordList] = {
    "usdm": RecordList("/fapi/v1/income", flat(30), "any", (100, 1000), _INCOME, _of_income),
    "coinm": RecordList("/dapi/v1/income", flat(20), "any", (100, 1000), _INCOME, _of_income_at_dapi),
    "pm-usdm": RecordList("/papi/v1/um/income", flat(30), "any", (100, 1000), _INCOME, _of_income),
    "pm-coinm": RecordList("/papi/v1/cm/income", flat(30), "any", (100, 1000), _INCOME, _of_income_at_papi_cm),
}
