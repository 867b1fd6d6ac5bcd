"""USDⓈ-M futures in Portfolio Margin. Source: the page "Query User's UM Force Orders".

That API has neither a clock nor a list of symbols: both are asked for at the futures API.
"""

from etl.core.markets.apis import FAPI, FAPI_LISTING, FAPI_TIME, PAPI
from etl.core.markets.market import FUTURES, Archive, Endpoint, Market, Records

MARKET = Market(
    name="pm-usdm",
    title="USDⓈ-M futures in Portfolio Margin",
    api=PAPI,
    path="/papi/v1/um/forceOrders",
    weights=FUTURES,
    clock=FAPI_TIME,
    listing=FAPI_LISTING,
    probe_symbol="BTCUSDT",
    all_orders=Records(Endpoint(PAPI, "/papi/v1/um/allOrders", 5), 1_000, 500, needs_symbol=True),
    fills=Records(Endpoint(PAPI, "/papi/v1/um/userTrades", 5), 1_000, 500, needs_symbol=True),
    mark_prices=Endpoint(FAPI, "/fapi/v1/markPriceKlines"),
    archive=Archive(
        Endpoint(PAPI, "/papi/v1/um/order/asyn", 1_500), Endpoint(PAPI, "/papi/v1/um/order/asyn/id", 10), monthly=10
    ),
    income=Records(Endpoint(PAPI, "/papi/v1/um/income", 30), 1_000, 100),
    is_portfolio_margin=True,
)
