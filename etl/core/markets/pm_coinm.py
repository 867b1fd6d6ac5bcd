"""COIN-M futures in Portfolio Margin. Source: the page "Query User's CM Force Orders".

That API has neither a clock nor a list of symbols: both are asked for at the futures API.
"""

from etl.core.markets.apis import DAPI_LISTING, DAPI_TIME, PAPI
from etl.core.markets.market import FUTURES, Market

MARKET = Market(
    name="pm-coinm",
    title="COIN-M futures in Portfolio Margin",
    api=PAPI,
    path="/papi/v1/cm/forceOrders",
    weights=FUTURES,
    clock=DAPI_TIME,
    listing=DAPI_LISTING,
    probe_symbol="BTCUSD_PERP",
    is_portfolio_margin=True,
)
