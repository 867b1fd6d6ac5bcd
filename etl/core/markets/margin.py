"""Cross and isolated margin. Source: the page "Get Force Liquidation Record".

A request without symbol shows cross margin only; each isolated pair is asked for by name. The page does not promise how
long orders are kept. The 90 days are those of the same account's capital flow.
"""

from etl.core.markets.apis import ISOLATED_PAIRS, SAPI, SAPI_TIME
from etl.core.markets.market import Market, Pager, Weights

MARKET = Market(
    name="margin",
    title="cross and isolated margin",
    api=SAPI,
    path="/sapi/v1/margin/forceLiquidationRec",
    weights=Weights(by_symbol=1, of_all=1),
    clock=SAPI_TIME,
    listing=ISOLATED_PAIRS,
    probe_symbol=None,
    pager=Pager.NUMBERED,
    symbol_parameter="isolatedSymbol",
    has_close_types=False,
    is_split_by_symbol=True,
    default_limit=10,
)
