"""What each API lists: the symbols of fapi and dapi with their limits, and the pairs of margin trading."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from etl.simulator.instruments import Instrument, assets_of, coinm_instrument, usdm_instrument

FAR_DELIVERY_MS = 4_133_404_800_000  # 2100-12-25: how Binance writes "perpetual"
DELIVERY_HOUR = 8  # UTC
ONBOARD_MS = 1_569_398_400_000


def usdm_info(symbols: Iterable[str], weight_limit: int, now_ms: int) -> dict[str, Any]:
    """The document of /fapi/v1/exchangeInfo, as short as clients accept it."""
    return {
        "timezone": "UTC",
        "serverTime": now_ms,
        "futuresType": "U_MARGINED",
        "rateLimits": _rate_limits(weight_limit),
        "exchangeFilters": [],
        "assets": [{"asset": "USDT", "marginAvailable": True, "autoAssetExchange": "-10000"}],
        "symbols": [_usdm_symbol(symbol) for symbol in symbols],
    }


def coinm_info(symbols: Iterable[str], weight_limit: int, now_ms: int) -> dict[str, Any]:
    """The document of /dapi/v1/exchangeInfo. The limit is that of the pool that dapi shares with fapi."""
    return {
        "timezone": "UTC",
        "serverTime": now_ms,
        "rateLimits": _rate_limits(weight_limit),
        "exchangeFilters": [],
        "symbols": [_coinm_symbol(symbol) for symbol in symbols],
    }


def cross_pairs(symbols: Iterable[str]) -> list[dict[str, Any]]:
    """The rows of /sapi/v1/margin/allPairs."""
    return [{"id": number, **pair} for number, pair in enumerate(isolated_pairs(symbols), 351_637_150_141_315_861)]


def isolated_pairs(symbols: Iterable[str]) -> list[dict[str, Any]]:
    """The rows of /sapi/v1/margin/isolated/allPairs."""
    return [
        {
            "symbol": symbol,
            "base": base,
            "quote": quote,
            "isMarginTrade": True,
            "isBuyAllowed": True,
            "isSellAllowed": True,
        }
        for symbol in symbols
        for base, quote in [assets_of(symbol)]
    ]


def _rate_limits(weight_limit: int) -> list[dict[str, Any]]:
    return [
        {"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1, "limit": weight_limit},
        {"rateLimitType": "ORDERS", "interval": "MINUTE", "intervalNum": 1, "limit": 1200},
        {"rateLimitType": "ORDERS", "interval": "SECOND", "intervalNum": 10, "limit": 300},
    ]


def _usdm_symbol(symbol: str) -> dict[str, Any]:
    base, quote = assets_of(symbol)
    instrument = usdm_instrument(symbol)
    return {
        "symbol": symbol,
        "pair": symbol,
        "contractType": "PERPETUAL",
        "deliveryDate": FAR_DELIVERY_MS,
        "onboardDate": ONBOARD_MS,
        "status": "TRADING",
        **_assets_and_scales(base, quote, quote, instrument),
        "orderTypes": ["LIMIT", "MARKET"],
        "timeInForce": ["GTC", "IOC", "FOK", "GTX", "GTD"],
    }


def _coinm_symbol(symbol: str) -> dict[str, Any]:
    base, quote = assets_of(symbol)
    instrument = coinm_instrument(symbol)
    pair, _, expiry = symbol.partition("_")
    return {
        "symbol": symbol,
        "pair": pair,
        "contractType": "CURRENT_QUARTER" if expiry.isdigit() else "PERPETUAL",
        "deliveryDate": _delivery_ms(expiry),
        "onboardDate": ONBOARD_MS,
        "contractStatus": "TRADING",
        "contractSize": instrument.contract_size,
        **_assets_and_scales(base, quote, base, instrument),
        "orderTypes": ["LIMIT", "MARKET"],
        "timeInForce": ["GTC", "IOC", "FOK", "GTX"],
    }


def _delivery_ms(expiry: str) -> int:
    """The delivery of a contract whose name ends in a date such as 261225."""
    if not expiry.isdigit():
        return FAR_DELIVERY_MS
    day = datetime.strptime(expiry, "%y%m%d").replace(hour=DELIVERY_HOUR, tzinfo=UTC)
    return int(day.timestamp() * 1000)


def _assets_and_scales(base: str, quote: str, margin: str, instrument: Instrument) -> dict[str, Any]:
    price, quantity = _step(instrument.price_decimals), _step(instrument.quantity_decimals)
    return {
        "baseAsset": base,
        "quoteAsset": quote,
        "marginAsset": margin,
        "pricePrecision": instrument.price_decimals,
        "quantityPrecision": instrument.quantity_decimals,
        "baseAssetPrecision": 8,
        "quotePrecision": 8,
        "underlyingType": "COIN",
        "underlyingSubType": [],
        "triggerProtect": "0.0500",
        "filters": [
            {"filterType": "PRICE_FILTER", "tickSize": price, "minPrice": "0", "maxPrice": "0"},
            {"filterType": "LOT_SIZE", "stepSize": quantity, "minQty": "0", "maxQty": "0"},
        ],
    }


def _step(decimals: int) -> str:
    return f"{10**-decimals:.{decimals}f}"
