"""COIN-M futures. Source: the endpoint's page "User's Force Orders" of that API, with the weights of 2026-06."""

from etl.core.markets.apis import DAPI, DAPI_LISTING, DAPI_TIME
from etl.core.markets.market import FUTURES, Archive, Endpoint, Market, Records

MARKET = Market(
    name="coinm",
    title="COIN-M futures",
    api=DAPI,
    path="/dapi/v1/forceOrders",
    weights=FUTURES,
    clock=DAPI_TIME,
    listing=DAPI_LISTING,
    probe_symbol="BTCUSD_PERP",
    all_orders=Records(Endpoint(DAPI, "/dapi/v1/allOrders", 5), 100, 50, needs_symbol=True),
    fills=Records(Endpoint(DAPI, "/dapi/v1/userTrades", 5), 1_000, 50, needs_symbol=True, takes_order_id=True),
    mark_prices=Endpoint(DAPI, "/dapi/v1/markPriceKlines"),
    archive=Archive(
        Endpoint(DAPI, "/dapi/v1/order/asyn", 1_000), Endpoint(DAPI, "/dapi/v1/order/asyn/id", 5), monthly=8
    ),
    income=Records(Endpoint(DAPI, "/dapi/v1/income", 20), 1_000, 100),
)
