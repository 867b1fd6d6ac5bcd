"""COIN-M futures. Source: the endpoint's page "User's Force Orders" of that API, with the weights of 2026-06."""

from etl.core.markets.apis import DAPI, DAPI_LISTING, DAPI_TIME
from etl.core.markets.market import FUTURES, Market

MARKET = Market(
    name="coinm",
    title="COIN-M futures",
    api=DAPI,
    path="/dapi/v1/forceOrders",
    weights=FUTURES,
    clock=DAPI_TIME,
    listing=DAPI_LISTING,
    probe_symbol="BTCUSD_PERP",
)
