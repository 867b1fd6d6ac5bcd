"""USDⓈ-M futures. Source: the endpoint's page "User's Force Orders"."""

from etl.core.markets.apis import FAPI, FAPI_LISTING, FAPI_TIME
from etl.core.markets.market import FUTURES, Archive, Endpoint, Market, Records

MARKET = Market(
    name="usdm",
    title="USDⓈ-M futures",
    api=FAPI,
    path="/fapi/v1/forceOrders",
    weights=FUTURES,
    clock=FAPI_TIME,
    listing=FAPI_LISTING,
    probe_symbol="BTCUSDT",
    all_orders=Records(Endpoint(FAPI, "/fapi/v1/allOrders", 5), 1_000, 500),
    fills=Records(Endpoint(FAPI, "/fapi/v1/userTrades", 5), 1_000, 500, needs_symbol=True, takes_order_id=True),
    mark_prices=Endpoint(FAPI, "/fapi/v1/markPriceKlines"),
    archive=Archive(
        Endpoint(FAPI, "/fapi/v1/order/asyn", 1_000), Endpoint(FAPI, "/fapi/v1/order/asyn/id", 10), monthly=10
    ),
    income=Records(Endpoint(FAPI, "/fapi/v1/income", 30), 1_000, 100),
)
