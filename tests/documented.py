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

RECEIVED_AT = 4_102_444_800_000
"""When pages of the tests' own are received, by the exchange's clock: the year 2100, later than every order on them."""
