"""The exchange's markets: a value for each, in a file of its own. Contains no code that chooses between them.

A market is part of every key: order ids, coverage and gaps of two markets never mix.
"""

from etl.core.markets import coinm, margin, pm_coinm, pm_margin, pm_usdm, usdm
from etl.core.markets.market import Market

MARKETS = tuple(one.MARKET for one in (usdm, coinm, pm_usdm, pm_coinm, pm_margin, margin))
"""All markets, in the order in which they are read and shown."""

NAMES = tuple(market.name for market in MARKETS)

USDM = usdm.MARKET.name
"""The market of everything that was stored, enqueued and said before there were others."""

_BY_NAME: dict[str, Market] = {market.name: market for market in MARKETS}


def market_named(name: str) -> Market:
    """Raises KeyError for a name that no market has."""
    return _BY_NAME[name]
