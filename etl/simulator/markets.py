"""The symbols of the simulated exchange: scales of price and quantity, and what exchangeInfo lists for them."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

QUOTES = ("USDT", "USDC", "BUSD", "USD1", "BTC")
FAR_DELIVERY_MS = 4_133_404_800_000  # 2100-12-25: how Binance writes "perpetual"


@dataclass(frozen=True, slots=True)
class Market:
    """A symbol with its decimals and the price around which its history moves (in units of the quote asset)."""

    symbol: str
    price: float
    price_decimals: int
    quantity_decimals: int


MARKETS = (
    Market("BTCUSDT", 96_400.0, 2, 3),
    Market("ETHUSDT", 3_320.0, 2, 3),
    Market("SOLUSDT", 187.0, 3, 2),
    Market("XRPUSDT", 2.31, 4, 1),
    Market("DOGEUSDT", 0.32, 5, 0),
    Market("1000PEPEUSDT", 0.0171, 7, 0),
    Market("LINKUSDC", 22.4, 3, 2),
    Market("币安人生USDT", 0.1384, 5, 0),
)


def exchange_info(symbols: Iterable[str], weight_limit: int, now_ms: int) -> dict[str, Any]:
    """The document of /fapi/v1/exchangeInfo, as short as clients accept it."""
    return {
        "timezone": "UTC",
        "serverTime": now_ms,
        "futuresType": "U_MARGINED",
        "rateLimits": [
            {"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1, "limit": weight_limit},
            {"rateLimitType": "ORDERS", "interval": "MINUTE", "intervalNum": 1, "limit": 1200},
            {"rateLimitType": "ORDERS", "interval": "SECOND", "intervalNum": 10, "limit": 300},
        ],
        "exchangeFilters": [],
        "assets": [{"asset": "USDT", "marginAvailable": True, "autoAssetExchange": "-10000"}],
        "symbols": [_symbol_info(symbol) for symbol in symbols],
    }


def _symbol_info(symbol: str) -> dict[str, Any]:
    quote = next((quote for quote in QUOTES if symbol.endswith(quote)), "USDT")
    base = symbol.removesuffix(quote)
    market = _BY_SYMBOL.get(symbol, Market(symbol, 1.0, 4, 1))
    return {
        "symbol": symbol,
        "pair": symbol,
        "contractType": "PERPETUAL",
        "deliveryDate": FAR_DELIVERY_MS,
        "onboardDate": 1_569_398_400_000,
        "status": "TRADING",
        "baseAsset": base,
        "quoteAsset": quote,
        "marginAsset": quote,
        "pricePrecision": market.price_decimals,
        "quantityPrecision": market.quantity_decimals,
        "baseAssetPrecision": 8,
        "quotePrecision": 8,
        "underlyingType": "COIN",
        "underlyingSubType": [],
        "triggerProtect": "0.0500",
        "filters": [
            {"filterType": "PRICE_FILTER", "tickSize": _step(market.price_decimals), "minPrice": "0", "maxPrice": "0"},
            {"filterType": "LOT_SIZE", "stepSize": _step(market.quantity_decimals), "minQty": "0", "maxQty": "0"},
        ],
        "orderTypes": ["LIMIT", "MARKET"],
        "timeInForce": ["GTC", "IOC", "FOK", "GTX", "GTD"],
    }


def _step(decimals: int) -> str:
    return f"{10**-decimals:.{decimals}f}"


_BY_SYMBOL = {market.symbol: market for market in MARKETS}
