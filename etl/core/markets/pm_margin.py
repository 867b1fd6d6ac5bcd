"""Margin in Portfolio Margin. Source: the page "Query User's Margin Force Orders".

The page promises neither how long orders are kept nor their order. The 90 days are those of the same account's
capital flow.
"""

from etl.core.markets.apis import FAPI_TIME, PAPI
from etl.core.markets.market import Market, Pager, Weights

MARKET = Market(
    name="pm-margin",
    title="margin in Portfolio Margin",
    api=PAPI,
    path="/papi/v1/margin/forceOrders",
    weights=Weights(by_symbol=1, of_all=1),
    clock=FAPI_TIME,
    listing=None,
    probe_symbol=None,
    pager=Pager.NUMBERED,
    symbol_parameter=None,
    has_close_types=False,
    default_limit=10,
    is_portfolio_margin=True,
)
