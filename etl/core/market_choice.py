"""Which markets of an account a command reads: those that were named, else its own. Pure."""

from collections.abc import Iterable, Sequence

from etl.core.markets import MARKETS, NAMES, pm_usdm, usdm

OF_SYMBOLS = (usdm.MARKET.name, pm_usdm.MARKET.name)
"""The markets in which a symbol is asked for that was named without a market: an account has one of them."""

WITHOUT_SYMBOLS = tuple(market.name for market in MARKETS if market.symbol_parameter is None)
"""The markets whose requests cannot name a symbol."""

NO_MARKET_OF_SYMBOLS = "it has no USDⓈ-M futures; name the market of the symbols with --market"


def sort_markets(names: Iterable[str]) -> tuple[str, ...]:
    """Each once, in the order in which markets are read and shown."""
    chosen = {*names}
    return tuple(name for name in NAMES if name in chosen)


def markets_to_read(named: Sequence[str], own: Sequence[str], symbols: Sequence[str] = ()) -> tuple[str, ...]:
    """`named` and `symbols`: on the command line. `own`: the account's markets.

    Without names: the account's own, and where a symbol is named those of USDⓈ-M futures alone, which may be none.
    """
    if named:
        return sort_markets(named)
    return tuple(name for name in own if not symbols or name in OF_SYMBOLS)
