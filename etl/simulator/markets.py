"""The markets of an account, one value each: where its force orders are read, at what price, and in which shape."""

from dataclasses import dataclass
from typing import Literal

from etl.simulator.instruments import COINM_INSTRUMENTS, MARGIN_INSTRUMENTS, USDM_INSTRUMENTS, Instrument
from etl.simulator.pools import FUTURES, PAPI, SAPI, Pool, Price, by_symbol, flat
from etl.simulator.rows import RowMaker, coinm_row, margin_row, usdm_row

Wallet = Literal["usdm", "coinm", "margin"]
Paging = Literal["cursor", "numbered"]

SIGNED = frozenset({"startTime", "endTime", "recvWindow", "timestamp", "signature"})
CURSOR = SIGNED | {"symbol", "autoCloseType", "limit"}
NUMBERED = SIGNED | {"current", "size"}

LONG_KEYS = frozenset(
    {"closePosition", "stopPrice", "workingType", "priceProtect", "priceMatch", "selfTradePreventionMode"}
)
"""Keys of fapi and dapi that the shorter rows of papi do not have."""


@dataclass(frozen=True, slots=True)
class Market:
    """One market.

    `wallet`: what an account holds; it decides symbols and rows, and a classic market and its counterpart of Portfolio
    Margin share it. `left_out`: the keys that rows of the classic counterpart have and this market's have not.
    """

    name: str
    path: str
    wallet: Wallet
    pool: Pool
    price: Price
    paging: Paging
    parameters: frozenset[str]
    instruments: tuple[Instrument, ...]
    row: RowMaker
    portfolio_margin: bool = False
    left_out: frozenset[str] = frozenset()


USDM = Market(
    "usdm",
    "/fapi/v1/forceOrders",
    wallet="usdm",
    pool=FUTURES,
    price=by_symbol,
    paging="cursor",
    parameters=CURSOR,
    instruments=USDM_INSTRUMENTS,
    row=usdm_row,
)
COINM = Market(
    "coinm",
    "/dapi/v1/forceOrders",
    wallet="coinm",
    pool=FUTURES,
    price=by_symbol,
    paging="cursor",
    parameters=CURSOR,
    instruments=COINM_INSTRUMENTS,
    row=coinm_row,
)
MARGIN = Market(
    "margin",
    "/sapi/v1/margin/forceLiquidationRec",
    wallet="margin",
    pool=SAPI,
    price=flat(1),
    paging="numbered",
    parameters=NUMBERED | {"isolatedSymbol"},
    instruments=MARGIN_INSTRUMENTS,
    row=margin_row,
)
PM_USDM = Market(
    "pm-usdm",
    "/papi/v1/um/forceOrders",
    wallet="usdm",
    pool=PAPI,
    price=by_symbol,
    paging="cursor",
    parameters=CURSOR,
    instruments=USDM_INSTRUMENTS,
    row=usdm_row,
    portfolio_margin=True,
    left_out=LONG_KEYS | {"pair", "cumBase", "goodTillDate"},
)
PM_COINM = Market(
    "pm-coinm",
    "/papi/v1/cm/forceOrders",
    wallet="coinm",
    pool=PAPI,
    price=by_symbol,
    paging="cursor",
    parameters=CURSOR,
    instruments=COINM_INSTRUMENTS,
    row=coinm_row,
    portfolio_margin=True,
    left_out=LONG_KEYS | {"cumQuote", "goodTillDate"},
)
PM_MARGIN = Market(
    "pm-margin",
    "/papi/v1/margin/forceOrders",
    wallet="margin",
    pool=PAPI,
    price=flat(1),
    paging="numbered",
    parameters=NUMBERED,
    instruments=MARGIN_INSTRUMENTS,
    row=margin_row,
    portfolio_margin=True,
    left_out=frozenset({"isIsolated"}),
)

MARKETS = {one.name: one for one in (USDM, COINM, PM_USDM, PM_COINM, PM_MARGIN, MARGIN)}
CLASSIC = {one.wallet: one for one in (USDM, COINM, MARGIN)}
PORTFOLIO_MARGIN = {one.wallet: one for one in (PM_USDM, PM_COINM, PM_MARGIN)}
BY_PATH = {one.path: one for one in MARKETS.values()}


def market_named(name: str) -> Market:
    """The market of that name; raises ValueError, one line."""
    if name not in MARKETS:
        raise ValueError(f"there is no market {name!r}, only {', '.join(MARKETS)}")
    return MARKETS[name]
