"""The exchange's APIs and the pools of weight that they share.

Sources: the pages "General Info" of each API; since 2026-06 USDⓈ-M and COIN-M futures share one pool.
"""

from etl.core.markets.market import Api, Endpoint, Pool

FUTURES_POOL = Pool("futures", 2_400, "X-MBX-USED-WEIGHT-1M")
PORTFOLIO_POOL = Pool("portfolio", 6_000, "X-MBX-USED-WEIGHT-1M")
MARGIN_POOL = Pool("margin", 12_000, "X-SAPI-USED-IP-WEIGHT-1M")
"""Each endpoint of this API has a pool of its own of this size. To count them together is the safe side."""

FAPI = Api("fapi", "https://fapi.binance.com", FUTURES_POOL)
DAPI = Api("dapi", "https://dapi.binance.com", FUTURES_POOL)
PAPI = Api("papi", "https://papi.binance.com", PORTFOLIO_POOL)
SAPI = Api("sapi", "https://api.binance.com", MARGIN_POOL)

APIS = (FAPI, DAPI, PAPI, SAPI)

FAPI_TIME, FAPI_LISTING = Endpoint(FAPI, "/fapi/v1/time"), Endpoint(FAPI, "/fapi/v1/exchangeInfo")
DAPI_TIME, DAPI_LISTING = Endpoint(DAPI, "/dapi/v1/time"), Endpoint(DAPI, "/dapi/v1/exchangeInfo")
SAPI_TIME = Endpoint(SAPI, "/api/v3/time")
ISOLATED_PAIRS = Endpoint(SAPI, "/sapi/v1/margin/isolated/allPairs", 10)
