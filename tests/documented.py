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

COINM_ROW: dict[str, Any] = {
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
MARGIN_ROW: dict[str, Any] = {
    "avgPrice": "0.00388359",
    "executedQty": "31.39000000",
    "orderId": 180015097,
    "price": "0.00388110",
    "qty": "31.39000000",
    "side": "SELL",
    "symbol": "BNBBTC",
    "timeInForce": "GTC",
    "isIsolated": True,
    "updatedTime": 1558941374745,
}


def _shortened(row: dict[str, Any], *left_out: str) -> dict[str, Any]:
    """The row as papi shows it."""
    long = {"closePosition", "stopPrice", "workingType", "priceProtect", "goodTillDate", *left_out}
    return {key: value for key, value in row.items() if key not in long}


MARKET_ROWS: dict[str, dict[str, Any]] = {
    "coinm": COINM_ROW,
    "pm-usdm": _shortened(ROW, "pair", "cumBase"),
    "pm-coinm": _shortened(COINM_ROW, "cumQuote"),
    "pm-margin": _shortened(MARGIN_ROW, "isIsolated"),
    "margin": MARGIN_ROW,
}
"""The rows of the pages of the other markets, by market."""

RECEIVED_AT = 4_102_444_800_000
"""When pages of the tests' own are received, by the exchange's clock: the year 2100, later than every order on them."""
