"""What the exchange documents, for the tests of every ring."""

from typing import Any

ROW: dict[str, Any] = {
    "orderId": 6071832819,
    "symbol": "BTCUSDT",
    "pair": "BTCUSDT",
    "status": "FILLED",
    "clientOrderId": "autoclose-1596107620040000020",
    "price": "10871.09",
    "avgPrice": "10913.21000",
    "origQty": "0.001",
    "executedQty": "0.001",
    "cumQuote": "10.91321",
    "cumBase": "0.001",
    "timeInForce": "IOC",
    "type": "LIMIT",
    "reduceOnly": False,
    "closePosition": False,
    "side": "SELL",
    "positionSide": "BOTH",
    "stopPrice": "0",
    "workingType": "CONTRACT_PRICE",
    "origType": "LIMIT",
    "time": 1596107620044,
    "updateTime": 1596107620087,
}
"""The first row of the endpoint's page, "User's Force Orders", as it is since August 2026."""

ROW_OF_2025 = {key: value for key, value in ROW.items() if key not in ("pair", "cumBase")}

ROW_OF_COINM: dict[str, Any] = {
    "orderId": 165123080,
    "symbol": "BTCUSD_200925",
    "pair": "BTCUSD",
    "status": "FILLED",
    "clientOrderId": "autoclose-1596542005017000006",
    "price": "11326.9",
    "avgPrice": "11326.9",
    "origQty": "1",
    "executedQty": "1",
    "cumBase": "0.00882854",
    "cumQuote": "100",
    "timeInForce": "IOC",
    "type": "LIMIT",
    "reduceOnly": False,
    "closePosition": False,
    "side": "SELL",
    "positionSide": "BOTH",
    "stopPrice": "0",
    "workingType": "CONTRACT_PRICE",
    "priceProtect": False,
    "origType": "LIMIT",
    "time": 1596542005019,
    "updateTime": 1596542005050,
    "goodTillDate": 0,
}
"""The same of COIN-M futures; quantities are contracts."""

ROW_OF_COINM_OF_2025 = {key: value for key, value in ROW_OF_COINM.items() if key not in ("cumQuote", "goodTillDate")}

_NOT_IN_PORTFOLIO_MARGIN = ("closePosition", "stopPrice", "workingType", "priceProtect", "cumQuote", "goodTillDate")
ROW_OF_PM_COINM = {key: value for key, value in ROW_OF_COINM.items() if key not in _NOT_IN_PORTFOLIO_MARGIN}

ROW_OF_PM_USDM = {
    key: value
    for key, value in ROW.items()
    if key not in ("closePosition", "stopPrice", "workingType", "pair", "cumBase")
}

ROW_OF_PM_MARGIN: dict[str, Any] = {
    "avgPrice": "0.00388359",
    "executedQty": "31.39000000",
    "orderId": 180015097,
    "price": "0.00388110",
    "qty": "31.39000000",
    "side": "SELL",
    "symbol": "BNBBTC",
    "timeInForce": "GTC",
    "updatedTime": 1558941374745,
}
"""Of the margin of a Portfolio Margin account: one of the rows in `{"rows": […], "total": 1}`."""

ROW_OF_MARGIN = ROW_OF_PM_MARGIN | {"isIsolated": True}

ROWS = {
    "usdm": ROW,
    "usdm of 2025": ROW_OF_2025,
    "coinm": ROW_OF_COINM,
    "coinm of 2025": ROW_OF_COINM_OF_2025,
    "pm-usdm": ROW_OF_PM_USDM,
    "pm-coinm": ROW_OF_PM_COINM,
    "pm-margin": ROW_OF_PM_MARGIN,
    "margin": ROW_OF_MARGIN,
}
"""The documented row of each market, and of the years before August 2026 where it was shorter."""

MARKET_ROWS = {
    name: row for name, row in ROWS.items() if name in ("coinm", "pm-usdm", "pm-coinm", "pm-margin", "margin")
}
"""Those of today of the markets beside USDⓈ-M, by market."""

RECEIVED_AT = 4_102_444_800_000
"""When pages of the tests' own are received, by the exchange's clock: the year 2100, later than every order on them."""
