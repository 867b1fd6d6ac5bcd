"""COIN-M futures in Portfolio Margin. Source: the page "Query User's CM Force Orders".

That API has neither a clock nor a list of symbols: both are asked for at the futures API.
"""

from etl.core.markets.apis import DAPI, DAPI_LISTING, DAPI_TIME, PAPI
from etl.core.markets.market import FUTURES, Endpoint, Market, Records
from etl.core.timeline import DAY

MARKET = Market(
    name="pm-coinm",
    title="COIN-M futures in Portfolio Margin",
    api=PAPI,
    path="/papi/v1/cm/forceOrders",
    weights=FUTURES,
    clock=DAPI_TIME,
    listing=DAPI_LISTING,
    probe_symbol="BTCUSD_PERP",
    all_orders=Records(Endpoint(PAPI, "/papi/v1/cm/allOrders", 20), 100, 50, needs_symbol=True),
    fills=Records(Endpoint(PAPI, "/papi/v1/cm/userTrades", 20), 1_000, 50, widest=DAY - 2, needs_symbol=True),
    mark_prices=Endpoint(DAPI, "/dapi/v1/markPriceKlines"),
    income=Records(Endpoint(PAPI, "/papi/v1/cm/income", 30), 1_000, 100),
    is_portfolio_margin=True,
)
