"""USDⓈ-M futures. Source: the endpoint's page "User's Force Orders"."""

from etl.core.markets.apis import FAPI, FAPI_LISTING, FAPI_TIME
from etl.core.markets.market import FUTURES, Market

MARKET = Market(
    name="usdm",
    title="USDⓈ-M futures",
    api=FAPI,
    path="/fapi/v1/forceOrders",
    weights=FUTURES,
    clock=FAPI_TIME,
    listing=FAPI_LISTING,
    probe_symbol="BTCUSDT",
)
